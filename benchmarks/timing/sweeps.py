"""Part ``sweeps``: the time of a whole ``fit`` as one thing grows: rows a batch, units of the hidden layers, rows, epochs."""

import math
from collections.abc import Sequence

import numpy as np

from timing.contenders import CONTENDERS
from timing.jobs import Job
from timing.slopes import timed

CONTENDING = ("keras-fit", "high-auto", "low-auto")
POINTS = {
    "batch": (8, 32, 128, 512, 2048),
    "width": (8, 32, 128, 512, 2048),
    "samples": (600, 1900, 6000, 19000, 60000),
    "epochs": (5, 16, 50, 158, 500),
}
_QUICK = {"batch": (8, 32, 128), "width": (8, 32, 128), "samples": (60, 200, 600), "epochs": (1, 3, 10)}
FEWER = 2  # plain fit is measured at every second point
AXES = {
    "batch": "rows a batch (5,000 digits, 5 epochs)",
    "width": "units of both hidden layers (1,600 digits, 1 epoch)",
    "samples": "rows (random, 400 columns, 2 epochs)",
    "epochs": "epochs (600 digits)",
}


def setting(sweep: str, value: int, quick: bool) -> tuple[Job, int]:
    """The job and the epochs of a point."""
    sizes = (400, 25, 15, 10)
    if sweep == "batch":
        return Job("digits", sizes, 640 if quick else 5000, value), 1 if quick else 5
    if sweep == "width":
        return Job("digits", (400, value, value, 10), 160 if quick else 1600, 32), 1
    if sweep == "samples":
        return Job("random", sizes, value, 32), 2
    return Job("digits", sizes, 60 if quick else 600, 32), value


def measure(sweep: str, rounds: int, quick: bool) -> dict:
    """For each contender and point the seconds of a fit, in turn; of a short one the mean of several.

    The first fit of each, which compiles, is not counted.
    """
    points = (_QUICK if quick else POINTS)[sweep]
    found: dict = {key: {} for key in CONTENDING}
    for at, value in enumerate(points):
        job, epochs = setting(sweep, value, quick)
        keys = [key for key in CONTENDING if key != "keras-fit" or at % FEWER == 0]
        fits = {key: CONTENDERS[key].make(job, *job.data) for key in keys}
        for fit in fits.values():
            fit(2 if sweep == "epochs" else epochs)
        counts = {key: max(1, min(50, round(0.1 / max(timed(fit, epochs), 1e-9)))) for key, fit in fits.items()}
        for _ in range(min(rounds, 3)):
            for key, fit in fits.items():
                took = sum(timed(fit, epochs) for _ in range(counts[key]))
                found[key].setdefault(value, []).append(took / counts[key])
        print(f"  {sweep} {value}: " + ", ".join(f"{key} {min(found[key][value]):.3f} s" for key in keys), flush=True)
    return {"points": points, "contenders": {key: [[value, times] for value, times in of.items()] for key, of in found.items()}}


def exponent(sizes: Sequence[float], times: Sequence[float], among: float = math.inf) -> float:
    """The slope on doubly logarithmic scales from the last size down to the farthest that is at most ``among`` times smaller."""
    first = next(at for at, size in enumerate(sizes) if sizes[-1] / size <= among * 1.001)
    first = min(first, len(sizes) - 2)
    return math.log(times[-1] / times[first]) / math.log(sizes[-1] / sizes[first])


def law(sizes: Sequence[float], times: Sequence[float]) -> tuple[float, float, float]:
    """a, b and c of a + b n^c: the least squares of relative errors, with a and b not negative, c from 0.20 to 2.00."""
    n, t = np.asarray(sizes, float), np.asarray(times, float)
    best = (math.inf, 0.0, 0.0, 0.0)
    for c in np.arange(0.2, 2.001, 0.01):
        powers = (n / n[-1]) ** c
        both = np.stack([1 / t, powers / t], axis=1)
        for columns in ([0, 1], [1]):
            solved = np.linalg.lstsq(both[:, columns], np.ones(len(t)), rcond=None)[0]
            a, b = (0.0, solved[0]) if len(columns) == 1 else solved
            error = float((((a + b * powers) / t - 1) ** 2).sum())
            if a >= 0 and b >= 0 and error < best[0] - 1e-12:
                best = (error, float(a), float(b / n[-1] ** c), float(c))
    return best[1:]
