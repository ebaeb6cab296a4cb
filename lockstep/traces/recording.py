"""Record a training: every side by itself, on the same weights and batches."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lockstep.divergence import Names, tensors
from lockstep.environment import environment
from lockstep.sides import side
from lockstep.traces.file import check_path, write
from lockstep.traces.fingerprint import Fingerprint
from lockstep.traces.layout import AT_EVERY_STEP, NEVER, PADDED, Layout
from lockstep.traces.trace import Recording, Trace, digest, equal
from shared.batches import BatchPlan, plan_of
from shared.errors import InputError
from shared.feed import Feed, feed
from shared.records import Record, State, StepRecord
from shared.spec import ModelSpec, TrainSpec
from shared.weights import checked

Progress = Callable[[str, Record], None]  # called after each moment with the side's name and its record


def record(
    model: ModelSpec,
    train: TrainSpec,
    data: Any,
    path: str | Path,
    *,
    sides: str | Sequence[str] = ("epoch", "keras"),
    weights: Sequence[np.ndarray] | None = None,
    plan: BatchPlan | np.ndarray | None = None,
    every: int | None = None,
    progress: Progress | None = None,
) -> Trace:
    """Train each side on the same weights and batches, and write what it did to ``path``; whole, or not at all.

    Args:
        model, train: what is trained, and how.
        data: a ``Dataset`` or a pair (x, y).
        path: a name that ends in ``.h5``.
        sides: one or more names; see ``lockstep.sides.NAMES``.
        weights: first weights; those that the last side draws from the seed where None.
        plan: the order of the examples; drawn from the seed where None.
        every: values are kept of every so many steps, and of the first and the last; a few spread over the training where None.
        progress: called after each moment.

    Raises:
        InputError: sides, data, weights or plan that do not fit; a path that cannot be written to; a training that meets NaN.
    """
    check_path(path)
    names = names_of(sides, model, train)
    given = feed(data, model, train)
    plan = plan_of(plan, len(given.x), train.batch_size, train.seed, train.shuffle)
    layout = Layout.of(model, train, len(given.x), 0 if given.x_test is None else len(given.x_test))
    kept = layout.kept_steps(every, np.dtype(model.variable_dtype).itemsize, len(names))
    plan.reach(train.epochs)
    initial = checked(side(names[-1]).make(model, train).weights() if weights is None else weights, model)

    recordings: list[Recording] = []
    shared: dict[str, int] = {}
    for name in names:
        trainer: Any = side(name).make(model, train)
        trainer.load(initial)
        recorder = Recorder(name, layout, kept, Names.of(model, train), trainer.state(), progress)
        run(trainer, given, plan, recorder)
        made = recorder.recording()
        shared[name] = next((at for at, one in enumerate(recordings) if equal(one, made)), len(recordings))
        if shared[name] == len(recordings):
            recordings.append(made)
    orders = np.stack([plan.order(epoch) for epoch in range(train.epochs)])
    trace = Trace(
        model=model,
        train=train,
        orders=orders.astype(np.min_scalar_type(len(given.x) - 1)),
        kept=kept,
        sides=shared,
        recordings=tuple(recordings),
        data=Fingerprint.of(given, data),
        environment=environment(),
    )
    write(path, trace)
    return trace


def names_of(sides: str | Sequence[str], model: ModelSpec, train: TrainSpec) -> list[str]:
    """The names of the sides, checked without waiting for TensorFlow.

    Raises:
        InputError: none, an unknown one, one twice, or one that has no code for what is trained.
    """
    given = sides.split(",") if isinstance(sides, str) else list(sides)
    if not given or not all(isinstance(one, str) for one in given):
        raise InputError(
            f"A trace is recorded of sides with a name, so that it can be checked. Received: {given!r:.80}. Use epoch,keras."
        )
    found = [side(one) for one in given]
    if len({one.name for one in found}) < len(found):
        raise InputError(f"Each side is recorded once. Received: {', '.join(one.name for one in found)}. Use epoch,keras.")
    for one in found:
        one.check(model, train)
    return [one.name for one in found]


def run(trainer: Any, given: Feed, plan: BatchPlan, sink: Callable[[Record], None]) -> Any:
    """Train, handing each record to ``sink``; returns the history."""
    validation = None if given.x_test is None else (given.x_test, given.y_test)
    return trainer.fit((given.x, given.y), plan, sink, validation_data=validation)


class Recorder:
    """Takes the records of one side and keeps of them what a trace holds."""

    def __init__(
        self, name: str, layout: Layout, kept: Sequence[int], names: Names, start: State, progress: Progress | None = None
    ) -> None:
        self.name, self.layout, self.kept, self.names, self.progress = name, layout, set(kept), names, progress
        self._state = start
        self._parts: dict[str, list[Any]] = {path: [] for path in layout.arrays(len(kept))}

    def __call__(self, record: Record) -> None:
        """Keep a record.

        Raises:
            InputError: a tensor holds NaN, which is equal to nothing and so can never be reproduced.
        """
        step = isinstance(record, StepRecord)
        kind = "steps" if step else "epochs"
        if isinstance(record, StepRecord):
            if record.step in self.kept:
                for at, value in enumerate([*self._state.weights, *self._state.slots, *self._state.seeds]):
                    self._parts[f"before/{at}"].append(value)
            self._state = record.state
        digests = []
        for at, (stage, tensor, value) in enumerate(tensors(record, self.names)):
            if value.dtype.kind == "f" and np.isnan(value).any():
                raise InputError(
                    f"A golden trace holds numbers. Received: NaN on the side {self.name} in epoch {record.epoch}, "
                    f"stage {stage!r}, tensor {tensor}. Use a smaller learning rate."
                )
            digests.append(digest(value))
            if self._keeps(record, stage, value):
                full = _padded(value, self.layout.of_step[at][2]) if step and stage in PADDED else value
                self._parts[f"{kind}/{at}"].append(full)
        self._parts[f"digests/{kind}"].append(np.array(digests, np.uint64))
        if self.progress is not None:
            self.progress(self.name, record)

    def _keeps(self, record: Record, stage: str, value: np.ndarray) -> bool:
        if isinstance(record, StepRecord):
            return stage in AT_EVERY_STEP or (stage not in NEVER and record.step in self.kept)
        return value.ndim == 0 or record.epoch == self.layout.epochs

    def recording(self) -> Recording:
        """All that was kept, at the end of the training."""
        return {path: np.stack(parts) for path, parts in self._parts.items()}


def _padded(value: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """``value`` with rows of zeros at its end up to the ``shape`` of a full batch."""
    return np.concatenate([value, np.zeros((shape[0] - len(value), *shape[1:]), value.dtype)])
