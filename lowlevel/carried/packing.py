"""All weights of a small net in one vector, and so each slot of its optimiser: the rule then runs once, not once a weight.

A rule is elementwise, so this changes no bit; it saves what it costs to begin an operation, which small nets pay for most of all.
"""

from typing import Any

import tensorflow as tf

from lowlevel.carried.cells import Cell, pack

__all__ = ["Packed"]


class Packed:
    """An optimiser in whose slots the numbers of all weights stand one after the other.

    Args:
        optimizer: a stand-in of the trainer's; its slots are replaced.
        weights: the variables that it trains.
        slots: its slots, by number of the weight and name of the slot.
    """

    def __init__(self, optimizer: Any, weights: list[tf.Variable], slots: dict[tuple[int, str], tf.Variable]) -> None:
        self.vector = Cell(*weights)
        names = dict.fromkeys(name for _, name in slots)
        optimizer.slots = {(0, name): Cell(*(slots[at, name] for at in range(len(weights)))) for name in names}
        self.optimizer, self.clip = optimizer, optimizer.clip
        optimizer.clip = lambda gradients: gradients  # done here, weight by weight

    @property
    def cells(self) -> list[Cell]:
        """The vectors: weights and slots."""
        return [self.vector, *self.optimizer.slots.values()]

    def unpack(self, weights: list[Cell]) -> None:
        """Give every weight its part of the vector."""
        for cell, value in zip(weights, self.vector.parts(), strict=True):
            cell.assign(value)

    def scale_loss(self, loss: tf.Tensor) -> tf.Tensor:
        """As of any optimiser."""
        return self.optimizer.scale_loss(loss)

    def apply(self, gradients: list[tf.Tensor], weights: list[Cell]) -> None:
        """As of any optimiser."""
        self.optimizer.apply([pack(self.clip(gradients))], [self.vector])
        self.unpack(weights)
