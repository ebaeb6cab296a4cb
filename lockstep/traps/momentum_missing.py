"""The momentum is left out.

`SGD(0.01, momentum=0.9)` on one side, a plain `w -= lr * g` on the other. A momentum slot that is made anew in every step
does the same.

Instead: keep `m` from step to step: `m = mu * m - lr * g`, then `w += m`.

Seen: the first step is right, where there is no look-ahead; the weights differ after the second.
"""

import keras
import tensorflow as tf

from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._updates import effect
from lowlevel.optimizers import SGD

right = SGD.rule


def wrong(self: SGD, w: tf.Variable, g: tf.Tensor, *slots: tf.Variable, t: tf.Tensor, learning_rate: tf.Tensor):
    """New weight and slots; the momentum is not used and not moved."""
    return w - g * learning_rate, *slots


def measure() -> Effect:
    """On digits."""
    return effect(variants, keras.optimizers.SGD(0.05, momentum=0.9, name="sgd"))


def variants(replay):
    """Where there is a momentum, of SGD or of RMSprop; with it goes the look-ahead."""
    if replay.train and replay.train.momentum:
        yield Variant({"optimizer.train.momentum": 0.0})


TRAP = Trap(
    name="momentum-missing",
    text=__doc__,
    source="loops",
    kind="loop",
    cause="momentum-missing",
    stage="weights out",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
