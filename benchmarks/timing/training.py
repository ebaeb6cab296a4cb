"""Part ``jobs``: what an epoch costs each contender, as a slope, in turn; and what its first training cost more."""

import statistics

from timing.contenders import CONTENDERS
from timing.jobs import job_of
from timing.slopes import Runner, in_turn, ready


def measure(name: str, rounds: int, quick: bool) -> dict:
    """Figures of one job. Contenders that are missing or that refuse are named with the reason."""
    job = job_of(name, quick)
    x, y = job.data
    target, least = (0.05, 2) if quick else (0.8, 5)
    runners: dict[str, Runner] = {}
    left_out: dict[str, str] = {}
    for key, contender in CONTENDERS.items():
        if not contender.installed:
            left_out[key] = "not installed"
            continue
        try:
            runners[key] = ready(contender.make(job, x, y), target, least=least)
        except Exception as error:  # the others are measured all the same, and the page says why this one was not
            left_out[key] = f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"
        print(f"  {contender.label}: {left_out.get(key) or runners[key].long} {'' if key in left_out else 'epochs'}", flush=True)
    in_turn(list(runners.values()), rounds)
    found = {
        key: {
            "epochs": [one.short, one.long],
            "slopes": one.slopes,
            "fixed": statistics.median(one.fixed),
            "compiling": one.compiling,
        }
        for key, one in runners.items()
    }
    shape = {"sizes": job.sizes, "rows": job.rows, "batch": job.batch, "steps": job.steps, "parameters": job.parameters}
    return {**shape, "contenders": found, "left out": left_out}
