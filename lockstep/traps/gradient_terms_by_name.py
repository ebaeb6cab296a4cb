"""The same forward pass under other names gives a gradient with other bits.

Where a variable's gradient has three terms or more, a graph adds them in one operation, and graph optimisation puts the terms
in the order of their names. Floating-point sums depend on their order. So a name scope, which is there for people to read,
changes the last bits of a weight with, say, an L1 and an L2 penalty.

Instead: let both sides run their forward passes under the same names (`lowlevel` uses Keras's). Two terms are safe, since
a + b is b + a.

Seen: the stage "gradients" differs by rounding at the first step, in variables with penalties only.
"""

import numpy as np
import tensorflow as tf

from lockstep.traps import Effect, Trap
from lockstep.traps._nets import ulps


def gradient(x: tf.Tensor, w: tf.Variable, names: tuple[str, str, str]) -> tf.Tensor:
    """Of a mean square with an L1 and an L2 penalty, by w; as a graph, each term under its name."""

    @tf.function
    def graph(x: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            with tf.name_scope(names[0]):
                data = tf.reduce_mean(tf.square(x @ w))
            with tf.name_scope(names[1]):
                absolute = 0.01 * tf.reduce_sum(tf.abs(w))
            with tf.name_scope(names[2]):
                square = 0.01 * tf.reduce_sum(tf.square(w))
            loss = data + absolute + square
        return tape.gradient(loss, w)

    return graph(x)


def wrong(x: tf.Tensor, w: tf.Variable) -> tf.Tensor:
    """The gradient; the names sort otherwise than the terms follow each other."""
    return gradient(x, w, ("net", "lasso", "decay"))


def right(x: tf.Tensor, w: tf.Variable) -> tf.Tensor:
    """The gradient; the names sort as those of the other side do."""
    return gradient(x, w, ("1", "2", "3"))


def measure() -> Effect:
    """How many of 1,200 numbers of a gradient differ from those of a side whose names are a, b and c."""
    draw = np.random.default_rng(0)
    w, x = tf.Variable(0.1 * draw.normal(size=(40, 30)), dtype=tf.float32), tf.constant(draw.normal(size=(32, 40)), tf.float32)
    other = gradient(x, w, ("a", "b", "c"))
    numbers = {}
    for name, half in (("wrong", wrong), ("right", right)):
        found = half(x, w)
        numbers[f"{name} differ"] = int(np.sum(found != other))
        numbers[f"{name} ULP"] = ulps(found, other)
    return Effect(
        "three terms: {wrong differ} of 1,200 numbers of the gradient differ, by {wrong ULP} ULP at most, not "
        "{right differ}".format(**numbers),
        numbers,
    )


TRAP = Trap(
    name="gradient-terms-by-name",
    text=__doc__,
    source="TensorFlow",
    kind="framework",
    wrong=wrong,
    right=right,
    measure=measure,
)
