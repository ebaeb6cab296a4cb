"""Adam's step counter advances with every weight, not with every step.

`t += 1` stands inside the loop over the weights, as in an optimiser class whose `update(w, g)` counts its own calls. In a net
of six weights the first step corrects them as for t = 1 to 6, and the second as for 7 to 12.

Instead: advance the counter once a step, before the loop over the weights.

Seen: after the first step the first weight is right and the others are not.
"""

import keras
import tensorflow as tf

from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._updates import effect, is_adam
from lowlevel.optimizers import Adam

right = Adam.rule


def wrong(self: Adam, w: tf.Variable, g: tf.Tensor, *slots: tf.Variable, t: tf.Tensor, learning_rate: tf.Tensor):
    """New weight and moments; ``t`` counts weights."""
    counts = 1 + max(at for at, _ in self.slots)
    at = next(at for (at, _), slot in self.slots.items() if slot is slots[0])
    return type(self).rule(self, w, g, *slots, t=(t - 1) * counts + at + 1, learning_rate=learning_rate)


def measure() -> Effect:
    """On digits."""
    return effect(variants, keras.optimizers.Adam(1e-3, name="adam"))


def variants(replay):
    """Where the optimiser is an Adam with several weights."""
    if is_adam(replay) and len(replay.trainable) > 1:
        yield Variant({"optimizer.rule": wrong})


TRAP = Trap(
    name="adam-counter-per-weight",
    text=__doc__,
    source="loops",
    kind="loop",
    cause="adam-counter-per-weight",
    stage="weights out",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
