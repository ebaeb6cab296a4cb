"""RMSprop's epsilon is added to the root, not under it.

PyTorch and many hand-written loops have `sqrt(v) + epsilon`, as in Adam. Keras has `sqrt(v + epsilon)`: its 1e-7 counts as
0.0003 where v is 0.

Instead: `lr * g / sqrt(v + epsilon)`.

Seen: the weights differ after the first step, most where gradients are small.
"""

import keras
import tensorflow as tf

from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._updates import effect
from lowlevel.optimizers import RMSprop

right = RMSprop.rule


def wrong(self: RMSprop, w: tf.Variable, g: tf.Tensor, *slots: tf.Variable, t: tf.Tensor, learning_rate: tf.Tensor):
    """New weight and slots; the root stands alone."""
    new = dict(zip(self.train.slots, slots, strict=True))
    rho = self.train.rho
    spread = new["velocity"] = rho * new["velocity"] + (1 - rho) * tf.square(g)
    if self.train.centered:
        new["average_gradient"] = rho * new["average_gradient"] + (1 - rho) * g
        spread = spread - tf.square(new["average_gradient"])
    step = learning_rate * g / (tf.sqrt(spread) + self.train.epsilon)
    if self.train.momentum > 0:
        step = new["momentum"] = self.train.momentum * new["momentum"] + step
    return w - step, *new.values()


def measure() -> Effect:
    """On digits."""
    return effect(variants, keras.optimizers.RMSprop(1e-3, name="rmsprop"))


def variants(replay):
    """Where the optimiser is RMSprop."""
    if replay.train and replay.train.optimizer == "rmsprop":
        yield Variant({"optimizer.rule": wrong})


TRAP = Trap(
    name="rmsprop-epsilon-outside",
    text=__doc__,
    source="PyTorch",
    kind="loop",
    cause="rmsprop-epsilon-outside",
    stage="weights out",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
