"""Part ``rule``: from which size of a net on XLA is worth its compilation. The low-level wing with and without it, in turn."""

import statistics

from timing import slopes
from timing.contenders import CONTENDERS
from timing.jobs import Job

SIDES = {"plain": "low-epoch", "xla": "low-epoch-xla"}
HIDDEN = (2, 5, 12, 25, 100, 500)  # units of the one hidden layer of 400-h-10


def measure(rounds: int, quick: bool) -> dict:
    """For each net its parameters and, without XLA and with it, seconds to compile and seconds an epoch of the digits."""
    points = []
    for hidden in HIDDEN[:2] if quick else HIDDEN:
        job = Job("digits", (400, hidden, 10), 320 if quick else 5000, 32)
        runners = {
            key: slopes.ready(CONTENDERS[name].make(job, *job.data), 0.05 if quick else 0.5) for key, name in SIDES.items()
        }
        slopes.in_turn(list(runners.values()), min(rounds, 3))
        point = {"parameters": job.parameters}
        for key, runner in runners.items():
            point[key] = {"compiling": runner.compiling, "epoch": statistics.median(runner.slopes)}
        points.append(point)
        print(f"  {job.parameters} parameters: {point}", flush=True)
    return {"points": points}
