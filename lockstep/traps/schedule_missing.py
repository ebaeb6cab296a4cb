"""The learning rate stays what it was at the first step.

The schedule is there and its rate never reaches the update: a number was read once, before the loop or while a `tf.function`
was traced. Where the schedule begins with a warm-up, the target of the warm-up is taken for ever, or only the warm-up is left
out.

Instead: ask the schedule for the rate in every step, with a counter that is a `tf.Variable`.

Seen: the first step is right; the weights differ as soon as the rate has changed.
"""

import keras
import tensorflow as tf

from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._updates import effect, has_schedule
from lowlevel.optimizers import Optimizer

right = Optimizer.rate


def wrong(self: Optimizer) -> tf.Tensor:
    """The rate of step 0, float32 ()."""
    return self.learning_rate(tf.constant(0, tf.int64))


def measure() -> Effect:
    """On digits."""
    return effect(
        variants, keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.1, 5, 0.5, name="decay"), name="sgd")
    )


def variants(replay):
    """Where there is a schedule."""
    if not has_schedule(replay):
        return
    yield Variant({"optimizer.rate": wrong}, "the rate of step 0 for ever")
    warmup = getattr(replay.train.learning_rate, "warmup_steps", 0)
    if warmup:
        target = replay.train.learning_rate.warmup_target
        yield Variant({"optimizer.rate": lambda self: tf.constant(target, tf.float32)}, "the warm-up's target for ever")
        yield Variant({"optimizer.rate": lambda self: self.learning_rate(self.iteration + warmup)}, "no warm-up")


TRAP = Trap(
    name="schedule-missing",
    text=__doc__,
    source="loops",
    kind="loop",
    cause="learning-rate-schedule-missing",
    stage="weights out",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
