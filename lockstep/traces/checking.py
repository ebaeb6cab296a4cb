"""Check an installation against a golden trace: train again what was recorded, and compare every step with the recording."""

import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from lockstep.divergence import Divergence, Gap, Gaps, Names, Tally, absolute, measured, tensors
from lockstep.environment import environment
from lockstep.floor import Floor, measure
from lockstep.report import Outcome, Pair
from lockstep.sides import Side, side
from lockstep.traces.file import read
from lockstep.traces.fingerprint import Fingerprint
from lockstep.traces.layout import PADDED
from lockstep.traces.recording import run
from lockstep.traces.result import Check
from lockstep.traces.trace import Recording, Trace, digest
from lockstep.verdict import exact, judge
from shared.data import Dataset, load_cats, load_digits, load_file, load_signs
from shared.errors import InputError
from shared.feed import Feed, feed
from shared.records import History, Record, StepRecord

LOADERS = {"digits": load_digits, "signs": load_signs, "cats": load_cats}
Progress = Callable[[str, Record, Tally], None]  # called after each moment with the side's name, its record and what was found


def check(
    trace: str | Path | Trace, data: Any = None, *, progress: Progress | None = None, notice: Callable[[str], None] | None = None
) -> Check:
    """Train every side of a trace again, from its weights and in its order, and compare each step with what was recorded.

    Args:
        trace: the file, or what ``record`` or ``read`` returned.
        data: what it was recorded on: a ``Dataset``, a pair (x, y) or a file; the digits, signs or cats need not be given.
        progress: called after each moment.
        notice: called with a line where something takes time that the caller did not expect.

    Raises:
        InputError: a file that is no sound trace, or other data.
    """
    began = time.perf_counter()
    trace = trace if isinstance(trace, Trace) else read(trace)
    given, data = given_for(trace, data)
    names, plan = Names.of(trace.model, trace.train), trace.plan
    runs = [Run(side(name), trace, trace.recordings[number], names) for name, number in trace.sides.items()]
    for one in runs:
        one.train(given, progress)

    unequal = [one for one in runs if one.tally.first and math.isfinite(one.tally.max_abs)]
    floor = None
    if unequal:
        reference = unequal[-1]
        if notice is not None:
            notice(f"not identical: measuring how far rounding alone carries {reference.side.name}")
        initial = trace.before(reference.recording, 1).weights
        floor = measure(reference.side, [], trace.model, trace.train, given, plan, initial, trace.kept)
        floor.sides.update({one.side.name: one.single_steps(given) for one in unequal})
    return Check(
        pairs=[one.pair(floor) for one in runs],
        model=trace.model,
        train=trace.train,
        data=trace.data.source,
        classes=data.classes if isinstance(data, Dataset) else tuple(str(label) for label in range(trace.model.outputs)),
        histories={one.side.name: one.history for one in runs} | {one.right: one.recorded for one in runs},
        outcomes={one.side.name: one.outcome for one in runs},
        environment=environment(),
        seconds=time.perf_counter() - began,
        recorded_environment=trace.environment,
    )


def given_for(trace: Trace, data: Any = None) -> tuple[Feed, Any]:
    """What a trace is trained on again, and the data that it comes from; TensorFlow is not waited for.

    Raises:
        InputError: no data, or others than those recorded; a side that has no code for what was recorded.
    """
    for name in trace.sides:
        side(name).check(trace.model, trace.train)
    if data is None:
        if trace.data.name not in LOADERS:
            raise InputError(
                f"A trace holds no data, only their digest. Received: a trace of {trace.data.source!r}, and no data. "
                "Give the file with --data FILE.h5, or what record was given with check(path, data)."
            )
        data = LOADERS[trace.data.name]()
    elif isinstance(data, str | os.PathLike):
        data = load_file(data)
    given = feed(data, trace.model, trace.train)
    trace.data.check(Fingerprint.of(given, data))
    return given, data


class Run:
    """One side as it trains now, against its recording."""

    def __init__(self, one: Side, trace: Trace, recording: Recording, names: Names) -> None:
        self.side, self.trace, self.recording = one, trace, recording
        self.tally = Tally(names)
        self.history = History()
        self.recorded = trace.history(recording)
        self.right = "recorded" if len(trace.recordings) == 1 else f"{one.name} recorded"

    def _trainer(self) -> Any:
        trainer: Any = self.side.make(self.trace.model, self.trace.train)
        trainer.load(self.trace.before(self.recording, 1).weights)
        return trainer

    def train(self, given: Feed, progress: Progress | None) -> None:
        """Train, and compare every moment."""
        trainer = self._trainer()
        self.tally.see_start(trainer.state(), self.trace.before(self.recording, 1))

        def sink(record: Record) -> None:
            self._see(record)
            if progress is not None:
                progress(self.side.name, record, self.tally)

        self.history = run(trainer, given, self.trace.plan, sink)
        self.outcome = Outcome.of(trainer, given, self.trace.train)

    def _see(self, record: Record) -> None:
        """Compare a record with the recording: values where they are held, digests elsewhere."""
        tally, step = self.tally, isinstance(record, StepRecord)
        tally.steps, tally.epochs = tally.steps + step, tally.epochs + (not step)
        digests = self.recording["digests/steps"][tally.steps - 1] if step else self.recording["digests/epochs"][record.epoch - 1]
        gaps: Gaps = {}
        for number, (stage, tensor, value) in enumerate(tensors(record, tally.names)):
            kept = self._kept(record, number, stage, value)
            if kept is not None:
                gaps[stage, tensor] = measured(tally.compare(record.epoch, tally.steps, stage, tensor, value, kept), kept)
                continue
            tally.tensors += 1
            tally.numbers += value.size
            if digest(value) == digests[number]:
                gaps[stage, tensor] = Gap(0.0, 0.0)
                continue
            if tally.first is None:
                tally.first = Divergence(record.epoch, tally.steps, stage, tensor, math.nan, math.nan)
            if exact((stage, tensor)):
                gaps[stage, tensor] = Gap(math.inf, 0.0)
        tally.gaps.append(gaps)

    def _kept(self, record: Record, number: int, stage: str, value: np.ndarray) -> np.ndarray | None:
        if not isinstance(record, StepRecord):
            return self.trace.of_epoch(self.recording, record.epoch, number)
        kept = self.trace.of_step(self.recording, record.step, number)
        return kept[: len(value)] if kept is not None and stage in PADDED else kept

    def single_steps(self, given: Feed) -> list[Gaps]:
        """For each kept step, how far it lands from the recorded one when it is taken from the recorded state."""
        trainer, plan, found = self._trainer(), self.trace.plan, []
        for step in self.trace.kept:
            trainer.restore(self.trace.before(self.recording, step))
            epoch, at = divmod(step - 1, plan.steps)
            rows = plan.order(epoch)[at * plan.batch_size : (at + 1) * plan.batch_size]
            gaps: Gaps = {}
            record = trainer.train_on_batch(given.x[rows], given.y[rows])
            for number, (stage, tensor, value) in enumerate(tensors(record, self.tally.names)):
                kept = self.trace.of_step(self.recording, step, number)
                if kept is not None and stage != "running metric":  # a single step starts its own running mean
                    kept = kept[: len(value)] if stage in PADDED else kept
                    gaps[stage, tensor] = measured(absolute(value, kept), kept)
            found.append(gaps)
        return found

    def pair(self, floor: Floor | None) -> Pair:
        """What came of it, judged."""
        expected = (self.trace.layout.steps, self.trace.train.epochs)
        judgement = judge(self.tally, floor, self.side.name, (self.history, self.recorded), expected)
        return Pair.of(self.side.name, self.right, self.tally, judgement, floor)
