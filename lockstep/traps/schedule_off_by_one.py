"""The schedule of the learning rate is one step ahead, or one behind.

A counter that starts at 1, or is advanced before the rate is asked for, makes the first step with the second rate; a
scheduler that is stepped before the first update does the same. One that is asked too late takes the first rate twice.

Instead: the first step has the rate of step 0: ask the schedule, update, then count.

Seen: the weights differ at the steps at which the rate changes, and only there. With a smooth exponential decay every step
differs by one factor, as with another learning rate.
"""

import keras
import tensorflow as tf

from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._updates import effect, has_schedule
from lowlevel.optimizers import Optimizer

right = Optimizer.rate


def wrong(self: Optimizer) -> tf.Tensor:
    """The next step's rate, float32 ()."""
    return self.learning_rate(self.iteration + 1)


def late(self: Optimizer) -> tf.Tensor:
    """The last step's rate, float32 ()."""
    return self.learning_rate(tf.maximum(self.iteration - 1, 0))


def measure() -> Effect:
    """On digits."""
    return effect(
        variants, keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.1, 5, 0.5, name="decay"), name="sgd")
    )


def variants(replay):
    """Where there is a schedule."""
    if has_schedule(replay):
        yield Variant({"optimizer.rate": wrong}, "one step ahead")
        yield Variant({"optimizer.rate": late}, "one step behind")


TRAP = Trap(
    name="schedule-off-by-one",
    text=__doc__,
    source="loops",
    kind="loop",
    cause="learning-rate-schedule-off-by-one",
    stage="weights out",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
