"""Which checkpoints are written, when, and how many are kept: a folder with files ``checkpoint-00000157.h5``, by steps done."""

import fcntl
import os
import re
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from shared.checkpoints.sealed import Sealed, opened
from shared.errors import InputError
from shared.files import check_writable, write_durable
from shared.spec.rules import require, whole

_NAME = re.compile(r"checkpoint-([0-9]{8,12})\.h5")
_UNFINISHED = re.compile(r"\.[0-9]+\.checkpoint-[0-9]{8,12}\.h5")
_SECONDS = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)s")

_T = TypeVar("_T")


class OtherTraining(InputError):
    """A checkpoint that is sound but another training's: no reason to look for an older one."""


@dataclass(frozen=True)
class Checkpoints:
    """Where checkpoints lie, when one is written and how many are kept.

    Args:
        folder: made where there is none. A folder serves one training.
        every: ``"epoch"``; a number of steps; seconds, as ``"30s"``; or None, which writes only where Ctrl-C or SIGTERM ends the
            training. Ctrl-C and SIGTERM write one in any case, and so does the end of the training, but for None.
        keep: how many of the newest are kept.
        tell: called with a line where a person should know: from where a training goes on, where it was left, which file is
            damaged or could not be written. Where None, the troubles among these are warnings, and the rest is silent.

    Raises:
        InputError: a value against its rule.
    """

    folder: str | os.PathLike[str]
    every: str | int | None = "epoch"
    keep: int = 3
    tell: Callable[[str], None] | None = None

    def __post_init__(self) -> None:
        rule = "Checkpoints lie in a folder."
        require(isinstance(self.folder, str | os.PathLike), rule, f"folder={self.folder!r:.80}", "Give its path.")
        right = self.every is None or self.every == "epoch" or whole(self.every, 1) or bool(self._seconds)
        rule = 'Checkpoints.every is "epoch", a number of steps from 1, or seconds as "30s".'
        require(right, rule, f"every={self.every!r:.80}", 'Use every="epoch".')
        rule = "Checkpoints.keep is a whole number of at least 1."
        require(whole(self.keep, 1), rule, f"keep={self.keep!r:.80}", "Use keep=3.")

    @property
    def _seconds(self) -> float:
        found = _SECONDS.fullmatch(self.every) if isinstance(self.every, str) else None
        return float(found[1]) if found else 0.0

    # ---------------------------------------------------------------------------------------------------------- when

    def due(self, steps: int, at_epoch_end: bool, written: float) -> bool:
        """Whether it is time, after so many ``steps`` in all; ``written``: ``time.monotonic()`` at the last one."""
        if isinstance(self.every, int):
            return steps % self.every == 0
        if self.every == "epoch":
            return at_epoch_end
        return bool(self._seconds) and time.monotonic() - written >= self._seconds

    def before_next(self, steps: int) -> int | None:
        """How many steps may follow on so many before one is due; None where steps do not decide it."""
        return self.every - steps % self.every if isinstance(self.every, int) else None

    # --------------------------------------------------------------------------------------------------------- which

    def paths(self) -> list[Path]:
        """The checkpoints that are there, oldest first.

        Raises:
            InputError: the folder cannot be read, or is none.
        """
        folder = Path(self.folder)
        try:
            found = [path for path in folder.iterdir() if _NAME.fullmatch(path.name)] if os.path.lexists(folder) else []
        except (OSError, ValueError) as error:
            raise _unusable(folder, error) from None
        return sorted(found, key=_steps)

    def check(self, resume: bool) -> None:
        """Refuse now what could not be used later, without making anything.

        Raises:
            InputError: a folder that cannot be used, or that holds checkpoints where the training is not to ``resume``.
        """
        folder = Path(self.folder)
        try:
            while not _is_there(folder):
                folder = folder.parent
            if not folder.is_dir():
                raise NotADirectoryError(None, "is no folder")
        except (OSError, ValueError) as error:
            raise _unusable(Path(self.folder), error) from None
        check_writable(folder / "checkpoint")
        if not resume and self.paths():
            raise InputError(
                f"A new training needs a folder without checkpoints. Received: {str(self.folder)!r}, where "
                f"{self.paths()[-1].name!r} lies. Resume that training, or name another folder."
            )

    def newest(self, read: Callable[[Sealed], _T]) -> _T | None:
        """What ``read`` makes of the newest checkpoint that is sound; None where there are no checkpoints.

        Raises:
            InputError: it is another training's, or there are only damaged ones.
        """
        damaged = []
        for path in reversed(self.paths()):
            try:
                with opened(path) as sealed:
                    if sealed.header.get("steps") != _steps(path):
                        raise sealed.error(f"{sealed.header.get('steps')!r:.20} steps")
                    return read(sealed)
            except OtherTraining:
                raise
            except InputError as error:
                damaged.append(path)
                self.trouble(f"a checkpoint is passed over: {error}")
        if damaged:
            raise InputError(
                f"A training resumes from an undamaged checkpoint. Received: {len(damaged)} damaged and no other, in "
                f"{str(self.folder)!r}. Delete the folder to begin anew."
            )
        return None

    # -------------------------------------------------------------------------------------------------------- writing

    @contextmanager
    def held(self, resume: bool) -> Iterator[None]:
        """Make the folder, and keep other processes from training in it, for as long as the block runs.

        Raises:
            InputError: as for ``check``; or another process is training there.
        """
        self.check(resume)
        folder, made = Path(self.folder), not os.path.lexists(self.folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = os.open(folder, os.O_RDONLY)
        except OSError as error:
            raise _unusable(folder, error) from None
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the system gives it back however the process ends
            except BlockingIOError:
                raise InputError(
                    f"A folder of checkpoints serves one training. Received: {str(folder)!r}, where another process is training. "
                    "Name another folder."
                ) from None
            except OSError:  # a file system without locks
                pass
            for path in folder.iterdir():
                if _UNFINISHED.fullmatch(path.name):  # of a process that was killed while it wrote
                    path.unlink(missing_ok=True)
            yield
        finally:
            os.close(lock)
            if made:
                with suppress(OSError):  # something is in it, as a rule
                    folder.rmdir()

    def write(self, steps: int, content: bytes) -> Path | None:
        """Write a checkpoint and remove those that are too many; None, and all older ones stay, where it cannot be written."""
        path = Path(self.folder, f"checkpoint-{steps:08}.h5")
        try:
            write_durable(path, content)
        except InputError as error:
            self.trouble(f"no checkpoint was written: {error}")
            return None
        for old in self.paths()[: -self.keep]:
            with suppress(OSError):
                old.unlink()
        return path

    def clear(self) -> None:
        """Remove all checkpoints, and the folder if nothing else is in it."""
        for path in self.paths():
            path.unlink(missing_ok=True)
        with suppress(OSError):
            Path(self.folder).rmdir()

    def say(self, line: str) -> None:
        """Tell what a person should know."""
        if self.tell is not None:
            self.tell(line)

    def trouble(self, line: str) -> None:
        """Tell what went wrong, or warn."""
        if self.tell is not None:
            self.tell(line)
        else:
            warnings.warn(line, stacklevel=2)


def checkpoints_of(given: "Checkpoints | str | os.PathLike[str] | None", resume: bool) -> Checkpoints | None:
    """What ``fit`` and ``compare`` were given: a ``Checkpoints``, or a folder with everything else as usual.

    Raises:
        InputError: neither of these; or ``resume`` without them.
    """
    if given is None:
        require(not resume, "A training resumes from its checkpoints.", "resume without checkpoint", "Name their folder.")
        return None
    return given if isinstance(given, Checkpoints) else Checkpoints(given)


def _steps(path: Path) -> int:
    found = _NAME.fullmatch(path.name)
    return int(found[1]) if found else -1


def _is_there(path: Path) -> bool:
    """As ``os.path.lexists``, but for what can be no path."""
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    return True


def _unusable(folder: Path, error: Exception) -> InputError:
    why = getattr(error, "strerror", None) or error
    return InputError(f"Checkpoints lie in a folder that can be written to. Received: {str(folder)!r} ({why}). Choose another.")
