"""Twin: lowlevel/storage.py. ``.weights.h5`` and ``.keras`` files by Keras's own methods, and back; the state of checkpoints."""

from pathlib import Path

import keras

from highlevel import distribution
from shared.data.card import DataCard
from shared.formats.progress import Progress
from shared.weights import read_contents, written

__all__ = ["arithmetic", "read", "variables", "write"]


def arithmetic(trainer) -> str:
    """Trainings in which this is equal round alike: XLA has its own order of operations, and so has Keras in eager code."""
    if trainer.strategy is not None:  # parts are added up in an order of their own
        return f"{distribution.replicas(trainer.strategy)} replicas"
    return "xla" if trainer.jit_compile else "keras eager" if trainer.execution == "eager" else "graph"


def variables(trainer) -> list[list[keras.Variable]]:
    """All that the next step depends on, in the groups of ``shared.records.State``: weights, slots, seeds, carried."""
    layers = [layer for layer in trainer.network.layers if isinstance(layer, keras.layers.Dropout)]
    means = (trainer.network.metrics[0], trainer.metric)  # Keras's own running loss, and the metric that we gave it
    carried = [part for mean in means for part in (mean.total, mean.count)]
    carried = carried if trainer.strategy is None else []  # to read them all replicas would have to be asked
    product = getattr(getattr(trainer.optimizer, "inner_optimizer", None), "_u_product", None)  # Keras loses track of it
    return [
        trainer.network.weights,
        trainer.optimizer.variables,
        [layer.seed_generator.state for layer in layers],
        carried if product is None else [*carried, product],
    ]


def read(path: str | Path, trainer) -> None:
    """Load weights, optimiser and progress from a file of either wing or of plain Keras, as far as it holds them.

    Raises:
        InputError: the file cannot be read or does not fit; the trainer is not changed then.
    """
    found = read_contents(path, trainer.model, trainer.state())
    trainer.restore(found.state)  # Keras's own reader would follow what the file says, and stop half-way where it is damaged
    trainer.card = found.card or trainer.card
    if found.progress is not None:
        trainer.epoch = found.progress.epoch


def write(path: str | Path, trainer, card: DataCard) -> None:
    """Write all that ``read`` loads so that either wing and plain Keras load it; the file appears whole or not at all."""
    progress = Progress.of(trainer.epoch, trainer.state(), trainer.jit_compile)
    with written(path, trainer.model, trainer.train, card, progress) as unfinished:
        trainer.network.save_weights(unfinished)
