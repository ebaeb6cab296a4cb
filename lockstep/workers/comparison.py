"""Both wings with several workers: against each other, where no bit may differ, and against one process, where rounding may."""

import json
import os
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lockstep.divergence import absolute, gap, ulp_text
from lockstep.verdict import VERDICTS, curves_agree
from lockstep.workers.crew import Epoch, Job
from shared.batches import BatchPlan
from shared.errors import InputError
from shared.feed import Feed, feed
from shared.records import History
from shared.replicas import check_fit, check_training
from shared.spec import ModelSpec, TrainSpec

SCHEMA = 1
MOST = 64  # local workers: more are a mistake


@dataclass(frozen=True)
class Row:
    """One epoch: the three losses, the largest difference between the wings' workers (weights, optimiser's variables and figures)
    in absolute terms and in ULP, and that of the weights between the low-level wing's workers and one process."""

    epoch: int
    low: float
    high: float
    one: float
    max_abs: float
    max_ulp: float
    against_one: float


@dataclass(frozen=True, kw_only=True)
class WorkersReport:
    """What ``compare`` found. ``verdict`` is that of the wings: ``identical``, ``alike`` (the curves agree, those of one process
    too) or ``different``; ``same_on_all`` says whether all workers of a wing ended every epoch in the same bits."""

    workers: int
    model: ModelSpec
    train: TrainSpec
    verdict: str
    same_on_all: bool
    rows: list[Row]

    @property
    def max_abs(self) -> float:
        """Largest difference between the wings."""
        return max(row.max_abs for row in self.rows)

    @property
    def max_ulp(self) -> float:
        """The same in ULP."""
        return max(row.max_ulp for row in self.rows)

    @property
    def against_one(self) -> float:
        """Largest difference of any weight from one process."""
        return max(row.against_one for row in self.rows)

    def meets(self, verdict: str) -> bool:
        """Whether this verdict, or a better one, was reached."""
        return VERDICTS.index(self.verdict) <= VERDICTS.index(verdict)

    def to_json(self) -> str:
        """One JSON document."""
        kept = ("workers", "verdict", "same_on_all", "max_abs", "max_ulp", "against_one")
        found: dict[str, Any] = {"schema": SCHEMA} | {name: getattr(self, name) for name in kept}
        found |= {"model": self.model.to_dict(), "train": self.train.to_dict(), "rows": [asdict(row) for row in self.rows]}
        return json.dumps(found, indent=2).replace("Infinity", '"inf"').replace("NaN", '"nan"') + "\n"

    def __str__(self) -> str:
        lines = [f"{'epoch':>5} {'low':>10} {'high':>10} {'one process':>12}   low against high    low against one process"]
        for row in self.rows:
            wings = f"{row.max_abs:.3g} ({ulp_text(row.max_ulp)})"
            lines.append(
                f"{row.epoch:>5} {row.low:>10.6f} {row.high:>10.6f} {row.one:>12.6f}   {wings:<19} {row.against_one:.3g}"
            )
        same = "the same bits" if self.same_on_all else "other bits"
        return "\n".join(
            [
                *lines,
                f"verdict: {self.verdict}",
                f"  low against high, {self.workers} workers each: largest difference {self.max_abs:.3g}, "
                f"{ulp_text(self.max_ulp)}",
                f"  the workers of a wing ended every epoch in {same}",
                f"  against one process: largest difference of a weight {self.against_one:.3g}, after epoch 1 "
                f"{self.rows[0].against_one:.3g}",
            ]
        )


def check(model: ModelSpec, train: TrainSpec, given: Feed, workers: int) -> None:
    """Refuse now what the workers would refuse later.

    Raises:
        InputError: too few or too many workers, or what they cannot train.
    """
    if not 2 <= workers <= MOST:
        raise InputError(f"--workers counts processes of this machine, from 2 to {MOST}. Received: {workers}. Use --workers 2.")
    check_training(model, train, "graph", False)
    tests = 0 if given.x_test is None else len(given.x_test)
    check_fit(BatchPlan(len(given.x), train.batch_size), tests, workers, None, recorded=False)


def compare(
    model: ModelSpec,
    train: TrainSpec,
    data: Any,
    workers: int,
    *,
    progress: Callable[[Job, int], None] = lambda job, epochs: None,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = False,
) -> WorkersReport:
    """Train in one process, in the low-level wing with workers, and in the high-level wing with workers, one after the other.

    Args:
        data: a ``Dataset`` or a pair (x, y).
        progress: called with a training and how many of its epochs are done, from 0.
        checkpoint: a folder for checkpoints, and for what was found so far.
        resume: go on with what lies there.

    Raises:
        InputError: what cannot be trained so, or a worker that was lost.
    """
    given = feed(data, model, train)
    check(model, train, given, workers)
    common: dict[str, Any] = {"model": model, "train": train, "keep": checkpoint is not None, "resume": resume}
    jobs = [Job(wing=wing, workers=count, **common) for wing, count in (("low", 1), ("low", workers), ("high", workers))]
    trained = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()) if checkpoint is None else checkpoint).absolute()
        for job in jobs:
            progress(job, 0)
            own = folder / f"{job.wing}-{job.workers}"
            trained.append(job.run(given, own, lambda epochs, job=job: progress(job, epochs)))  # type: ignore[misc]
    one, low, high = trained
    count = len(model.weight_shapes)
    rows = [_row(*epochs, count) for epochs in zip(low, high, one, strict=True)]
    same = all(epoch.alike for epoch in (*low, *high))
    exact = same and all(row.max_ulp == 0 and row.max_abs == 0 for row in rows)
    curves = [_history(epochs) for epochs in trained]
    agree = curves_agree(curves[1], curves[2]) and curves_agree(curves[1], curves[0])
    verdict = "different" if not agree else "identical" if exact else "alike"
    return WorkersReport(workers=workers, model=model, train=train, verdict=verdict, same_on_all=same, rows=rows)


def _row(low: Epoch, high: Epoch, one: Epoch, count: int) -> Row:
    """One epoch of the three; ``count``: how many arrays of a state are weights."""
    figures = [np.array([epoch.figures[name] for name in sorted(low.figures)], np.float32) for epoch in (low, high)]
    gaps = [gap(left, right) for left, right in zip([*low.state, figures[0]], [*high.state, figures[1]], strict=True)]
    apart = max(absolute(left, right) for left, right in zip(low.state[:count], one.state[:count], strict=True))
    return Row(
        epoch=low.number,
        low=low.figures["loss"],
        high=high.figures["loss"],
        one=one.figures["loss"],
        max_abs=max(most for most, _ in gaps),
        max_ulp=max(ulp for _, ulp in gaps),
        against_one=apart,
    )


def _history(epochs: list[Epoch]) -> History:
    history = History()
    for epoch in epochs:
        history.append(epoch.figures)
    return history
