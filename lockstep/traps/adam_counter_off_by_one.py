"""Adam's step counter is one ahead: t is 2 in the first step.

The counter starts at 1 and is advanced before it is used, or Keras's `iterations` is read after the update and 1 is added. The
first step is then 0.74 of its length: 0.235 times the learning rate and not 0.316, before the moments come in.

Instead: start at 0 and advance before use, or start at 1 and advance after it.

Seen: the weights differ after the first step, and later by less and less.
"""

import keras
import tensorflow as tf

from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._updates import effect, is_adam
from lowlevel.optimizers import Adam

right = Adam.constants


def wrong(self: Adam, rate: tf.Tensor, dtype: tf.DType) -> dict[str, tf.Tensor]:
    """What the rule is told; ``t`` is one too large."""
    given = right(self, rate, dtype)
    return given | {"t": given["t"] + 1}


def measure() -> Effect:
    """On digits."""
    return effect(variants, keras.optimizers.Adam(1e-3, name="adam"))


def variants(replay):
    """Where the optimiser is an Adam."""
    if is_adam(replay):
        yield Variant({"optimizer.constants": wrong})


TRAP = Trap(
    name="adam-counter-off-by-one",
    text=__doc__,
    source="loops",
    kind="loop",
    cause="adam-counter-off-by-one",
    stage="weights out",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
