"""Several trainings at once, each in a thread of its own, handing out their records one by one.

A full trace of a long training does not fit into memory, so the sides run together and each moment is compared as soon as
all sides have reached it. A side that is ahead waits.
"""

import queue
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress

from shared.records import Record, Sink

_END = object()
AHEAD = 4  # records that a side may be ahead of the comparison


class _Stopped(BaseException):
    """Raised inside a training whose records nobody wants any more; no ``except Exception`` may catch it."""


class Stream:
    """The records of one training; iterate over it, and close it."""

    def __init__(self, work: Callable[[Sink], object]) -> None:
        self._queue: queue.Queue = queue.Queue(AHEAD)
        self._stop = threading.Event()
        self._work = work
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._work(self._put)
            self._put(_END)
        except _Stopped:
            pass
        except BaseException as error:  # carried to the thread that reads, which raises it
            with suppress(_Stopped):
                self._put(error)

    def _put(self, item: object) -> None:
        while not self._stop.is_set():
            try:
                return self._queue.put(item, timeout=0.1)
            except queue.Full:
                continue
        raise _Stopped

    def __iter__(self) -> Iterator[Record]:
        while (item := self._queue.get()) is not _END:
            if isinstance(item, BaseException):
                raise item
            yield item

    def close(self) -> None:
        """End the training after its current step, and wait for that."""
        self._stop.set()
        self._thread.join(timeout=60)


def together(works: Sequence[Callable[[Sink], object]]) -> Generator[tuple[Record, ...], None, None]:
    """The records of all trainings, moment by moment.

    Raises:
        whatever a training raises; RuntimeError if one ends before the others.
    """
    streams: list[Stream] = []
    try:
        streams += [Stream(work) for work in works]
        sources = [iter(stream) for stream in streams]
        while True:
            moment = [next(source, None) for source in sources]
            records = tuple(record for record in moment if record is not None)
            if not records:
                return
            if len(records) < len(sources):
                raise RuntimeError("one side ended before the others")
            yield records
    finally:
        for stream in streams:
            stream.close()
