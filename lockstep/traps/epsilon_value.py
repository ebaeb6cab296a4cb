"""The epsilon of RMSprop or Adagrad has another value.

Keras has 1e-7 in both, PyTorch 1e-8 in RMSprop and 1e-10 in Adagrad, and the lecture that introduced RMSprop has none. Since
Keras adds it under the root, a change of it counts for more than in Adam.

Instead: pass the same epsilon to both.

Seen: the weights differ after the first step, most where gradients are small.
"""

import keras
import tensorflow as tf

from lockstep.traps import Effect, Trap
from lockstep.traps._updates import changed, effect
from lockstep.traps.adam_epsilon_value import values
from lowlevel.optimizers import RMSprop

right = RMSprop.rule


def wrong(self: RMSprop, w: tf.Variable, g: tf.Tensor, *slots: tf.Variable, t: tf.Tensor, learning_rate: tf.Tensor):
    """New weight and slots; epsilon is PyTorch's."""
    return right(changed(self, epsilon=1e-8), w, g, *slots, t=t, learning_rate=learning_rate)


def measure() -> Effect:
    """On digits."""
    return effect(variants, keras.optimizers.RMSprop(1e-3, name="rmsprop"))


def variants(replay):
    """The usual values, where the optimiser is RMSprop or Adagrad."""
    if replay.train and replay.train.optimizer in ("rmsprop", "adagrad"):
        yield from values(replay.train.epsilon)


TRAP = Trap(
    name="epsilon-value",
    text=__doc__,
    source="PyTorch",
    kind="loop",
    cause="epsilon-value",
    stage="weights out",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
