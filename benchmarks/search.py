"""What a second worker is worth in a search, and what XLA would cost: the same 20 points serially, with two workers, and serially
by the rule of ``Trainer``, which compiles the larger nets; in turn, through either wing.

``python benchmarks/search.py [EPOCHS [ROUNDS]]`` (5 and 3 where not given). The first round with two workers also waits for them
to start and to import TensorFlow, and stands in a column of its own. Bits are compared too.
"""

import os
import statistics
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import lockstep
from lockstep.tuning import COURSE, SearchResult
from lockstep.tuning.held import hold_out
from lockstep.tuning.worker import trainer_of
from shared import load_digits
from shared.data import Dataset


def compiled(found: SearchResult, wing: str, digits: Dataset) -> float:
    """Seconds that the points of a search take where ``Trainer`` decides about XLA."""
    x, y, x_held, y_held = hold_out(digits, 0.2, 0).arrays
    began = time.perf_counter()
    for point in found.points:
        trainer_of(wing)(point.model, point.train).fit((x, y), validation_data=(x_held, y_held))
    return time.perf_counter() - began


def main() -> None:
    """Print the table."""
    epochs, rounds = (int(given) for given in (*sys.argv[1:3], *("5", "3")[len(sys.argv) - 1 :]))
    digits = load_digits()
    header = f"{'wing':<6}{'serial, s':>12}{'2 workers, s':>14}{'ratio':>8}{'least':>8}{'most':>8}{'first, s':>10}"
    print(f"{header}{'XLA, s':>9}{'ratio':>8}  bits and winner")
    for wing in ("low", "high"):
        lockstep.search(COURSE, digits, points=1, wing=wing, epochs=1)  # imports
        seconds, curves, winners, xla = {1: [], 2: []}, [], set(), []
        for _ in range(rounds):
            for workers, times in seconds.items():
                found = lockstep.search(COURSE, digits, points=20, wing=wing, epochs=epochs, workers=workers)
                times.append(found.seconds)
                curves.append([point.history.history for point in found.points])
                winners.add(found.best.number)
            xla.append(compiled(found, wing, digits))
        ratios = [serial / parallel for serial, parallel in zip(seconds[1], seconds[2], strict=True)][1:]
        slower = statistics.median(a / b for a, b in zip(xla, seconds[1], strict=True))
        first = seconds[2].pop(0)
        equal = "equal" if all(other == curves[0] for other in curves) and len(winners) == 1 else "DIFFERENT"
        print(
            f"{wing:<6}{statistics.median(seconds[1]):>12.1f}{statistics.median(seconds[2]):>14.1f}{statistics.median(ratios):>8.2f}"
            f"{min(ratios):>8.2f}{max(ratios):>8.2f}{first:>10.1f}{statistics.median(xla):>9.1f}{slower:>8.2f}  {equal}"
        )


if __name__ == "__main__":
    main()
