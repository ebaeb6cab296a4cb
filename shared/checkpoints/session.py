"""What a training and a comparison share while they keep checkpoints: the folder is theirs, signals wait, files are written."""

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Any, TypeVar

import numpy as np

from shared.checkpoints.folder import Checkpoints
from shared.checkpoints.identity import check_identity
from shared.checkpoints.sealed import Sealed, sealed
from shared.checkpoints.signals import Signals

_T = TypeVar("_T")
Content = tuple[Mapping[str, Any], Mapping[str, np.ndarray]]  # header and arrays


class Session:
    """Holds the folder, and Ctrl-C and SIGTERM back, for as long as the block runs.

    Args:
        training: the identity that a checkpoint must have.
        steps: how many an epoch has.
        epochs: how many there are to be.
    """

    def __init__(self, checkpoints: Checkpoints, resume: bool, training: dict[str, Any], steps: int, epochs: int) -> None:
        self.checkpoints, self.resume, self.training, self.steps = checkpoints, resume, training, steps
        self.epochs = epochs
        self._stack, self._signals, self._written = ExitStack(), Signals(), time.monotonic()

    def __enter__(self) -> "Session":
        with ExitStack() as stack:
            stack.enter_context(self.checkpoints.held(self.resume))
            stack.enter_context(self._signals)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._stack.__exit__(kind, error, traceback)

    def newest(self, read: Callable[[Sealed], tuple[int, int, _T]]) -> _T | None:
        """What ``read`` makes of the newest checkpoint, where the training is to resume and there is one; it gives the epochs and
        the steps that were done, too.

        Raises:
            InputError: another training's checkpoint, or only damaged ones.
        """

        def checked(found: Sealed) -> _T:
            check_identity(found, self.training, self.epochs)
            epoch, step, made = read(found)
            found.check_all_fetched()
            if found.header["steps"] != epoch * self.steps + step:
                raise found.error("a count of steps at odds with its epoch")
            self.checkpoints.say(f"resumed after {self._where(epoch, step)}, from {found.path}")
            return made

        return self.checkpoints.newest(checked) if self.resume else None

    def look(self, epoch: int, step: int, content: Callable[[], Content], last: bool = False) -> None:
        """See whether it is time to write, or to stop; ``last``: the training ends here in any case."""
        steps, asked = epoch * self.steps + step, self._signals.asked is not None
        due = self.checkpoints.due(steps, not step, self._written) or (last and self.checkpoints.every is not None)
        if due or asked:
            header, arrays = content()
            path = self.checkpoints.write(steps, sealed({"training": self.training, "steps": steps, **header}, arrays))
            self._written = time.monotonic()
            if asked:
                if path is not None:
                    self.checkpoints.say(f"left after {self._where(epoch, step)}, in {path}")
                self._signals.obey()

    def _where(self, epoch: int, step: int) -> str:
        return f"step {step} of {self.steps} in epoch {epoch + 1}" if step else f"epoch {epoch}"


class Reader(Session):
    """The session of a worker that leaves the writing to another: it holds nothing and writes nothing."""

    def __enter__(self) -> "Reader":
        self.checkpoints.check(self.resume)
        return self

    def look(self, epoch: int, step: int, content: Callable[[], Content], last: bool = False) -> None:
        """Nothing is written here."""
