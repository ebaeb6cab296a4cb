"""Epsilon stands inside the bias correction: m_hat / (sqrt(v_hat) + epsilon).

This is Algorithm 1 of the paper, and PyTorch's Adam. Keras takes the paper's efficient form, in which epsilon stands beside the
uncorrected root. Both are called Adam; in the first step Keras's epsilon weighs 32 times as much, and the two agree only after
thousands of steps.

Instead: `lr * sqrt(1 - beta_2**t) / (1 - beta_1**t) * m / (sqrt(v) + epsilon)`. Or divide epsilon by `sqrt(1 - beta_2**t)`.

Seen: the weights differ after the first step, where gradients are small; with epsilon 1e-7 it takes small gradients to see it.
"""

import keras
import tensorflow as tf

from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._updates import corrected, effect, is_adam
from lowlevel.optimizers import Adam

right = Adam.rule


def wrong(self: Adam, w: tf.Variable, g: tf.Tensor, *slots: tf.Variable, t: tf.Tensor, learning_rate: tf.Tensor):
    """New weight and moments; epsilon is added to the corrected root."""
    _, m, v = right(self, w, g, *slots, t=t, learning_rate=learning_rate)
    root = tf.sqrt(v) + self.train.epsilon * tf.sqrt(1 - tf.pow(tf.cast(self.train.beta_2, t.dtype), t))
    return w - corrected(self, t, learning_rate) * m / root, m, v


def measure() -> Effect:
    """On digits."""
    return effect(variants, keras.optimizers.Adam(1e-3, name="adam"))


def variants(replay):
    """Where the optimiser is an Adam."""
    if is_adam(replay):
        yield Variant({"optimizer.rule": wrong})


TRAP = Trap(
    name="adam-epsilon-corrected",
    text=__doc__,
    source="PyTorch",
    kind="loop",
    cause="adam-epsilon-inside",
    stage="weights out",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
