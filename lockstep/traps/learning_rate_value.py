"""The learning rate is another one.

0.01 for 0.001: a default that differs between libraries, a rate that was changed on one side only, or a hidden factor on all
gradients. The audit reads the rate off the loop's first step.

Instead: set both rates from one number.

Seen: the weights differ after the first step, and every change is the reference's times one factor. With plain gradient
descent a factor on the loss does the same: look at the loss. A momentum that is an average looks like a rate that is 1 - mu
times as large.
"""

from functools import partial

import keras
import numpy as np
import tensorflow as tf

from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._updates import effect
from lowlevel.optimizers import Optimizer
from shared.spec.schedules import ScheduleSpec

LEAST = 1e-4  # a rate that differs by less, relatively, is the same rate

right = Optimizer.rate


def wrong(self: Optimizer, rate: float = 0.01) -> tf.Tensor:
    """Another rate, float32 ()."""
    return tf.constant(rate, tf.float32)


def scaled(self: Optimizer, factor: float) -> tf.Tensor:
    """The schedule's rate times a factor, float32 ()."""
    return right(self) * tf.constant(factor, tf.float32)


def measure() -> Effect:
    """On digits."""
    return effect(lambda replay: [rated(replay.train.learning_rate, 0.01)], keras.optimizers.Adam(1e-3, name="adam"))


def variants(replay):
    """The rate that the loop's first step had, where there is one rate in the update."""
    if replay.train:
        yield Variant({"optimizer.rate": right}, fit=partial(fitted, replay.train.learning_rate))


def fitted(rate: float | ScheduleSpec, loop: list[np.ndarray], replay: list[np.ndarray]):
    """(detail, parts) of the rate with which the replayed changes are the loop's, in as few digits as describe them as well."""
    ours, theirs = (np.concatenate([one.ravel() for one in changes]) for changes in (loop, replay))
    size = float(theirs @ theirs)
    factor = float(ours @ theirs) / size if size else 0.0
    if not factor > 0 or abs(factor - 1) < LEAST:
        return None
    best = float(np.abs(ours - factor * theirs).max())
    nominal = 1.0 if isinstance(rate, ScheduleSpec) else rate
    for digits in (1, 2, 3):
        value = float(f"{factor * nominal:.{digits}g}")
        if np.abs(ours - value / nominal * theirs).max() <= 1.5 * best + 1e-6 * np.abs(ours).max():
            break
    else:
        value = factor * nominal
    found = rated(rate, value)
    return found.detail, found.parts


def rated(rate: float | ScheduleSpec, value: float) -> Variant:
    """The form with one other rate, or with one factor on a schedule."""
    if isinstance(rate, ScheduleSpec):
        return Variant({"optimizer.rate": partial_method(scaled, value)}, f"{value:.6g} times the schedule's rate")
    return Variant({"optimizer.rate": partial_method(wrong, value)}, f"{value:.6g}, not {rate:.6g}")


def partial_method(function, value: float):
    """The function of an optimiser with its number filled in."""
    return lambda self: function(self, value)


TRAP = Trap(
    name="learning-rate-value",
    text=__doc__,
    source="loops",
    kind="loop",
    cause="learning-rate-value",
    stage="weights out",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
