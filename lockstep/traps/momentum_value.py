"""The momentum has another value.

0.9 is a habit; 0.5, 0.95 and 0.99 stand in recipes, and Keras's default is 0.

Instead: set the same momentum on both sides.

Seen: the first step is right, where there is no look-ahead; the weights differ after the second.
"""

import keras
import tensorflow as tf

from lockstep.traps import Effect, Trap
from lockstep.traps._updates import changed, effect, other_values
from lowlevel.optimizers import SGD

right = SGD.rule

VALUES = (0.5, 0.8, 0.9, 0.95, 0.98, 0.99)


def wrong(self: SGD, w: tf.Variable, g: tf.Tensor, *slots: tf.Variable, t: tf.Tensor, learning_rate: tf.Tensor):
    """New weight and slots; mu is 0.5."""
    return right(changed(self, momentum=0.5), w, g, *slots, t=t, learning_rate=learning_rate)


def measure() -> Effect:
    """On digits."""
    return effect(variants, keras.optimizers.SGD(0.05, momentum=0.9, name="sgd"))


def variants(replay):
    """The usual values, where there is a momentum."""
    if replay.train and replay.train.momentum:
        yield from other_values("momentum", replay.train.momentum, VALUES)


TRAP = Trap(
    name="momentum-value",
    text=__doc__,
    source="loops",
    kind="loop",
    cause="momentum-value",
    stage="weights out",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
