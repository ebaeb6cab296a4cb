"""The schedule of the learning rate counts epochs, not steps.

A schedule of Keras is asked with the number of the step. One that is asked with the number of the epoch hardly moves; and one
that is asked with the step, but only once an epoch, stands still between.

Instead: ask with the number of the step, in every step. Or give the schedule `decay_steps` in epochs on both sides.

Seen: the first step is right; the weights differ as soon as the rate has changed. Within the first epoch it cannot be told
from a schedule that is left out: compare more than one epoch.
"""

import keras
import tensorflow as tf

from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._updates import effect, has_schedule
from lowlevel.optimizers import Optimizer

right = Optimizer.rate


def wrong(self: Optimizer, steps_per_epoch: int) -> tf.Tensor:
    """The rate of the step whose number is the epoch's, float32 ()."""
    return self.learning_rate(self.iteration // steps_per_epoch)


def held(self: Optimizer, steps_per_epoch: int) -> tf.Tensor:
    """The rate of the epoch's first step, float32 ()."""
    return self.learning_rate(self.iteration // steps_per_epoch * steps_per_epoch)


def measure() -> Effect:
    """On digits."""
    return effect(
        variants, keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.1, 5, 0.5, name="decay"), name="sgd")
    )


def variants(replay):
    """Where there is a schedule, and an epoch has several steps."""
    steps = replay.steps_per_epoch
    if has_schedule(replay) and steps > 1:
        yield Variant({"optimizer.rate": lambda self: wrong(self, steps)}, "asked with the number of the epoch")
        yield Variant({"optimizer.rate": lambda self: held(self, steps)}, "asked once an epoch")


TRAP = Trap(
    name="schedule-per-epoch",
    text=__doc__,
    source="loops",
    kind="loop",
    cause="learning-rate-schedule-per-epoch",
    stage="weights out",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
