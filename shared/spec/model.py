"""What a network is: a stack of layers on rows of numbers."""

import math
from dataclasses import dataclass
from typing import Any

from shared.spec.layers import LAYERS, DenseSpec, DropoutSpec, L1L2Spec, LayerSpec, Shapes
from shared.spec.rules import Json, count, identifier, one_of, read_kind, require, shown

MOST_LAYERS = 1000  # a file of one kilobyte a layer should not have nets built that take minutes
DTYPES = ("float32", "float64", "mixed_bfloat16", "mixed_float16")


@dataclass(frozen=True, kw_only=True)
class ModelSpec(Json):
    """A stack of layers on rows of numbers.

    Keras: ``keras.Sequential([keras.Input((inputs,)), ...])``. The last layer's outputs are logits: softmax stands
    outside the net, in the loss and in ``predict_proba``. ``dtype`` is the type of weights and arithmetic, or Keras's name
    for a mixed policy: float32 weights, and layers that compute in bfloat16 or float16.

    Raises:
        InputError: a field breaks its rule.
    """

    inputs: int
    layers: tuple[LayerSpec, ...]
    dtype: str = "float32"
    name: str = "net"

    def __post_init__(self) -> None:
        count(self, "inputs", "For the digits use inputs=400.", what="counts input columns, so it must be")
        require(
            isinstance(self.layers, tuple | list) and len(self.layers) >= 1,
            "ModelSpec.layers holds the layers from first to last, at least one.",
            shown("layers", self.layers),
            "Use ModelSpec.mlp(400, 25, 15, 10).",
        )
        few = len(self.layers) <= MOST_LAYERS
        require(few, f"ModelSpec.layers holds at most {MOST_LAYERS} layers.", len(self.layers), "Use fewer.")
        layers = tuple(read_kind(layer, LAYERS, DenseSpec) for layer in self.layers)  # JSON gives dictionaries
        for layer in layers:
            rule = "ModelSpec.layers holds layer specs."
            require(isinstance(layer, LAYERS), rule, type(layer).__name__, "Use DenseSpec(units=..., name=...).")
        object.__setattr__(self, "layers", layers)
        dense = any(isinstance(layer, DenseSpec) for layer in layers)
        kinds = ", ".join(type(layer).__name__ for layer in layers)
        require(dense, "A net has a DenseSpec: nothing else changes the number of columns.", kinds, "Add one.")
        one_of(self, "dtype", DTYPES, "the type of weights and arithmetic")
        names = [layer.name for layer in layers]
        require(
            len(set(names)) == len(names),
            "Layers are told apart by name, so each name stands once.",
            ", ".join(names),
            "Rename one.",
        )
        identifier(self)

    @classmethod
    def mlp(
        cls,
        inputs: int,
        *units: int,
        activation: str = "relu",
        kernel_initializer: str = "glorot_uniform",
        kernel_regularizer: L1L2Spec | None = None,
        dropout: float | None = None,
        dtype: str = "float32",
    ) -> "ModelSpec":
        """A multi-layer perceptron: hidden layers with ``activation``, linear logits last, named L1, L2, ...

        With ``dropout`` a Dropout of that rate follows each hidden layer, named D1, D2, ...

        >>> ModelSpec.mlp(400, 25, 15, 10).parameters
        10575
        """
        require(len(units) >= 1, "ModelSpec.mlp needs the units of each layer.", "none", "Use mlp(400, 25, 15, 10).")
        layers: list[LayerSpec] = []
        for position, number in enumerate(units, start=1):
            hidden = position < len(units)
            layers.append(
                DenseSpec(
                    units=number,
                    activation=activation if hidden else "linear",
                    kernel_initializer=kernel_initializer,
                    kernel_regularizer=kernel_regularizer,
                    name=f"L{position}",
                )
            )
            if hidden and dropout is not None:
                layers.append(DropoutSpec(rate=dropout, name=f"D{position}"))
        return cls(inputs=inputs, layers=tuple(layers), dtype=dtype)

    def __str__(self) -> str:
        """The columns from layer to layer, ``400-25-15-10``; other layers than Dense by name."""
        parts = [str(self.inputs)]
        parts += [str(layer.units) if isinstance(layer, DenseSpec) else layer.CLASS_NAME for layer in self.layers]
        return "-".join(parts)

    @property
    def variable_dtype(self) -> str:
        """The type of the weights, of the data fed to the net, and of the loss."""
        return "float32" if self.dtype.startswith("mixed_") else self.dtype

    @property
    def compute_dtype(self) -> str:
        """The type in which the layers compute."""
        return self.dtype.removeprefix("mixed_")

    @property
    def outputs(self) -> int:
        """Columns of the result: one logit a class."""
        columns = self.inputs
        for layer in self.layers:
            columns = layer.outputs(columns)
        return columns

    @property
    def weight_shapes(self) -> Shapes:
        """Shape of every weight by name, in Keras's order: ``{"L1/kernel": (400, 25), "L1/bias": (25,), ...}``."""
        return {f"{layer.name}/{name}": shape for layer, inputs in self.stack for name, shape in layer.shapes(inputs).items()}

    @property
    def trainable_shapes(self) -> Shapes:
        """Those of ``weight_shapes`` that training changes by gradient: all but moving averages."""
        fixed = {f"{layer.name}/{name}" for layer in self.layers for name in layer.fixed()}
        return {name: shape for name, shape in self.weight_shapes.items() if name not in fixed}

    @property
    def parameters(self) -> int:
        """How many numbers training changes by gradient."""
        return sum(math.prod(shape) for shape in self.trainable_shapes.values())

    @property
    def stack(self) -> list[tuple[Any, int]]:
        """Each layer spec with the number of columns that it is given."""
        stack, columns = [], self.inputs
        for layer in self.layers:
            stack.append((layer, columns))
            columns = layer.outputs(columns)
        return stack
