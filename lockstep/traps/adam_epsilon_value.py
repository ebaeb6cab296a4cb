"""Adam's epsilon has another value.

The paper and PyTorch have 1e-8, Keras 1e-7, and 1e-4 or 1e-3 stand in many papers' code. A weight whose gradient is not much
larger than epsilon takes a shorter step.

Instead: pass the same epsilon to both; PyTorch's 1e-8 is `keras.optimizers.Adam(epsilon=1e-8)`.

Seen: the weights differ after the first step, most where gradients are small. Where all are large, nothing shows.
"""

import keras
import tensorflow as tf

from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._updates import changed, effect, number
from lowlevel.optimizers import Adam

VALUES = (1e-8, 1e-6, 1e-5, 1e-4, 1e-3, 1e-10, 0.0, 1e-7)

right = Adam.rule


def wrong(self: Adam, w: tf.Variable, g: tf.Tensor, *slots: tf.Variable, t: tf.Tensor, learning_rate: tf.Tensor):
    """New weight and moments; epsilon is the paper's."""
    return right(changed(self, epsilon=1e-8), w, g, *slots, t=t, learning_rate=learning_rate)


def measure() -> Effect:
    """On digits."""
    return effect(variants, keras.optimizers.Adam(1e-3, name="adam"))


def variants(replay):
    """The usual values, where the optimiser is of Adam's kind."""
    if replay.train and replay.train.optimizer in ("adam", "adamw", "nadam"):
        yield from values(replay.train.epsilon)


def values(epsilon: float):
    """The usual values but this one."""
    for value in VALUES:
        if abs(value - epsilon) > 1e-3 * epsilon:
            yield Variant({"optimizer.train.epsilon": value}, f"epsilon {number(value)}, not {number(epsilon)}")


TRAP = Trap(
    name="adam-epsilon-value",
    text=__doc__,
    source="PyTorch",
    kind="loop",
    cause="adam-epsilon-value",
    stage="weights out",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
