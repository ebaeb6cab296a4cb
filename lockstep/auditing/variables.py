"""A person's own variables: TensorFlow's, Keras's, NumPy's arrays or PyTorch's tensors, read and written as arrays."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from shared.errors import InputError


def kind_of(variable: Any) -> str:
    """``"tensorflow"``, ``"numpy"`` or ``"torch"``.

    Raises:
        InputError: none of these; JAX's arrays cannot be updated in place.
    """
    if isinstance(variable, tf.Variable | keras.Variable):
        return "tensorflow"
    if isinstance(variable, np.ndarray):
        return "numpy"
    if type(variable).__module__.split(".")[0] == "torch":
        return "torch"
    raise InputError(
        "variables are a list of tf.Variable, keras.Variable, NumPy arrays or PyTorch tensors, updated in place. "
        f"Received: {type(variable).__name__}. Use lockstep.audit_run for a loop that hands its weights on."
    )


def names_of(model: keras.Model, weights: Sequence[Any]) -> tuple[str, ...]:
    """``layer/kernel`` and so on; with the whole path where two would have one name."""
    short = ["/".join(weight.path.split("/")[-2:]) for weight in weights]
    return tuple(name if short.count(name) == 1 else weight.path for name, weight in zip(short, weights, strict=True))


@dataclass(frozen=True)
class Held:
    """The variables of a loop, beside the weights of the model that they stand for.

    Attributes:
        variables: as the person gave them.
        weights: ``model.trainable_variables`` or ``model.weights``, one for each.
        names: what the tensors are called.
        transpose: kernels lie (out, in), as PyTorch's do.
    """

    variables: list[Any]
    weights: list[keras.Variable]
    names: tuple[str, ...]
    transpose: bool = False

    @classmethod
    def of(cls, variables: Any, model: keras.Model, transpose: bool = False) -> "Held":
        """Match variables with the model's weights by count and shapes.

        Raises:
            InputError: they follow neither ``model.trainable_variables`` nor ``model.weights``.
        """
        if isinstance(variables, np.ndarray | tf.Variable | keras.Variable) or not hasattr(variables, "__iter__"):
            variables = [variables]
        variables = list(variables)
        kinds = {kind_of(variable) for variable in variables}
        if len(kinds) > 1:
            raise InputError(f"variables are all of one kind. Received: {', '.join(sorted(kinds))}. Give one list of one kind.")
        turned = [_turned(as_array(variable).shape, transpose) for variable in variables]
        for weights in (model.trainable_variables, model.weights):
            if [tuple(weight.shape) for weight in weights] == turned:
                return cls(variables, list(weights), names_of(model, weights), transpose)
        raise InputError(_mismatch(turned, model))

    @property
    def kind(self) -> str:
        """Of which library the variables are."""
        return kind_of(self.variables[0])

    def read(self) -> list[np.ndarray]:
        """Copies, kernels (inputs, units)."""
        return [_turned_array(as_array(variable), self.transpose) for variable in self.variables]

    def write(self, values: Sequence[np.ndarray]) -> None:
        """Set all variables, each in its own dtype."""
        for variable, value in zip(self.variables, values, strict=True):
            assign(variable, _turned_array(np.asarray(value), self.transpose))


def as_array(value: Any) -> np.ndarray:
    """A copy of a tensor or array of any of the libraries."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
    return np.array(value.numpy() if hasattr(value, "numpy") else value)


def assign(variable: Any, value: np.ndarray) -> None:
    """Set a variable, an array or a tensor in place, in its own dtype."""
    kind = kind_of(variable)
    if kind == "tensorflow":
        variable.assign(value.astype(as_array(variable).dtype))
    elif kind == "numpy":
        variable[...] = value
    else:
        import torch

        with torch.no_grad():
            variable.copy_(torch.from_numpy(np.ascontiguousarray(value)))


def _turned(shape: tuple[int, ...], transpose: bool) -> tuple[int, ...]:
    return shape[::-1] if transpose and len(shape) == 2 else shape


def _turned_array(value: np.ndarray, transpose: bool) -> np.ndarray:
    return np.ascontiguousarray(value.T) if transpose and value.ndim == 2 else value


def _mismatch(received: list[tuple[int, ...]], model: keras.Model) -> str:
    expected = [tuple(weight.shape) for weight in model.trainable_variables]
    full = [tuple(weight.shape) for weight in model.weights]
    lists = f"model.trainable_variables has {_listed(expected)}"
    if full != expected:
        lists += f"; model.weights has {_listed(full)}"
    if sorted(received) in (sorted(expected), sorted(full)):
        remedy = "The shapes are right and their order is not: list them as Keras does, kernel, then bias, layer by layer."
    elif sorted(shape[::-1] for shape in received) == sorted(shape[::-1] if len(shape) < 2 else shape for shape in expected):
        remedy = "If your kernels lie (out, in), pass transpose=True."
    else:
        remedy = "Give one variable for each, in that order."
    return f"variables follow the model's, in Keras's order: {lists}. Received: {_listed(received)}. {remedy}"


def _listed(shapes: list[tuple[int, ...]]) -> str:
    return ", ".join(map(str, shapes)) or "none"
