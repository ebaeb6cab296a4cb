"""Cells stand for variables while a graph is made, so that the step, written with variables, need not be written again."""

import copy
from collections.abc import Mapping, Sequence
from types import MethodType
from typing import Any

import tensorflow as tf

from lowlevel.carried.turned import upright

__all__ = ["Cell", "sources", "stand_in"]


class Cell:
    """In the place of a variable: ``tensor`` is the value that it has at this point of the graph.

    Args:
        variables: the one that it stands for, or several of one dtype.
        vector: whether it holds their numbers in one vector; several always are.
        turned: whether it holds a matrix transposed (``lowlevel/carried/turned.py``); not with ``vector``.
    """

    def __init__(self, *variables: tf.Variable, vector: bool = False, turned: bool = False) -> None:
        self.variables, self.dtype = variables, variables[0].dtype
        self.vector, self.turned = vector or len(variables) > 1, turned
        self.sizes = [variable.shape.num_elements() for variable in variables]
        own = variables[0].shape[::-1] if turned else variables[0].shape
        self.shape = tf.TensorShape([sum(self.sizes)]) if self.vector else own
        self.tensor: Any = None

    def read(self) -> tf.Tensor:
        """What the variables hold."""
        return self.pack([variable.read_value() for variable in self.variables])

    def pack(self, values: Sequence[tf.Tensor]) -> tf.Tensor:
        """Values of the variables, as the cell holds them: matrices turned, or all numbers in one vector, in order."""
        if not self.vector:
            return tf.transpose(values[0]) if self.turned else values[0]
        vectors = [tf.reshape(value, [-1]) for value in values]
        return tf.concat(vectors, 0) if len(vectors) > 1 else vectors[0]

    def write(self) -> None:
        """Give the variables the value of the cell."""
        for variable, value in zip(self.variables, self.parts(), strict=True):
            variable.assign(value)

    def parts(self) -> list[tf.Tensor]:
        """The values of the variables, each of its own shape."""
        if not self.vector:
            return [upright(self.tensor) if self.turned else self.tensor]
        numbers = tf.split(self.tensor, self.sizes) if len(self.sizes) > 1 else [self.tensor]
        return [tf.reshape(part, variable.shape) for part, variable in zip(numbers, self.variables, strict=True)]

    def read_value(self) -> tf.Tensor:
        """As of a variable."""
        return self.tensor

    def assign(self, value: Any) -> None:
        """As of a variable."""
        self.tensor = tf.ensure_shape(tf.convert_to_tensor(value, self.dtype), self.shape)

    def assign_add(self, value: Any) -> None:
        """As of a variable."""
        self.assign(self.tensor + value)

    def assign_sub(self, value: Any) -> None:
        """As of a variable."""
        self.assign(self.tensor - value)

    def __tf_tensor__(self, dtype: tf.DType | None = None, name: str | None = None) -> tf.Tensor:
        return tf.convert_to_tensor(self.tensor, dtype, name=name)


def _of_tensor(name: str) -> Any:
    return lambda self, *others: getattr(self.tensor, name)(*others)


for _name in ("__add__", "__radd__", "__sub__", "__rsub__", "__mul__", "__rmul__", "__floordiv__"):
    setattr(Cell, _name, _of_tensor(_name))


def sources(weights: Sequence[Any]) -> list[Any]:
    """What gradients are taken with respect to: the variables, or the tensors that stand for them."""
    return [weight.tensor if isinstance(weight, Cell) else weight for weight in weights]


def stand_in(thing: Any, cells: Mapping[Any, Cell], kinds: tuple[type, ...]) -> Any:
    """``thing`` with cells in the place of variables: a copy of it, and of all that is of those kinds in it."""
    if isinstance(thing, tf.Variable):
        return cells[thing.ref()]
    if isinstance(thing, dict):
        return {key: stand_in(value, cells, kinds) for key, value in thing.items()}
    if isinstance(thing, list | tuple):
        return type(thing)(stand_in(value, cells, kinds) for value in thing)
    if not isinstance(thing, kinds):
        return thing
    twin = copy.copy(thing)
    for name, value in vars(thing).items():
        ours = isinstance(value, MethodType) and value.__self__ is thing  # put there by hand, as ``Trap.plant`` does
        vars(twin)[name] = MethodType(value.__func__, twin) if ours else stand_in(value, cells, kinds)
    return twin
