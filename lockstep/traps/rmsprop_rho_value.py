"""RMSprop's rho has another value.

Keras's default is 0.9 and PyTorch's is 0.99, where it is called alpha.

Instead: set `rho` and PyTorch's `alpha` alike.

Seen: the weights differ after the first step; with 0.99 its change is 3.2 times as long as with 0.9.
"""

import keras
import tensorflow as tf

from lockstep.traps import Effect, Trap
from lockstep.traps._updates import changed, effect, other_values
from lowlevel.optimizers import RMSprop

right = RMSprop.rule

VALUES = (0.99, 0.9, 0.95, 0.999, 0.5)


def wrong(self: RMSprop, w: tf.Variable, g: tf.Tensor, *slots: tf.Variable, t: tf.Tensor, learning_rate: tf.Tensor):
    """New weight and slots; rho is 0.99."""
    return right(changed(self, rho=0.99), w, g, *slots, t=t, learning_rate=learning_rate)


def measure() -> Effect:
    """On digits."""
    return effect(variants, keras.optimizers.RMSprop(1e-3, name="rmsprop"))


def variants(replay):
    """The usual values, where the optimiser is RMSprop."""
    if replay.train and replay.train.optimizer == "rmsprop":
        yield from other_values("rho", replay.train.rho, VALUES)


TRAP = Trap(
    name="rmsprop-rho-value",
    text=__doc__,
    source="PyTorch",
    kind="loop",
    cause="rmsprop-rho-value",
    stage="weights out",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
