"""Epoch times as slopes: a short and a long training, so that all that a training costs once falls out.

A ``fit`` is a function of a number of epochs. Contenders run in turn within each round (A B C A B C …), and what is kept is what
each round gave: a machine that slows down slows all of a round, and their ratios stay.
"""

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

Fit = Callable[[int], object]
Clock = Callable[[], float]


@dataclass
class Runner:
    """A contender that is ready: its ``fit``, the epochs of its short and its long training, and what was measured.

    ``first`` is the time of its first training; for each round, ``slopes`` are seconds an epoch and ``fixed`` seconds a training
    beside its epochs.
    """

    fit: Fit
    short: int = 1
    long: int = 2
    first: float = 0.0
    slopes: list[float] = field(default_factory=list)
    fixed: list[float] = field(default_factory=list)

    @property
    def compiling(self) -> float:
        """Seconds that the first training took beyond a later one of the same length; at least 0."""
        later = statistics.median(self.slopes) * self.short + statistics.median(self.fixed)
        return max(0.0, self.first - later)


def timed(fit: Fit, epochs: int, clock: Clock = time.perf_counter) -> float:
    """Seconds of one training."""
    began = clock()
    fit(epochs)
    return clock() - began


def ready(
    fit: Fit, target: float, *, unit: int = 1, least: int = 2, most: int = 2000, clock: Clock = time.perf_counter
) -> Runner:
    """Train once, which compiles, and choose a long training of about ``target`` seconds.

    Args:
        fit: the contender's.
        target: seconds.
        unit: short is so many epochs, and long is a multiple of them.
        least: epochs that long has at least.
        most: epochs that long may have.
    """
    first = timed(fit, unit, clock)
    short = timed(fit, unit, clock)
    guess = max(2, min(most // unit, math.ceil(target / max(short, 1e-9)))) * unit
    long = timed(fit, guess, clock)
    an_epoch = max((long - short) / (guess - unit), long / guess / 4, 1e-9)  # on a busy machine the slope alone may be nonsense
    epochs = max(least // unit, 2, min(most // unit, round(target / an_epoch / unit))) * unit
    return Runner(fit, unit, epochs, first)


def once(runner: Runner, clock: Clock = time.perf_counter) -> None:
    """Measure one round of one contender; again, a few times, where the short training was disturbed and took longer.

    A training that is not counted goes first: memory that was given back while others had their turn is fetched anew.
    """
    runner.fit(runner.short)
    for _ in range(5):
        short, long = (timed(runner.fit, epochs, clock) for epochs in (runner.short, runner.long))
        slope = (long - short) / (runner.long - runner.short)
        if slope > 0:
            break
    runner.slopes.append(slope)
    runner.fixed.append(short - slope * runner.short)


def in_turn(runners: Sequence[Runner], rounds: int, clock: Clock = time.perf_counter) -> None:
    """Measure all contenders, in turn within each round."""
    for _ in range(rounds):
        for runner in runners:
            once(runner, clock)


def ratios(reference: Sequence[float], times: Sequence[float]) -> tuple[float, float, float]:
    """How many times as fast as the reference of the same round: median, least and most."""
    found = [a / b for a, b in zip(reference, times, strict=True)]
    return statistics.median(found), min(found), max(found)
