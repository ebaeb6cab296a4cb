"""What happens to checkpoints during one call of ``fit``: one is read at the beginning, and some are written on the way."""

from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any

from shared.batches import BatchPlan
from shared.checkpoints.folder import Checkpoints
from shared.checkpoints.identity import identity
from shared.checkpoints.memory import memories_of, put_back
from shared.checkpoints.point import Point
from shared.checkpoints.sealed import Sealed
from shared.checkpoints.session import Content, Reader, Session
from shared.feed import Feed
from shared.records import History

LOOK = 100  # steps at most that a whole-epoch graph makes before it is seen whether Ctrl-C was pressed


class Keeper:
    """Keeps the checkpoints of one call of ``fit``, for as long as the block runs; does nothing where ``checkpoints`` is None.

    On entering, the trainer takes up the newest checkpoint where the training is to ``resume``.

    Args:
        trainer: has ``model``, ``train``, ``epoch``, ``state()`` and ``continue_from(point)``.
        epochs: how many are to be trained.
        arithmetic: what else decides the bits, beside the specs: see ``arithmetic`` in ``storage.py`` of the wings.
        chief: whether this process writes; of several workers one does, and the others read what it has written.
    """

    def __init__(
        self,
        checkpoints: Checkpoints | None,
        resume: bool,
        trainer: Any,
        given: Feed,
        plan: BatchPlan,
        epochs: int,
        arithmetic: str,
        chief: bool = True,
    ) -> None:
        self.trainer, self.steps = trainer, plan.steps
        self._session: Session | None = None
        if checkpoints is not None:
            training = identity("training", trainer.model, trainer.train, given, plan, arithmetic=arithmetic)
            kind = Session if chief else Reader
            self._session = kind(checkpoints, resume, training, plan.steps, epochs)
        self._first, self._history = 0, History()
        self._callbacks: Sequence[Any] = ()

    def __enter__(self) -> "Keeper":
        if self._session is not None:
            with ExitStack() as stack:  # where a checkpoint is refused, the folder is given back
                stack.enter_context(self._session)
                point = self._session.newest(self._read)
                if point is not None:
                    self.trainer.continue_from(point)
                stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if self._session is not None:
            self._session.__exit__(kind, error, traceback)

    def _read(self, found: Sealed) -> tuple[int, int, Point]:
        point = Point.from_file(found, self.trainer.state(), self.steps)
        return point.epoch, point.step, point

    def begin(self, point: Point, history: History, callbacks: Sequence[Any]) -> None:
        """The training begins, or goes on: history and callbacks get back what they had at that point."""
        self._first, self._history, self._callbacks = point.first, history, callbacks
        history.go_on(point.curves)
        put_back(point.memories, callbacks)

    @property
    def by_epochs(self) -> bool:
        """Whether nobody needs to look within an epoch: checkpoints, if any, are due at ends of epochs, or where Ctrl-C asks."""
        if self._session is None:
            return True
        every = self._session.checkpoints.every
        return every in (None, "epoch") or (isinstance(every, int) and every % self.steps == 0)

    def reach(self, step: int) -> int:
        """How many steps of the epoch may be done before somebody must look; ``step`` are done."""
        if self._session is None:
            return self.steps
        after = self._session.checkpoints.before_next(self.trainer.epoch * self.steps + step) or LOOK
        return min(step + min(after, LOOK), self.steps)

    def after_step(self, step: int) -> None:
        """So many steps of the epoch are done."""
        if self._session is not None and step < self.steps:
            self._session.look(self.trainer.epoch, step, lambda: self._content(step, stopped=False))

    def after_epoch(self, last: bool, stopped: bool) -> None:
        """An epoch has ended and its callbacks were called; ``last``: the training ends, ``stopped``: since one asked for it."""
        if self._session is not None:
            self._session.look(self.trainer.epoch, 0, lambda: self._content(0, stopped), last)

    def _content(self, step: int, stopped: bool) -> Content:
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
        return point.to_file()
