"""Weights as vectors, and so the slots of their optimiser: all of a small net in one, or each by itself.

A rule is elementwise, so this changes no bit. In one vector it runs once, not once a weight, and small nets pay most of all for
what it costs TensorFlow to begin an operation. XLA begins them cheaply; there a vector of its own helps each kernel, since a loop
over few columns is slow, and tall kernels are turned instead (``lowlevel/carried/turned.py``).
"""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from lowlevel.carried.cells import Cell

__all__ = ["Packed"]


class Packed:
    """An optimiser in whose slots the numbers of all weights of a group stand one after the other.

    Args:
        optimizer: a stand-in of the trainer's; its slots are replaced.
        weights: the variables that it trains.
        slots: its slots, by number of the weight and name of the slot.
        groups: the numbers of the weights that share a vector, in order; each of them once.
        turned: the numbers of those that are no vector but a matrix on its side; each a group of its own.
    """

    def __init__(
        self,
        optimizer: Any,
        weights: list[tf.Variable],
        slots: dict[tuple[int, str], tf.Variable],
        groups: list[list[int]],
        turned: set[int],
    ) -> None:
        def cell_of(group: list[int], variables: Mapping[int, tf.Variable]) -> Cell:
            return Cell(*(variables[at] for at in group), vector=not turned.issuperset(group), turned=turned.issuperset(group))

        self.groups = groups
        self.vectors = [cell_of(group, dict(enumerate(weights))) for group in groups]
        slots_of = {name: {at: slot for (at, other), slot in slots.items() if other == name} for _, name in slots}
        optimizer.slots = {(at, name): cell_of(group, slots_of[name]) for name in slots_of for at, group in enumerate(groups)}
        self.optimizer, self.clip = optimizer, optimizer.clip
        optimizer.clip = lambda gradients: gradients  # done here, weight by weight

    @property
    def cells(self) -> list[Cell]:
        """The vectors: weights and slots."""
        return [*self.vectors, *self.optimizer.slots.values()]

    def unpack(self, weights: list[Cell]) -> None:
        """Give every weight its part of its vector."""
        for vector, group in zip(self.vectors, self.groups, strict=True):
            for at, value in zip(group, vector.parts(), strict=True):
                weights[at].assign(value)

    def scale_loss(self, loss: tf.Tensor) -> tf.Tensor:
        """As of any optimiser."""
        return self.optimizer.scale_loss(loss)

    def apply(self, gradients: list[tf.Tensor], weights: list[Cell]) -> None:
        """As of any optimiser."""
        clipped = self.clip(gradients)
        packed = [cell.pack([clipped[at] for at in group]) for cell, group in zip(self.vectors, self.groups, strict=True)]
        self.optimizer.apply(packed, self.vectors)
        self.unpack(weights)
