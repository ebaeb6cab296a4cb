"""What happens to checkpoints during one call of ``fit``: read one at the beginning, write some on the way, stop where asked."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any

from shared.batches import BatchPlan
from shared.checkpoints.folder import Checkpoints
from shared.checkpoints.identity import check_identity, identity
from shared.checkpoints.memory import memories_of, put_back
from shared.checkpoints.point import Point
from shared.checkpoints.sealed import Sealed, sealed
from shared.checkpoints.signals import Signals
from shared.feed import Feed
from shared.records import History

LOOK = 100  # steps at most that a whole-epoch graph makes before it is seen whether Ctrl-C was pressed


class Keeper:
    """Keeps the checkpoints of one call of ``fit``, for as long as the block runs; does nothing where ``checkpoints`` is None.

    ``trainer`` offers ``state()``, ``epoch`` and ``continue_from(point)``. On entering, the trainer takes up the newest
    checkpoint where the training is to ``resume``.
    """

    def __init__(self, checkpoints: Checkpoints | None, resume: bool, trainer: Any, given: Feed, plan: BatchPlan) -> None:
        self.checkpoints, self.resume, self.trainer, self.plan = checkpoints, resume, trainer, plan
        self._signals, self._stack = Signals(), ExitStack()
        self._first, self._written, self._path = 0, time.monotonic(), ""
        self._history = History()
        self._callbacks: Sequence[Any] = ()
        if checkpoints is not None:
            jit = {"jit_compile": trainer.jit_compile}
            self._training = identity(trainer.model, trainer.train, given, plan, **jit)

    def __enter__(self) -> "Keeper":
        if self.checkpoints is not None:
            self._stack.enter_context(self.checkpoints.held(self.resume))
            point = self.checkpoints.newest(self._read) if self.resume else None
            if point is not None:
                self.checkpoints.say(f"resumed after {self._where(point.epoch, point.step)}, from {self._path}")
                self.trainer.continue_from(point)
            self._stack.enter_context(self._signals)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._stack.__exit__(kind, error, traceback)

    def _read(self, found: Sealed) -> Point:
        check_identity(found, self._training)
        point = Point.from_file(found, self.trainer.state(), self.plan.steps)
        found.check_all_fetched()
        if found.header["steps"] != point.epoch * self.plan.steps + point.step:
            raise found.error("a count of steps at odds with its epoch")
        self._path = str(found.path)
        return point

    def begin(self, point: Point, history: History, callbacks: Sequence[Any]) -> None:
        """The training begins, or goes on: history and callbacks get back what they had at that point."""
        self._first, self._history, self._callbacks = point.first, history, callbacks
        history.go_on(point.curves)
        put_back(point.memories, callbacks)

    @property
    def by_epochs(self) -> bool:
        """Whether nobody needs to look within an epoch."""
        return self.checkpoints is None or self.checkpoints.before_next(0) is None

    def reach(self, step: int) -> int:
        """How many steps of the epoch may be done before somebody must look; ``step`` are done."""
        if self.checkpoints is None:
            return self.plan.steps
        after = self.checkpoints.before_next(self.trainer.epoch * self.plan.steps + step) or LOOK
        return min(step + min(after, LOOK), self.plan.steps)

    def after_step(self, step: int) -> None:
        """So many steps of the epoch are done."""
        if self.checkpoints is not None and step < self.plan.steps:
            self._look(step, at_epoch_end=False, last=False, stopped=False)

    def after_epoch(self, last: bool, stopped: bool) -> None:
        """An epoch has ended and its callbacks were called; ``last``: the training ends, ``stopped``: since one asked for it."""
        if self.checkpoints is not None:
            self._look(0, at_epoch_end=True, last=last, stopped=stopped)

    def _look(self, step: int, at_epoch_end: bool, last: bool, stopped: bool) -> None:
        assert self.checkpoints is not None
        steps = self.trainer.epoch * self.plan.steps + step
        asked = self._signals.asked is not None
        due = self.checkpoints.due(steps, at_epoch_end, self._written) or (last and self.checkpoints.every is not None)
        if not (due or asked):
            return
        state = self.trainer.state()
        point = Point(
            state=state,
            epoch=self.trainer.epoch,
            step=step,
            first=self._first,
            curves=self._history.history,
            stopped=stopped,
            memories=memories_of(self._callbacks, state.weights),
        )
        header, arrays = point.to_file()
        path = self.checkpoints.write(steps, sealed({"training": self._training, "steps": steps, **header}, arrays))
        self._written = time.monotonic()
        if asked:
            if path is not None:
                self.checkpoints.say(f"left after {self._where(point.epoch, step)}, in {path}; resume to go on")
            self._signals.obey()

    def _where(self, epoch: int, step: int) -> str:
        return f"epoch {epoch}" if not step else f"step {step} of {self.plan.steps} in epoch {epoch + 1}"
