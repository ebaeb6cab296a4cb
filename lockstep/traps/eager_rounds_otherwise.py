"""A loop is run eagerly, operation by operation, and expected to equal the graph that `fit` runs.

A graph is rearranged before it runs. A product, its bias and tanh or sigmoid become one kernel, which rounds differently; a
tensor times two scalars becomes the tensor times their product. `run_eagerly=True`, which is for finding mistakes, therefore
changes the numbers that it is to show.

Instead: run layers, loss and update as graphs (`tf.function`) on both sides; tape and loop may stay in Python.

Seen: the logits of the first step differ by rounding, with tanh and sigmoid, not with relu.
"""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from lockstep.traps import Effect, Trap
from lockstep.traps._nets import ulps


def wrong(function: Callable[..., tf.Tensor], *given: tf.Tensor) -> tf.Tensor:
    """What the function gives, operation by operation."""
    return function(*given)


def right(function: Callable[..., tf.Tensor], *given: tf.Tensor) -> tf.Tensor:
    """What the function gives, as a graph."""
    return tf.function(function)(*given)


def layer(activation: Callable[[tf.Tensor], tf.Tensor]) -> Callable[..., tf.Tensor]:
    """A dense layer, given x, kernel and bias."""
    return lambda x, kernel, bias: activation(tf.nn.bias_add(x @ kernel, bias))


def scaled(gradient: tf.Tensor, scale: tf.Tensor, rate: tf.Tensor) -> tf.Tensor:
    """A step: a gradient that is clipped, times the learning rate."""
    return gradient * scale * rate


def measure() -> Effect:
    """A layer with three activations, and a clipped step: distance of operation by operation from the graph."""
    draw = np.random.default_rng(0)
    x, kernel, bias = (tf.constant(draw.normal(size=size), tf.float32) for size in ((32, 40), (40, 25), 25))
    step = tf.constant(draw.normal(size=1000), tf.float32), tf.constant(0.3), tf.constant(0.007)
    cases = {name: (layer(getattr(tf.nn, name)), x, kernel, bias) for name in ("relu", "tanh", "sigmoid")}
    cases["step"] = (scaled, *step)
    numbers = {name: ulps(wrong(*case), right(*case)) for name, case in cases.items()}
    numbers["step differs"] = int(np.sum(wrong(*cases["step"]) != right(*cases["step"])))
    return Effect(
        "a layer with relu differs by {relu} ULP, with tanh by {tanh}, with sigmoid by {sigmoid}; {step differs} of 1,000 "
        "numbers of a clipped step differ".format(**numbers),
        numbers,
    )


TRAP = Trap(
    name="eager-rounds-otherwise",
    text=__doc__,
    source="TensorFlow",
    met="tensorflow/tensorflow#120996",
    kind="framework",
    wrong=wrong,
    right=right,
    measure=measure,
)
