"""The momentum is an average of the gradients, or it is not scaled by the learning rate of its step.

Andrew Ng's course and PyTorch's `dampening` have `v = mu v + (1 - mu) g` and `w -= lr v`: steps that are 1 - mu times as long
as Keras's. PyTorch without dampening has `v = mu v + g` and `w -= lr v`, which is Keras's rule as long as the learning rate
stays; under a schedule Keras keeps the rates of the past in `m = mu m - lr g`.

Instead: `m = mu * m - lr * g; w += m`.

Seen: as an average, the weights differ after the first step, by the factor 1 - mu for ever: a learning rate that is so much
smaller does the same. Under a schedule, they differ after the rate has changed.
"""

import keras
import tensorflow as tf

from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._updates import effect, has_schedule
from lowlevel.optimizers import SGD

right = SGD.rule


def wrong(self: SGD, w: tf.Variable, g: tf.Tensor, m: tf.Variable, *, t: tf.Tensor, learning_rate: tf.Tensor):
    """New weight and average of the gradients."""
    mu = tf.cast(self.train.momentum, w.dtype)
    m = m * mu + g * (1 - mu)
    return w - m * learning_rate, m


def unscaled(self: SGD, w: tf.Variable, g: tf.Tensor, m: tf.Variable, *, t: tf.Tensor, learning_rate: tf.Tensor):
    """New weight and sum of the gradients, all of them scaled by the rate of this step; PyTorch's, with its look-ahead."""
    mu = tf.cast(self.train.momentum, w.dtype)
    m = m * mu + g
    return w - (g + m * mu if self.train.nesterov else m) * learning_rate, m


def measure() -> Effect:
    """On digits."""
    return effect(variants, keras.optimizers.SGD(0.05, momentum=0.9, name="sgd"))


def variants(replay):
    """Where the optimiser is SGD with a momentum."""
    if replay.train and replay.train.optimizer == "sgd" and replay.train.momentum:
        if not replay.train.nesterov:
            yield Variant({"optimizer.rule": wrong}, "an average, m = mu m + (1 - mu) g")
        if has_schedule(replay):
            yield Variant({"optimizer.rule": unscaled}, "m = mu m + g, w -= lr m")


TRAP = Trap(
    name="momentum-form",
    text=__doc__,
    source="Ng, PyTorch",
    kind="loop",
    cause="momentum-form",
    stage="weights out",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
