"""Adam's epsilon stands inside the root: sqrt(v + epsilon).

Many hand-written Adams guard the root from within, as RMSprop often does. The root of 1e-7 is 0.0003, which
is as large as many roots of v: those weights take shorter steps. Either v is the running mean itself, or it is the
corrected one of the paper's Algorithm 1.

Instead: add epsilon to the root: `sqrt(v) + epsilon`.

Seen: the weights differ after the first step, most where gradients are small.
"""

import keras
import tensorflow as tf

from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._updates import corrected, effect, is_adam
from lowlevel.optimizers import Adam

right = Adam.rule


def wrong(self: Adam, w: tf.Variable, g: tf.Tensor, *slots: tf.Variable, t: tf.Tensor, learning_rate: tf.Tensor):
    """New weight and moments; epsilon is added to v."""
    _, m, v = right(self, w, g, *slots, t=t, learning_rate=learning_rate)
    return w - corrected(self, t, learning_rate) * m / tf.sqrt(v + self.train.epsilon), m, v


def wrong_corrected(self: Adam, w: tf.Variable, g: tf.Tensor, *slots: tf.Variable, t: tf.Tensor, learning_rate: tf.Tensor):
    """New weight and moments; epsilon is added to v / (1 - b2^t)."""
    _, m, v = right(self, w, g, *slots, t=t, learning_rate=learning_rate)
    spread = self.train.epsilon * (1 - tf.pow(tf.cast(self.train.beta_2, t.dtype), t))
    return w - corrected(self, t, learning_rate) * m / tf.sqrt(v + spread), m, v


def measure() -> Effect:
    """On digits."""
    return effect(variants, keras.optimizers.Adam(1e-3, name="adam"))


def variants(replay):
    """Where the optimiser is an Adam."""
    if is_adam(replay):
        yield Variant({"optimizer.rule": wrong}, "sqrt(v + epsilon)")
        yield Variant({"optimizer.rule": wrong_corrected}, "sqrt(v / (1 - beta_2^t) + epsilon)")


TRAP = Trap(
    name="adam-epsilon-inside",
    text=__doc__,
    source="loops",
    kind="loop",
    cause="adam-epsilon-inside",
    stage="weights out",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
