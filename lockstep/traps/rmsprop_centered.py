"""RMSprop divides by the root of the mean square, where the reference divides by the standard deviation.

`centered=True` subtracts the square of the gradients' mean under the root. A loop that leaves it out takes shorter steps
wherever gradients keep their sign.

Instead: `sqrt(v - a**2 + epsilon)` with `a = rho * a + (1 - rho) * g`.

Seen: the weights differ after the first step.
"""

import keras
import tensorflow as tf

from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._updates import changed, effect
from lowlevel.optimizers import RMSprop

right = RMSprop.rule


def wrong(self: RMSprop, w: tf.Variable, g: tf.Tensor, *slots: tf.Variable, t: tf.Tensor, learning_rate: tf.Tensor):
    """New weight and slots; the mean is not subtracted."""
    *used, average = slots
    return *right(changed(self, centered=False), w, g, *used, t=t, learning_rate=learning_rate), average


def measure() -> Effect:
    """On digits."""
    return effect(variants, keras.optimizers.RMSprop(1e-3, centered=True, name="rmsprop"))


def variants(replay):
    """Where the reference is centred."""
    if replay.train and replay.train.centered:
        yield Variant({"optimizer.train.centered": False})


TRAP = Trap(
    name="rmsprop-centered",
    text=__doc__,
    source="loops",
    kind="loop",
    cause="rmsprop-centered",
    stage="weights out",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
