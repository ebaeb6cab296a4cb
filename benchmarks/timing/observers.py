"""Part ``observers``: what watching a training costs an epoch: callbacks, lines, a bar, checkpoints."""

import contextlib
import os
import statistics
import tempfile
from dataclasses import replace
from importlib import import_module
from typing import Any

from timing.contenders import trainer
from timing.jobs import Job, job_of
from timing.slopes import Fit, Runner, in_turn, timed

ROWS = {"digits": 5000, "large": 12800}
EVERY = 10  # epochs from one checkpoint to the next
WATCHERS = {
    "nothing": "nothing",
    "callback": "a callback that does nothing",
    "stopping": "`EarlyStopping`",
    "line": "a line an epoch (`verbose=2`)",
    "bar": "the bar (`verbose=1`)",
    "checkpoint": f"checkpoints every {EVERY} epochs",
}
WINGS = {"low": "lowlevel", "high": "highlevel"}


class Idle:
    """A callback that does nothing."""

    def on_epoch_end(self, epoch: int, logs: dict) -> None:
        """Called by both wings."""


def fit_of(wing: str, watcher: str, job: Job) -> Fit:
    """A ``fit`` that is watched so; what it prints goes nowhere."""
    made = trainer(wing, job)
    stopping = import_module(f"{wing}.callbacks").EarlyStopping

    def fit(epochs: int) -> None:
        options: dict[str, Any] = {
            "callback": {"callbacks": [Idle()]},
            "stopping": {"callbacks": [stopping("loss", patience=10**9)]},
            "line": {"verbose": 2},
            "bar": {"verbose": 1},
        }.get(watcher, {})
        with contextlib.ExitStack() as stack:
            if watcher == "checkpoint":
                from shared import Checkpoints

                folder = stack.enter_context(tempfile.TemporaryDirectory())
                options = {"checkpoint": Checkpoints(folder, every=EVERY * job.steps)}
            nowhere = stack.enter_context(open(os.devnull, "w", encoding="utf-8"))
            stack.enter_context(contextlib.redirect_stdout(nowhere))
            stack.enter_context(contextlib.redirect_stderr(nowhere))
            made.fit(job.data, epochs=epochs, **options)

    return fit


def measure(name: str, rounds: int, quick: bool) -> dict:
    """For each wing and watcher the slopes, in turn."""
    job = job_of(name, quick)
    job = job if quick else replace(job, rows=ROWS[name])
    short, long = (1, 11) if quick or name == "large" else (10, 60)
    runners: dict[tuple[str, str], Runner] = {}
    for wing, module in WINGS.items():
        for watcher in WATCHERS:
            fit = fit_of(module, watcher, job)
            runners[wing, watcher] = Runner(fit, short, long, timed(fit, 1))
    in_turn(list(runners.values()), min(rounds, 3) if name == "large" else rounds)
    found: dict = {wing: {} for wing in WINGS}
    for (wing, watcher), runner in runners.items():
        found[wing][watcher] = runner.slopes
        print(f"  {wing}, {watcher}: {1e3 * statistics.median(runner.slopes):.3f} ms an epoch", flush=True)
    return {"rows": job.rows, "steps": job.steps, "epochs": [short, long], "wings": found}
