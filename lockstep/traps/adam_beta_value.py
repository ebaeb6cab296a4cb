"""A beta of Adam has another value, or the two are swapped.

Networks that generate pictures are trained with beta_1 = 0.5, large language models with beta_2 = 0.95 or 0.98. Swapped, the
mean of the gradients is the slow one and the mean of their squares the fast one.

Instead: pass `beta_1` and `beta_2` by name, alike on both sides.

Seen: the weights differ after the second step; the first one is the same with any betas, but for epsilon.
"""

import keras
import tensorflow as tf

from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._updates import changed, effect, other_values
from lowlevel.optimizers import Adam

right = Adam.rule

FIRST = (0.5, 0.8, 0.9, 0.95, 0.99)
SECOND = (0.99, 0.9, 0.95, 0.98, 0.999, 0.9999)


def wrong(self: Adam, w: tf.Variable, g: tf.Tensor, *slots: tf.Variable, t: tf.Tensor, learning_rate: tf.Tensor):
    """New weight and slots; beta_2 is 0.99."""
    return right(changed(self, beta_2=0.99), w, g, *slots, t=t, learning_rate=learning_rate)


def measure() -> Effect:
    """On digits."""
    return effect(variants, keras.optimizers.Adam(1e-3, name="adam"))


def variants(replay):
    """The usual values, where the optimiser has betas."""
    if replay.train and replay.train.optimizer in ("adam", "adamw", "nadam", "lion"):
        first, second = replay.train.beta_1, replay.train.beta_2
        yield from other_values("beta_2", second, SECOND)
        yield from other_values("beta_1", first, FIRST)
        yield Variant({"optimizer.train.beta_1": second, "optimizer.train.beta_2": first}, "beta_1 and beta_2 are swapped")


TRAP = Trap(
    name="adam-beta-value",
    text=__doc__,
    source="recipes",
    kind="loop",
    cause="adam-beta-value",
    stage="weights out",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
