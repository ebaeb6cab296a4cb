"""Twin: highlevel/storage.py. ``.weights.h5`` and ``.keras`` files, to and from, with h5py alone; the state of checkpoints."""

from pathlib import Path

import h5py
import numpy as np
import tensorflow as tf

from lowlevel import distribution
from shared.data.card import DataCard
from shared.formats.progress import Progress
from shared.settings import FUSED
from shared.spec import ModelSpec, TrainSpec, slot_names
from shared.weights import layer_groups, read_contents, written

__all__ = ["arithmetic", "read", "variables", "write"]


def arithmetic(trainer) -> str:
    """Trainings in which this is equal round alike: XLA has its own order of operations, and so have Keras in eager code and
    TensorFlow's kernel of Adam."""
    if trainer.strategy is not None:  # parts are added up in an order of their own
        return f"{distribution.replicas(trainer.strategy)} replicas"
    return "xla" if trainer.jit_compile else "fused" if trainer.execution == FUSED else "graph"


def variables(trainer) -> list[list[tf.Variable]]:
    """All that the next step depends on, in the groups of ``shared.records.State``: weights, slots, seeds, carried."""
    means = [part for mean in (trainer.mean_loss, trainer.mean_metric) for part in (mean.total, mean.count)]
    means = means if trainer.strategy is None else []  # to read them all replicas would have to be asked
    product = getattr(getattr(trainer.optimizer, "inner", None), "u_product", None)  # ``LossScaleOptimizer`` leaves it out
    return [
        trainer.network.weights,
        trainer.optimizer.variables,
        trainer.network.seeds,
        means if product is None else [*means, product],
    ]


def read(path: str | Path, trainer) -> None:
    """Load weights, optimiser and progress from a file of either wing or of plain Keras, as far as it holds them.

    Raises:
        InputError: the file cannot be read or does not fit; the trainer is not changed then.
    """
    found = read_contents(path, trainer.model, trainer.state())
    trainer.restore(found.state)
    trainer.card = found.card or trainer.card
    if found.progress is not None:
        trainer.epoch = found.progress.epoch


def write(path: str | Path, trainer, card: DataCard) -> None:
    """Write all that ``read`` loads so that either wing and plain Keras load it; the file appears whole or not at all."""
    model: ModelSpec = trainer.model
    train: TrainSpec = trainer.train
    state = trainer.state()
    progress = Progress.of(trainer.epoch, state, trainer.jit_compile)
    with written(path, model, train, card, progress) as unfinished, h5py.File(unfinished, "w") as file:
        file.create_group("vars").attrs["name"] = model.name
        values = iter(state.weights)
        for name, (layer, inputs) in zip(layer_groups(model), model.stack, strict=True):
            group = file.create_group(name)
            group.attrs["name"] = layer.name
            for at in range(len(layer.shapes(inputs))):
                group[str(at)] = next(values)
        if model.dtype == "mixed_float16":  # Keras keeps the optimiser that is wrapped a second time, by itself
            wrapped = [name.startswith("loss_scale/") for name in slot_names(model, train)].count(True)
            _write_variables(file, "optimizer/vars", "loss_scale_optimizer", state.slots)
            _write_variables(file, "optimizer/inner_optimizer/vars", train.optimizer, state.slots[wrapped:])
        else:
            _write_variables(file, "optimizer/vars", train.optimizer, state.slots)


def _write_variables(file: h5py.File, name: str, optimizer: str, values: list[np.ndarray]) -> None:
    group = file.create_group(name)
    group.attrs["name"] = optimizer
    for position, value in enumerate(values):
        group[str(position)] = value
