"""A Python float goes into a float64 net through `tf.cast`, and has float32's seven digits from then on.

`tf.cast(0.1, tf.float64)` makes a float32 of the number first. Keras's optimisers take their rates, momenta and powers of
beta this way, so a float64 net in Keras is trained at the learning rate 0.10000000149. A loop that does it properly differs
from `fit` in the ninth digit.

Instead: `tf.constant(0.1, tf.float64)`. In a loop that is to equal Keras's, `tf.cast`, as `lowlevel` does.

Seen: weights out of the first step, relative differences of 1e-8 or less, in float64 only.
"""

import keras
import numpy as np
import tensorflow as tf

from lockstep.traps import Effect, Trap


def wrong(number: float) -> tf.Tensor:
    """The number in float64."""
    return tf.cast(number, tf.float64)


def right(number: float) -> tf.Tensor:
    """The number in float64."""
    return tf.constant(number, tf.float64)


def measure() -> Effect:
    """What 0.1 becomes, and what a step of Keras's SGD at 0.1 with gradient 1 makes of a float64 weight of 1."""
    weight = keras.Variable(np.ones(1), dtype="float64", name="weight")
    optimizer = keras.optimizers.SGD(0.1, name="sgd")
    optimizer.build([weight])
    optimizer.apply([tf.ones(1, tf.float64)], [weight])
    numbers = {"wrong error": float(wrong(0.1)) - 0.1, "right error": float(right(0.1)) - 0.1}
    numbers["keras error"] = 0.9 - float(weight.numpy()[0])
    return Effect(
        "0.1 is off by {wrong error:.2e}, not {right error:.0f}; a step of Keras's SGD at 0.1 is too long by "
        "{keras error:.2e}".format(**numbers),
        numbers,
    )


TRAP = Trap(
    name="float-through-float32",
    text=__doc__,
    source="TensorFlow",
    met="tensorflow/tensorflow#35938",
    kind="framework",
    cause="dtype",
    wrong=wrong,
    right=right,
    measure=measure,
)
