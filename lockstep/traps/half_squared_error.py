"""The squared error is halved, or summed over the columns, where Keras takes the mean over the columns.

Textbooks write `J = 1 / (2 m) * sum((a - y)^2)`, so that the 2 of the derivative goes away. Keras's `mse` has no half, and for
several outputs it divides by their number.

Instead: `tf.reduce_mean(tf.square(y - outputs))`.

Seen: loss and gradients are off by the same factor. Under plain SGD, where the loop returns no loss, it cannot be told from
half the learning rate.
"""

import keras
import numpy as np
import tensorflow as tf

from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._forms import columns
from lockstep.traps._small_nets import dense, net
from lockstep.traps._steps import compared
from lowlevel.losses import mean_squared_error as right


def wrong(targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
    """Half the squares, summed over the columns; (batch, columns) -> (batch,)."""
    return tf.reduce_sum(tf.square(targets - outputs), axis=-1) / 2


def measure() -> Effect:
    """One error by both halves, and a sum of four columns after 44 steps."""
    x = np.random.default_rng(1).normal(size=(320, 4)).astype("float32")
    model = net(dense(1, 1), loss=keras.losses.MeanSquaredError(name="loss"), columns=4, rate=0.01)
    numbers = compared(model, _factor(0.5), x, x.sum(axis=1))
    for name, half in (("wrong", wrong), ("right", right)):
        numbers[f"{name} single"] = float(half(tf.constant([[3.0]]), tf.constant([[1.0]]))[0])
    return Effect(
        "an error of 2: {wrong single:.0f}, not {right single:.0f}; a sum of four columns after 44 steps of SGD: squared error "
        "{wrong loss:.4f}, not {right loss:.4f}".format(**numbers),
        numbers,
    )


def variants(replay):
    """Where the loss is the squared error."""
    count = columns(replay)
    if isinstance(replay.objective, keras.losses.MeanSquaredError) and count:
        yield Variant(_factor(0.5), "half of it")
        if count > 1:
            yield Variant(_factor(count), "the sum over the columns")
        if count > 2:
            yield Variant(_factor(count / 2), "half the sum over the columns")


def _factor(factor):
    return {"loss": lambda self, y, outputs: factor * type(self).loss(self, y, outputs)}


TRAP = Trap(
    name="half-squared-error",
    text=__doc__,
    source="the courses' cost of a regression",
    kind="loop",
    cause="loss-halved",
    stage="example losses",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
