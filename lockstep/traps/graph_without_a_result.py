"""The step of training returns nothing, since what it does it does to variables.

A graph that returns nothing is not pruned before it is rearranged, and then it is rearranged in another way. Keras's own
optimiser in a `tf.function` without a result leaves other bits in the weights than the same in one that returns a number, as
the step of `fit` does.

Instead: return the loss from the step, also where nobody looks at it.

Seen: weights differ by rounding, with accumulated gradients at the first update.
"""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from lockstep.traps import Effect, Trap
from lockstep.traps._nets import ulps

Update = Callable[[list[tf.Tensor]], None]


def wrong(update: Update) -> Callable[[list[tf.Tensor]], None]:
    """The step as a graph."""
    return tf.function(lambda gradients: update(gradients), autograph=False)


def right(update: Update) -> Callable[[list[tf.Tensor]], tf.Tensor]:
    """The step as a graph."""

    def step(gradients: list[tf.Tensor]) -> tf.Tensor:
        update(gradients)
        return tf.reduce_sum(gradients[-1])

    return tf.function(step, autograph=False)


def trained(half: Callable[[Update], Callable[[list[tf.Tensor]], object]]) -> np.ndarray:
    """2,400 weights after nine steps of Keras's SGD, which applies every third; (2, 40, 30)."""
    weights = [keras.Variable(np.ones((40, 30)), dtype="float32", name=f"w{at}") for at in range(2)]
    optimizer = keras.optimizers.SGD(0.1, gradient_accumulation_steps=3, name="sgd")
    optimizer.build(weights)
    step = half(lambda gradients: optimizer.apply(gradients, weights))
    for seed in range(9):
        step([tf.constant(np.random.default_rng(seed).normal(size=(40, 30)), tf.float32)] * 2)
    return np.stack([weight.numpy() for weight in weights])


def measure() -> Effect:
    """How far the weights of the two halves are apart."""
    found = [trained(half) for half in (wrong, right)]
    numbers = {"differ": int(np.sum(found[0] != found[1])), "ULP": ulps(*found)}
    return Effect("{differ} of 2,400 weights differ after 9 steps, by {ULP} ULP at most".format(**numbers), numbers)


TRAP = Trap(
    name="graph-without-a-result",
    text=__doc__,
    source="TensorFlow",
    kind="framework",
    wrong=wrong,
    right=right,
    measure=measure,
)
