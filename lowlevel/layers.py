"""Twin: highlevel/layers.py. Layers that hold their ``tf.Variable``s."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import tensorflow as tf

from lowlevel import activations, initializers
from shared.spec import DenseSpec

__all__ = ["Dense", "dense"]


@dataclass(frozen=True)
class Dense:
    """Affine map, then activation: ``activation(x @ kernel + bias)``.

    Keras: ``keras.layers.Dense``. Shapes: x (batch, inputs) -> (batch, units).
    """

    kernel: tf.Variable  # (inputs, units)
    bias: tf.Variable  # (units,)
    activation: Callable[[tf.Tensor], tf.Tensor]

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        # In a graph TensorFlow fuses product, bias and activation into one kernel, and on a CPU with oneDNN its tanh and sigmoid
        # round differently from the separate operations. As a graph of its own the layer has the same bits in eager code too.
        return self.graph(x) if tf.executing_eagerly() else self.formula(x)

    def formula(self, x: tf.Tensor) -> tf.Tensor:
        """The layer, operation by operation."""
        # bias_add and not "+": the gradient of "+" sums the rows in another order, which rounds differently.
        return self.activation(tf.nn.bias_add(tf.matmul(x, self.kernel), self.bias))

    @cached_property
    def graph(self) -> Callable[[tf.Tensor], tf.Tensor]:
        """The same, compiled."""
        return tf.function(lambda x: self.formula(x), autograph=False)


def dense(spec: DenseSpec, inputs: int, seeds: tuple[int | None, int | None], dtype: str) -> Dense:
    """The layer that a spec describes, with its first weights drawn."""
    kernel = initializers.get(spec.kernel_initializer)((inputs, spec.units), seeds[0], dtype)
    bias = initializers.get(spec.bias_initializer)((spec.units,), seeds[1], dtype)
    return Dense(
        tf.Variable(kernel, name=f"{spec.name}/kernel"),
        tf.Variable(bias, name=f"{spec.name}/bias"),
        activations.get(spec.activation),
    )
