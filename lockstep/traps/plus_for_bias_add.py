"""A layer adds its bias with `+`, as its formula is written, and not with `tf.nn.bias_add`.

The sums are the same to the last bit. Their gradients are not: that of `+` sums the rows with a general reduction, that of
`bias_add` with one of its own, and the two add in another order. Keras uses `bias_add` (but for a single unit, where it uses
`+`).

Instead: `tf.nn.bias_add(x @ kernel, bias)`.

Seen: logits and losses are identical at the first step, and the gradients of the biases differ by rounding.
"""

import keras
import numpy as np
import tensorflow as tf

from lockstep.traps import Effect, Trap
from lockstep.traps._digits import digits
from lockstep.traps._nets import distance, net, ulps


def wrong(product: tf.Tensor, bias: tf.Variable) -> tf.Tensor:
    """The affine map; (batch, units), (units,) -> (batch, units)."""
    return product + bias


def right(product: tf.Tensor, bias: tf.Variable) -> tf.Tensor:
    """The affine map; (batch, units), (units,) -> (batch, units)."""
    return tf.nn.bias_add(product, bias)


class Adding(keras.layers.Layer):
    """A bias of its own, added by one of the halves; without an activation."""

    def __init__(self, add, name: str) -> None:
        super().__init__(name=name)
        self.add = add

    def build(self, shape: tuple) -> None:
        """Keras calls this."""
        self.bias = self.add_weight(shape=shape[-1:], initializer="zeros", name="bias")

    def compute_output_shape(self, shape: tuple) -> tuple:
        """The same; said, so that Keras need not try it out."""
        return shape

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """(batch, units) -> (batch, units)."""
        return self.add(x, self.bias.value)


def measure() -> Effect:
    """One gradient, and the weights after ten epochs of digits whose net has one more bias, added by either half."""
    product = tf.constant(np.random.default_rng(0).normal(size=(32, 25)), tf.float32)
    gradients, weights = [], []
    for half in (wrong, right):
        bias = tf.zeros(25)
        with tf.GradientTape() as tape:
            tape.watch(bias)
            total = tf.reduce_sum(tf.tanh(half(product, bias)))
        gradients.append(tape.gradient(total, bias))
        model = net(keras.optimizers.Adam(name="adam"), between=[Adding(half, "bias")])
        model.fit(*digits(), epochs=10, shuffle=False, verbose=0)
        weights.append(model.get_weights())
    numbers = {"ULP": ulps(*gradients), "differ": int(np.sum(gradients[0] != gradients[1])), "weights": distance(*weights)}
    return Effect(
        "{differ} of 25 numbers of a bias' gradient differ, by {ULP} ULP at most; digits after 10 epochs of Adam: weights "
        "differ by {weights:.1e}".format(**numbers),
        numbers,
    )


TRAP = Trap(
    name="plus-for-bias-add",
    text=__doc__,
    source="TensorFlow",
    kind="framework",
    wrong=wrong,
    right=right,
    measure=measure,
)
