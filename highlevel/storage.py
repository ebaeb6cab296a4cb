"""Twin: lowlevel/storage.py. Weights to and from ``.weights.h5`` files, by Keras's own ``save_weights`` and ``load_weights``."""

from pathlib import Path

from shared.data.card import DataCard
from shared.weights import read_card, read_state, written

__all__ = ["read", "write"]


def read(path: str | Path, trainer) -> None:
    """Load weights and optimiser from a file of either wing or of plain Keras.

    Raises:
        InputError: the file cannot be read or does not fit; the trainer is not changed then.
    """
    read_state(path, trainer.model, trainer.state())  # refuses what Keras would read half of
    card = read_card(path)
    trainer.network.load_weights(path)
    trainer.card = card or trainer.card


def write(path: str | Path, trainer, card: DataCard) -> None:
    """Write weights and optimiser so that either wing and plain Keras load them; the file appears whole or not at all."""
    with written(path, trainer.model, trainer.train, card) as unfinished:
        trainer.network.save_weights(unfinished)
