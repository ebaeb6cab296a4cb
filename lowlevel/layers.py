"""Twin: highlevel/layers.py. Layers that hold their ``tf.Variable``s.

Each is a function of x (batch, columns) and of ``training``, which says whether weights are being learned or used. ``weights``
lists the variables in Keras's order, ``trainable`` those that a gradient changes, ``penalties`` what they add to the loss.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from lowlevel import activations, initializers, regularizers
from shared.spec import ActivationSpec, BatchNormalizationSpec, DenseSpec, DropoutSpec, LayerSpec, ModelSpec

__all__ = ["Activation", "BatchNormalization", "Dense", "Dropout", "Layer", "get"]

_Seeds = tuple[int | None, ...]


@dataclass(frozen=True)
class Dense:
    """Affine map, then activation: ``activation(x @ kernel + bias)``.

    Keras: ``keras.layers.Dense``. Shapes: x (batch, inputs) -> (batch, units).
    """

    kernel: tf.Variable  # (inputs, units)
    bias: tf.Variable | None  # (units,)
    activation: Callable[[tf.Tensor], tf.Tensor]
    kernel_regularizer: regularizers.Penalty | None = None
    bias_regularizer: regularizers.Penalty | None = None

    @classmethod
    def of(cls, spec: DenseSpec, inputs: int, seeds: _Seeds, model: ModelSpec) -> "Dense":
        """The layer that a spec describes, with its first weights drawn."""
        dtype, bias = model.variable_dtype, None
        kernel = initializers.get(spec.kernel_initializer)((inputs, spec.units), seeds[0], dtype)
        if spec.use_bias:
            bias = tf.Variable(initializers.get(spec.bias_initializer)((spec.units,), seeds[1], dtype), name=f"{spec.name}/bias")
        return cls(
            tf.Variable(kernel, name=f"{spec.name}/kernel"),
            bias,
            activations.get(spec.activation),
            regularizers.get(spec.kernel_regularizer),
            regularizers.get(spec.bias_regularizer),
        )

    def __call__(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        z = tf.matmul(x, tf.cast(self.kernel, x.dtype))
        if self.bias is not None:
            # bias_add and not "+", but for a single unit, as Keras does: their gradients sum the rows in different orders.
            add = tf.nn.bias_add if self.bias.shape[0] > 1 else tf.add
            z = add(z, tf.cast(self.bias, x.dtype))
        return self.activation(z)

    @property
    def weights(self) -> list[tf.Variable]:
        """kernel and, where there is one, bias."""
        return [self.kernel] if self.bias is None else [self.kernel, self.bias]

    trainable = weights

    def penalties(self) -> list[tf.Tensor]:
        """What the regularisers add to the loss, each of shape ()."""
        pairs = ((self.kernel_regularizer, self.kernel), (self.bias_regularizer, self.bias))
        return [penalty(weight) for penalty, weight in pairs if penalty is not None]


@dataclass(frozen=True)
class Activation:
    """A function on its own. Keras: ``keras.layers.Activation``. Shapes: x (batch, columns) -> the same."""

    activation: Callable[[tf.Tensor], tf.Tensor]

    weights = trainable = ()

    @classmethod
    def of(cls, spec: ActivationSpec, inputs: int, seeds: _Seeds, model: ModelSpec) -> "Activation":
        """The layer that a spec describes."""
        return cls(activations.get(spec.activation))

    def __call__(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        return self.activation(x)

    def penalties(self) -> list[tf.Tensor]:
        """Nothing."""
        return []


@dataclass(frozen=True)
class BatchNormalization:
    """``gamma (x - mean) / sqrt(variance + epsilon) + beta``, column by column.

    In training mean and variance (divided by the number of rows, not by one less) are the batch's, and the moving ones take
    the share ``1 - momentum`` of them; otherwise the moving ones are used, so that a single row can be answered.
    Keras: ``keras.layers.BatchNormalization``. Shapes: x (batch, columns) -> the same.
    Source: Ioffe and Szegedy, Batch Normalization (2015).
    """

    gamma: tf.Variable  # all four (columns,)
    beta: tf.Variable
    moving_mean: tf.Variable
    moving_variance: tf.Variable
    momentum: float
    epsilon: float

    @classmethod
    def of(cls, spec: BatchNormalizationSpec, inputs: int, seeds: _Seeds, model: ModelSpec) -> "BatchNormalization":
        """The layer that a spec describes: gamma and variance 1, beta and mean 0."""
        first = {"gamma": tf.ones, "beta": tf.zeros, "moving_mean": tf.zeros, "moving_variance": tf.ones}
        made = [
            tf.Variable(value((inputs,), model.variable_dtype), trainable=name not in spec.fixed(), name=f"{spec.name}/{name}")
            for name, value in first.items()
        ]
        return cls(*made, momentum=spec.momentum, epsilon=spec.epsilon)  # type: ignore[misc]

    def __call__(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        dtype = x.dtype
        x = tf.cast(x, self.gamma.dtype)  # sums of squares would overflow in half precision
        if training:
            mean, variance = tf.nn.moments(x, [0])
            for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
                moving.assign(moving * self.momentum + batch * (1.0 - self.momentum))
        else:
            mean, variance = tf.convert_to_tensor(self.moving_mean), tf.convert_to_tensor(self.moving_variance)
        return tf.cast(tf.nn.batch_normalization(x, mean, variance, self.beta, self.gamma, self.epsilon), dtype)

    @property
    def weights(self) -> list[tf.Variable]:
        """gamma, beta, moving_mean, moving_variance."""
        return [self.gamma, self.beta, self.moving_mean, self.moving_variance]

    @property
    def trainable(self) -> list[tf.Variable]:
        """gamma, beta."""
        return [self.gamma, self.beta]

    def penalties(self) -> list[tf.Tensor]:
        """Nothing."""
        return []


@dataclass(frozen=True)
class Dropout:
    """In training each number becomes 0 with probability ``rate`` and the others are divided by ``1 - rate``.

    The mask of call k is drawn from the key (seed, k), so it depends on nothing else.
    Keras: ``keras.layers.Dropout``. Shapes: x (batch, columns) -> the same.
    Source: Srivastava et al., Dropout (2014), in the inverted form, which leaves the expectation as it is.
    """

    rate: float
    seed: tf.Variable  # int64 (2,): seed, and the number of calls so far

    weights = trainable = ()

    @classmethod
    def of(cls, spec: DropoutSpec, inputs: int, seeds: _Seeds, model: ModelSpec) -> "Dropout":
        """The layer that a spec describes, before its first call."""
        return cls(spec.rate, tf.Variable([seeds[0], 0], dtype=tf.int64, trainable=False, name=f"{spec.name}/seed"))

    def __call__(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        if not training:
            return x
        key = self.seed.read_value()
        self.seed.assign(tf.add(key, [0, 1]))
        key = tf.cast(tf.math.floormod(key, tf.int32.max - 1), tf.int32)
        return tf.nn.experimental.stateless_dropout(x, self.rate, key)

    def penalties(self) -> list[tf.Tensor]:
        """Nothing."""
        return []


Layer = Dense | Activation | BatchNormalization | Dropout


def get(spec: LayerSpec, inputs: int, seeds: _Seeds, model: ModelSpec) -> Layer:
    """The layer that a spec describes, for ``inputs`` columns."""
    kind: dict[str, Any] = {
        "Dense": Dense,
        "Activation": Activation,
        "BatchNormalization": BatchNormalization,
        "Dropout": Dropout,
    }
    return kind[spec.CLASS_NAME].of(spec, inputs, seeds, model)
