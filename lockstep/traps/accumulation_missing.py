"""The loop updates at every step, where the reference gathers the gradients of several batches.

`gradient_accumulation_steps=4` updates the weights at every fourth batch.

Instead: gather the gradients of as many batches, and update with their mean.

Seen: the weights differ after the first step, in which the reference does not move.
"""

import keras
import tensorflow as tf

from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._updates import effect


def wrong(gathered: list[tf.Tensor], step: int, steps: int) -> tf.Tensor | None:
    """The gradient of the update after step number ``step``."""
    return gathered[-1]


def right(gathered: list[tf.Tensor], step: int, steps: int) -> tf.Tensor | None:
    """The gradient of the update after step number ``step``; None where there is no update."""
    return tf.add_n(gathered[-steps:]) / steps if step % steps == 0 else None


def measure() -> Effect:
    """On digits."""
    return effect(variants, keras.optimizers.SGD(0.05, gradient_accumulation_steps=4, name="sgd"))


def variants(replay):
    """Where the reference gathers gradients."""
    if replay.train and replay.train.gradient_accumulation_steps:
        yield Variant({"optimizer.train.gradient_accumulation_steps": None})


TRAP = Trap(
    name="accumulation-missing",
    text=__doc__,
    source="loops",
    kind="loop",
    cause="accumulation-missing",
    stage="weights out",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
