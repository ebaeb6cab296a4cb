"""A graph is traced for batches of a known size, where `fit` leaves the size open.

Keras feeds `fit` through `tf.data`, where the number of rows is unknown until a batch is there; with steps_per_execution it
stays so. Where it is known, a division by it is a division by a constant, and a graph turns that into a product with the
inverse, which rounds differently. Batch normalisation shows it, since it divides by the size of the batch.

Instead: trace with an `input_signature` that leaves the rows open: `tf.TensorSpec((None, columns))`. One graph then serves the
smaller last batch too.

Seen: gradients differ by rounding at the first step.
"""

import numpy as np
import tensorflow as tf

from lockstep.traps import Effect, Trap
from lockstep.traps._nets import ulps


def gradient(x: tf.Tensor) -> tf.Tensor:
    """Of a loss behind batch normalisation, by x; (batch, columns) -> (batch, columns)."""
    with tf.GradientTape() as tape:
        tape.watch(x)
        mean, variance = tf.nn.moments(x, axes=[0])
        z = tf.nn.batch_normalization(x, mean, variance, None, None, 1e-3)
        loss = tf.reduce_mean(tf.square(tf.tanh(z)))
    return tape.gradient(loss, x)


def wrong(x: tf.Tensor) -> tf.Tensor:
    """The gradient, from a graph for so many rows."""
    return tf.function(gradient)(x)


def right(x: tf.Tensor) -> tf.Tensor:
    """The gradient, from a graph for any number of rows."""
    return tf.function(gradient, input_signature=[tf.TensorSpec((None, x.shape[1]))])(x)


def measure() -> Effect:
    """How far the two are from a graph that takes its batches from a pipeline, as that of ``fit`` does."""
    x = tf.constant(np.random.default_rng(0).normal(size=(10, 7)), tf.float32)
    fed = tf.function(lambda batches: gradient(next(batches)))(iter(tf.data.Dataset.from_tensor_slices(x).batch(10)))
    numbers = {}
    for name, half in (("wrong", wrong), ("right", right)):
        numbers[f"{name} differ"] = int(np.sum(half(x) != fed))
        numbers[f"{name} ULP"] = ulps(half(x), fed)
    return Effect(
        "{wrong differ} of 70 numbers of a gradient differ from those of a graph that is fed as fit feeds it, by {wrong ULP} "
        "ULP at most, not {right differ}".format(**numbers),
        numbers,
    )


TRAP = Trap(
    name="batch-size-known",
    text=__doc__,
    source="TensorFlow",
    kind="framework",
    wrong=wrong,
    right=right,
    measure=measure,
)
