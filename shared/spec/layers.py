"""What a layer is, as plain frozen data: its settings, its weights' shapes, and how many columns it gives."""

from dataclasses import dataclass
from typing import Any, ClassVar

from shared.spec.rules import Json, count, identifier, one_of, real, require, shown, switch

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

Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True, kw_only=True)
class L1L2Spec(Json):
    """A penalty on a weight: ``l1 sum |w| + l2 sum w^2``, added to the loss.

    Keras: ``keras.regularizers.L1``, ``L2``, or ``L1L2`` where both are above 0.

    Raises:
        InputError: a factor below 0, or both 0.
    """

    l1: float = 0.0
    l2: float = 0.0

    def __post_init__(self) -> None:
        for field in ("l1", "l2"):
            real(self, field, 0.0, open_low=False)
        require(self.l1 + self.l2 > 0, "L1L2Spec needs a factor above 0.", "l1=0.0, l2=0.0", "Leave the regularizer out.")


def _regularizer(spec: Any, field: str) -> None:
    value = getattr(spec, field)
    if isinstance(value, dict):
        value = L1L2Spec.from_dict(value)
    rule = f"{type(spec).__name__}.{field} is an L1L2Spec or None."
    require(value is None or isinstance(value, L1L2Spec), rule, shown(field, value), "Use L1L2Spec(l2=0.01).")
    object.__setattr__(spec, field, value)


class LayerSpec(Json):
    """What all layer specs have: ``name``, and what follows from the number of input columns."""

    name: str

    def shapes(self, inputs: int) -> Shapes:
        """Shapes of the weights, in Keras's order: those that training changes by gradient come first."""
        return {}

    def fixed(self) -> tuple[str, ...]:
        """Names of the weights that no gradient changes."""
        return ()

    def outputs(self, inputs: int) -> int:
        """Columns of the result."""
        return inputs


@dataclass(frozen=True, kw_only=True)
class DenseSpec(LayerSpec):
    """A fully connected layer: ``activation(x @ kernel + bias)``.

    Keras: ``keras.layers.Dense``. Shapes: x (batch, inputs), kernel (inputs, units), bias (units,), result (batch, units).

    Raises:
        InputError: a field breaks its rule.

    >>> DenseSpec(units=0, name="L1")
    Traceback (most recent call last):
    shared.errors.InputError: DenseSpec.units counts output columns, so it must be ...
    """

    CLASS_NAME: ClassVar[str] = "Dense"

    units: int
    activation: str = "linear"
    use_bias: bool = True
    kernel_initializer: str = "glorot_uniform"
    bias_initializer: str = "zeros"
    kernel_regularizer: L1L2Spec | None = None
    bias_regularizer: L1L2Spec | None = None
    name: str

    def __post_init__(self) -> None:
        count(self, "units", "For one output use units=1.", what="counts output columns, so it must be")
        one_of(self, "activation", ACTIVATIONS, "a function")
        switch(self, "use_bias")
        for field in ("kernel_initializer", "bias_initializer"):
            one_of(self, field, INITIALIZERS, "a way to draw")
        for field in ("kernel_regularizer", "bias_regularizer"):
            _regularizer(self, field)
        require(
            self.use_bias or (self.bias_initializer == "zeros" and self.bias_regularizer is None),
            "A layer without a bias has nothing to draw or to punish there.",
            f"use_bias=False, bias_initializer={self.bias_initializer!r}, bias_regularizer={self.bias_regularizer!r}",
            "Leave these out.",
        )
        identifier(self)

    def shapes(self, inputs: int) -> Shapes:
        """kernel (inputs, units) and, where there is one, bias (units,)."""
        bias: Shapes = {"bias": (self.units,)} if self.use_bias else {}
        return {"kernel": (inputs, self.units)} | bias

    def outputs(self, inputs: int) -> int:
        """``units``."""
        return self.units


@dataclass(frozen=True, kw_only=True)
class ActivationSpec(LayerSpec):
    """A function on its own, as between batch normalisation and the next layer. Keras: ``keras.layers.Activation``.

    Raises:
        InputError: a field breaks its rule.
    """

    CLASS_NAME: ClassVar[str] = "Activation"

    activation: str
    name: str

    def __post_init__(self) -> None:
        one_of(self, "activation", ACTIVATIONS, "a function")
        identifier(self)


@dataclass(frozen=True, kw_only=True)
class BatchNormalizationSpec(LayerSpec):
    """Columns brought to mean 0 and variance 1, then scaled by gamma and moved by beta.

    In training mean and variance are the batch's, and moving averages of them are kept; otherwise these averages are
    used. Keras: ``keras.layers.BatchNormalization``. The layer before it needs no bias: beta takes its place.

    Raises:
        InputError: a field breaks its rule.
    """

    CLASS_NAME: ClassVar[str] = "BatchNormalization"

    momentum: float = 0.99
    epsilon: float = 1e-3
    name: str

    def __post_init__(self) -> None:
        real(self, "momentum", 0.0, 1.0, open_low=False)
        real(self, "epsilon", 0.0)
        identifier(self)

    def shapes(self, inputs: int) -> Shapes:
        """gamma, beta, moving_mean, moving_variance, each (inputs,)."""
        return dict.fromkeys(("gamma", "beta", "moving_mean", "moving_variance"), (inputs,))

    def fixed(self) -> tuple[str, ...]:
        """The moving averages."""
        return ("moving_mean", "moving_variance")


@dataclass(frozen=True, kw_only=True)
class DropoutSpec(LayerSpec):
    """In training each number becomes 0 with probability ``rate``, the others grow by ``1 / (1 - rate)``.

    Keras: ``keras.layers.Dropout``.

    Raises:
        InputError: a field breaks its rule.
    """

    CLASS_NAME: ClassVar[str] = "Dropout"

    rate: float
    name: str

    def __post_init__(self) -> None:
        real(self, "rate", 0.0, 1.0)
        identifier(self)


LAYERS: tuple[type[LayerSpec], ...] = (DenseSpec, ActivationSpec, BatchNormalizationSpec, DropoutSpec)
