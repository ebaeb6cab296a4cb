"""Ctrl-C and SIGTERM while a training keeps checkpoints: the step is finished and written down, then the signal takes effect."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Signals:
    """Holds Ctrl-C and SIGTERM back while the block runs; ``asked`` says that one has come. A second one takes effect at once.

    Python delivers signals to the main thread alone, so elsewhere nothing is held back. What is ignored stays ignored.
    """

    def __init__(self) -> None:
        self.asked: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Signals":
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                before = signal.getsignal(number)
                if before not in (signal.SIG_IGN, None):  # None: set by code that Python cannot call
                    self._before[number] = before
                    signal.signal(number, self._note)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.obey()

    def obey(self) -> None:
        """Put the handlers back that were there before, and let them have the signal that has come, if one has."""
        for number, before in self._before.items():
            signal.signal(number, before)
        self._before = {}
        asked, self.asked = self.asked, None
        if asked is not None:
            signal.raise_signal(asked)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.asked is not None:
            self.obey()
        self.asked = number
