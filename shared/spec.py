"""What a network is and how it is trained, as plain frozen data.

One spec builds both wings, and neither wing reads anything else. Specs are compared with ``==``, written with
``to_json`` and read with ``from_json``; a wrong value is refused when the spec is made, in one line that says the rule,
what was received and the remedy.
"""

import json
import math
import re
from dataclasses import asdict, dataclass, fields
from numbers import Integral, Real
from typing import Any

from shared.errors import InputError

ACTIVATIONS = ("linear", "relu", "sigmoid", "tanh")
INITIALIZERS = (
    "zeros",
    "glorot_uniform",
    "glorot_normal",
    "he_uniform",
    "he_normal",
    "lecun_uniform",
    "lecun_normal",
)
LOSSES = ("sparse_categorical_crossentropy", "categorical_crossentropy")
DTYPES = ("float32", "float64")
SLOTS = {"sgd": (), "sgd_momentum": ("momentum",), "adam": ("momentum", "velocity")}
OPTIMIZERS = ("sgd", "adam")
MOST = 2**31 - 1  # counts are 32-bit integers in TensorFlow
# Which settings belong to which optimiser: one that would have no effect is refused, not ignored.
OPTIMIZER_FIELDS = {
    "momentum": ("sgd",),
    "nesterov": ("sgd",),
    "beta_1": ("adam",),
    "beta_2": ("adam",),
    "epsilon": ("adam",),
}


def require(holds: bool, rule: str, received: object, remedy: str) -> None:
    """Raise ``InputError`` with rule, received and remedy unless ``holds``."""
    if not holds:
        raise InputError(f"{rule} Received: {_line(str(received))}. {remedy}")


def _line(text: str) -> str:
    """``text`` in one line of bounded length, whatever somebody passed."""
    text = " ".join(text.split())
    return text if len(text) <= 200 else f"{text[:199]}…"


def _shown(field: str, value: object) -> str:
    try:
        return f"{field}={value!r}"
    except ValueError:  # Python writes no integers of more than 4300 digits
        return f"{field} of type {type(value).__name__}, too long to print"


def _whole(value: object, least: int) -> bool:
    """Whether ``value`` is an integer, NumPy's included, from ``least`` to ``MOST``."""
    return isinstance(value, Integral) and not isinstance(value, bool) and least <= int(value) <= MOST


def _number(value: object) -> bool:
    if not isinstance(value, Real) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer that no float holds
        return False


def _one_of(rule: str, value: object, known: tuple[str, ...], field: str) -> None:
    require(isinstance(value, str) and value in known, rule, _shown(field, value), f"Use one of: {', '.join(known)}.")


def _count(spec: object, field: str, rule: str, remedy: str, least: int = 1) -> None:
    """Check a field that counts something, and keep it as a plain int."""
    value = getattr(spec, field)
    require(_whole(value, least), f"{rule} a whole number from {least} to {MOST}.", _shown(field, value), remedy)
    object.__setattr__(spec, field, int(value))  # a frozen spec sets itself once


def _identifier(rule: str, value: object) -> None:
    # TensorFlow's scopes take no other letters, and a net's no underscore first.
    plain = isinstance(value, str) and re.fullmatch("[A-Za-z][A-Za-z0-9_]*", value) is not None
    remedy = "Use a letter, then letters, digits and underscores, as in 'L1'."
    require(plain, f"{rule} a plain identifier.", _shown("name", value), remedy)


class _Json:
    """``to_json`` and ``from_json`` for all specs."""

    def to_json(self) -> str:
        """The spec as one JSON object, keys in the order of the fields."""
        return json.dumps(asdict(self))  # type: ignore[call-overload]

    @classmethod
    def from_json(cls, text: str) -> Any:
        """The spec that ``to_json`` wrote.

        Raises:
            InputError: not JSON, not an object, an unknown or missing field, or a value against its rule.
        """
        try:
            values = json.loads(text)
        except (ValueError, TypeError, RecursionError) as error:
            received = _line(str(error)).rstrip(".")
            raise InputError(f"{cls.__name__} is read from JSON. Received: {received}. Write it with to_json().") from None
        return cls.from_dict(values)

    @classmethod
    def from_dict(cls, values: dict) -> Any:
        """The spec of a dictionary of its fields; see ``from_json``."""
        known = [field.name for field in fields(cls)]  # type: ignore[arg-type]
        require(isinstance(values, dict), f"{cls.__name__} is a JSON object.", type(values).__name__, "Use to_json().")
        unknown = [str(name) for name in values if name not in known]
        require(not unknown, f"{cls.__name__} has the fields {', '.join(known)}.", ", ".join(unknown), "Remove these.")
        try:
            return cls(**values)
        except TypeError as error:
            raise InputError(
                f"{cls.__name__} needs all its fields. Received: {_line(str(error))}. Write it with to_json()."
            ) from None


@dataclass(frozen=True, kw_only=True)
class DenseSpec(_Json):
    """A fully connected layer: ``activation(x @ kernel + bias)``.

    Keras: ``keras.layers.Dense``. Shapes: x (batch, inputs), kernel (inputs, units), bias (units,), result (batch, units).

    Raises:
        InputError: a field breaks its rule.
    """

    units: int
    activation: str = "linear"
    kernel_initializer: str = "glorot_uniform"
    bias_initializer: str = "zeros"
    name: str

    def __post_init__(self) -> None:
        _count(self, "units", "DenseSpec.units counts output columns, so it must be", "For one output use units=1.")
        _one_of("DenseSpec.activation names a function.", self.activation, ACTIVATIONS, "activation")
        for field in ("kernel_initializer", "bias_initializer"):
            _one_of(f"DenseSpec.{field} names a way to draw.", getattr(self, field), INITIALIZERS, field)
        _identifier("DenseSpec.name labels tensors and files, so it must be", self.name)


@dataclass(frozen=True, kw_only=True)
class ModelSpec(_Json):
    """A stack of layers on rows of numbers.

    Keras: ``keras.Sequential([keras.Input((inputs,)), ...])``. The last layer's outputs are logits: softmax stands
    outside the net, in the loss and in ``predict_proba``.

    Raises:
        InputError: a field breaks its rule.
    """

    inputs: int
    layers: tuple[DenseSpec, ...]
    dtype: str = "float32"
    name: str = "net"

    def __post_init__(self) -> None:
        _count(self, "inputs", "ModelSpec.inputs counts input columns, so it must be", "For the digits use inputs=400.")
        require(
            isinstance(self.layers, tuple | list) and len(self.layers) >= 1,
            "ModelSpec.layers holds the layers from first to last, at least one.",
            _shown("layers", self.layers),
            "Use ModelSpec.mlp(400, 25, 15, 10).",
        )
        for layer in self.layers:
            require(
                isinstance(layer, DenseSpec | dict),
                "ModelSpec.layers holds layer specs.",
                type(layer).__name__,
                "Use DenseSpec(units=..., name=...).",
            )
        layers = tuple(DenseSpec.from_dict(layer) if isinstance(layer, dict) else layer for layer in self.layers)
        object.__setattr__(self, "layers", layers)  # JSON gives dictionaries
        _one_of("ModelSpec.dtype names the type of weights and arithmetic.", self.dtype, DTYPES, "dtype")
        names = [layer.name for layer in self.layers]
        require(
            len(set(names)) == len(names),
            "Layers are told apart by name, so each name stands once.",
            ", ".join(names),
            "Rename one.",
        )
        _identifier("ModelSpec.name must be", self.name)

    @classmethod
    def mlp(
        cls,
        inputs: int,
        *units: int,
        activation: str = "relu",
        kernel_initializer: str = "glorot_uniform",
        dtype: str = "float32",
    ) -> "ModelSpec":
        """A multi-layer perceptron: hidden layers with ``activation``, linear logits last, named L1, L2, ...

        >>> ModelSpec.mlp(400, 25, 15, 10).parameters
        10575
        """
        require(len(units) >= 1, "ModelSpec.mlp needs the units of each layer.", "none", "Use mlp(400, 25, 15, 10).")
        layers = tuple(
            DenseSpec(
                units=count,
                activation=activation if position < len(units) else "linear",
                kernel_initializer=kernel_initializer,
                name=f"L{position}",
            )
            for position, count in enumerate(units, start=1)
        )
        return cls(inputs=inputs, layers=layers, dtype=dtype)

    @property
    def outputs(self) -> int:
        """Columns of the result: one logit a class."""
        return self.layers[-1].units

    @property
    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of every weight by name, in Keras's order: ``{"L1/kernel": (400, 25), "L1/bias": (25,), ...}``."""
        shapes: dict[str, tuple[int, ...]] = {}
        inputs = self.inputs
        for layer in self.layers:
            shapes[f"{layer.name}/kernel"] = (inputs, layer.units)
            shapes[f"{layer.name}/bias"] = (layer.units,)
            inputs = layer.units
        return shapes

    @property
    def parameters(self) -> int:
        """How many numbers training changes."""
        return sum(math.prod(shape) for shape in self.weight_shapes.values())


@dataclass(frozen=True, kw_only=True)
class TrainSpec(_Json):
    """How a net is trained: loss, optimiser with its settings, batches, epochs, seed.

    The names are Keras's. ``seed`` fixes the initial weights and the order of the examples.

    Raises:
        InputError: a field breaks its rule, or belongs to another optimiser.
    """

    optimizer: str = "adam"
    learning_rate: float = 1e-3
    momentum: float = 0.0
    nesterov: bool = False
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7
    loss: str = "sparse_categorical_crossentropy"
    epochs: int = 1
    batch_size: int = 32
    shuffle: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        _one_of("TrainSpec.optimizer names an update rule.", self.optimizer, OPTIMIZERS, "optimizer")
        _one_of("TrainSpec.loss names a loss on logits.", self.loss, LOSSES, "loss")
        for field, low, high in (
            ("learning_rate", 0.0, math.inf),
            ("momentum", 0.0, 1.0),
            ("beta_1", 0.0, 1.0),
            ("beta_2", 0.0, 1.0),
            ("epsilon", 0.0, math.inf),
        ):
            value = getattr(self, field)
            open_below = field in ("learning_rate", "epsilon")
            require(
                _number(value) and (low < value if open_below else low <= value) and value < high,
                f"TrainSpec.{field} must be a number {'above 0' if open_below else 'from 0 to below 1'}.",
                _shown(field, value),
                f"Keras's default is {type(self).__dataclass_fields__[field].default}.",
            )
            object.__setattr__(self, field, float(value))
        for field, least in (("epochs", 1), ("batch_size", 1), ("seed", 0)):
            _count(self, field, f"TrainSpec.{field} must be", f"Use {field}={max(least, 1)}.", least)
        for field in ("nesterov", "shuffle"):
            value = getattr(self, field)
            require(isinstance(value, bool), f"TrainSpec.{field} is True or False.", _shown(field, value), "Use one.")
        for field, owners in OPTIMIZER_FIELDS.items():
            default = type(self).__dataclass_fields__[field].default
            require(
                self.optimizer in owners or getattr(self, field) == default,
                f"TrainSpec.{field} has an effect with {' and '.join(owners)} only.",
                f"{field}={getattr(self, field)!r} with optimizer={self.optimizer!r}",
                f"Leave it out, or use optimizer={owners[0]!r}.",
            )
        require(
            not self.nesterov or self.momentum > 0,
            "Nesterov's rule looks ahead along the momentum, so it needs one.",
            "nesterov=True, momentum=0.0",
            "Use momentum=0.9.",
        )

    @property
    def slots(self) -> tuple[str, ...]:
        """What the optimiser keeps beside each weight, in Keras's order."""
        momentum = self.optimizer == "sgd" and self.momentum > 0
        return SLOTS["sgd_momentum" if momentum else self.optimizer]


def slot_names(model: ModelSpec, train: TrainSpec) -> tuple[str, ...]:
    """Names of the optimiser's state, in the order of ``keras.optimizers.Optimizer.variables``."""
    slots = [f"{weight}/{slot}" for weight in model.weight_shapes for slot in train.slots]
    return ("iteration", "learning_rate", *slots)
