"""Rows that stay in their file: what a data set larger than memory has in the place of an array.

The values lie in the file as in memory, one row after the other, so a row is read by its place alone (``pread``), without HDF5
and without a map of the file, whose pages would count as this process's memory and whose loss would kill it.  Nothing here
reads all rows at once.
"""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from shared.data.casting import aligned, cast
from shared.errors import InputError

PIECE_BYTES = 2**24  # of rows that are read one after the other
NEAR = 4096  # rows that lie closer than so many bytes on average are taken out of one reading of the whole stretch


@dataclass(frozen=True)
class Survey:
    """What all values were found to be: the lowest and the highest finite one, how many rows hold NaN or infinity, the first."""

    lowest: float
    highest: float
    bad_rows: int
    first_bad: int


class StreamedArray:
    """An array (n, ...) whose values stay in a file: ``x_train`` of what ``stream_file`` returns.

    It has ``shape``, ``dtype``, ``ndim`` and a length; rows are read by a slice or by their numbers, and ``pieces`` gives all of
    them in turn.  Where an array of all values would be needed, InputError says so.

    Args:
        path: the file.
        offset: where in the file the values begin, in bytes.
        shape: (n, ...).
        stored: the dtype in the file, of either byte order; ``dtype`` is the same in the order of this machine.

    Raises:
        InputError: on reading, where the file is not what it was, or cannot be read any more.
    """

    def __init__(self, path: Path, offset: int, shape: tuple[int, ...], stored: np.dtype) -> None:
        self.path, self.offset, self.shape, self.stored = path, offset, shape, stored
        self.dtype = stored.newbyteorder("=")
        self.row_bytes = math.prod(shape[1:]) * stored.itemsize
        self.failure: InputError | None = None  # what went wrong in the last reading, of which TensorFlow makes another error
        self._stamp = _stamp(os.stat(path))

    @property
    def ndim(self) -> int:
        """How many dimensions there are."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return math.prod(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return f"StreamedArray({str(self.path)!r}, shape={self.shape}, dtype={self.dtype})"

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        raise InputError(
            f"Streamed rows are read a block at a time, never as one array. Received: {self.shape[0]} rows in "
            f"{str(self.path)!r} where an array is needed. Read the data with load_file."
        )

    def __getitem__(self, rows: Any) -> np.ndarray:
        """The rows of a slice, or by their numbers: an array (rows, ...), in the order asked for; of a single number its row."""
        if isinstance(rows, slice):
            start, stop, step = rows.indices(len(self))
            if step == 1:
                return self._values(max(stop - start, 0), lambda file, out: self._stretch(file, start, out))
            rows = np.arange(start, stop, step)
        numbers = np.asarray(rows)
        if numbers.ndim == 0 and numbers.dtype.kind in "iu":
            return self[numbers[None]][0]
        right = numbers.ndim == 1 and (numbers.dtype.kind in "iu" or not numbers.size)
        numbers = numbers.astype(np.int64) if right else np.zeros(1, np.int64)
        numbers = np.where(numbers < 0, numbers + len(self), numbers)
        if not right or (numbers.size and not (numbers.min() >= 0 and numbers.max() < len(self))):
            raise InputError(
                f"Streamed rows are named by a slice or by whole numbers below {len(self)}. Received: {rows!r:.80}. "
                "Use x[start:stop] or x[[0, 5, 7]]."
            )
        return self._values(len(numbers), lambda file, out: self._gather(file, numbers, out))

    def __iter__(self) -> Iterator[np.ndarray]:
        for piece in self.pieces():
            yield from piece

    def pieces(self) -> Iterator[np.ndarray]:
        """All rows in their order, some at a time."""
        rows = max(1, PIECE_BYTES // self.row_bytes)
        for start in range(0, len(self), rows):
            yield self[start : start + rows]

    @cached_property
    def survey(self) -> Survey:
        """What all values are, found in one reading of the file."""
        lowest, highest, bad, first, start = math.inf, -math.inf, 0, -1, 0
        for piece in self.pieces():
            with np.errstate(invalid="ignore"):
                low, high = piece.min(), piece.max()  # NaN where there is one
            if not (np.isfinite(low) and np.isfinite(high)):
                finite = np.isfinite(piece)
                rows = finite.reshape(len(piece), -1).all(axis=1)
                bad += int((~rows).sum())
                first = first if first >= 0 else start + int(rows.argmin())
                low, high = piece.min(where=finite, initial=np.inf), piece.max(where=finite, initial=-np.inf)
            lowest, highest, start = min(lowest, low.item()), max(highest, high.item()), start + len(piece)
        return Survey(lowest, highest, bad, first)

    def _values(self, rows: int, fill: Any) -> np.ndarray:
        """``rows`` rows in the dtype of this machine, as ``fill(file, bytes (rows, row_bytes))`` reads them."""
        out = aligned((rows, self.row_bytes), np.uint8)
        try:
            file = os.open(self.path, os.O_RDONLY)
            try:
                if _stamp(os.fstat(file)) != self._stamp:
                    raise self._changed("another size, time or place")
                fill(file, out)
            finally:
                os.close(file)
        except OSError as error:
            raise self._changed(error.strerror or type(error).__name__) from None
        return out.reshape(-1).view(self.stored).reshape(rows, *self.shape[1:]).astype(self.dtype, copy=False)

    def _stretch(self, file: int, first: int, out: np.ndarray) -> None:
        """Rows ``first``, ``first + 1``, ... of the file into ``out`` (rows, row_bytes)."""
        left, place = out.reshape(-1).data, self.offset + first * self.row_bytes
        while left:
            read = os.preadv(file, [left], place)
            if not read:
                raise self._changed("a file that ends early")
            left, place = left[read:], place + read

    def _gather(self, file: int, numbers: np.ndarray, out: np.ndarray) -> None:
        """The rows ``numbers`` (rows,) of the file into ``out`` (rows, row_bytes)."""
        if not numbers.size:
            return
        lowest, highest = int(numbers.min()), int(numbers.max())
        if (highest + 1 - lowest) * self.row_bytes < NEAR * len(numbers):
            self._sweep(file, numbers, range(lowest, highest + 1), out)
            return
        size, view, at = self.row_bytes, out.reshape(-1).data, 0
        places = (self.offset + numbers * size).tolist()
        for place in places:
            if os.preadv(file, [view[at : at + size]], place) != size:
                self._stretch(file, (place - self.offset) // size, out[at // size : at // size + 1])
            at += size

    def _sweep(self, file: int, numbers: np.ndarray, stretch: range, out: np.ndarray) -> None:
        """The same where nearly every page of a stretch is needed: it is read in order, and the rows are taken out of it."""
        order = np.argsort(numbers, kind="stable")
        ordered, rows = numbers[order], max(1, PIECE_BYTES // self.row_bytes)
        for start in range(stretch.start, stretch.stop, rows):
            piece = np.empty((min(rows, stretch.stop - start), self.row_bytes), np.uint8)
            self._stretch(file, start, piece)
            here = slice(*np.searchsorted(ordered, (start, start + rows)))
            out[order[here]] = piece[ordered[here] - start]

    def _changed(self, found: str) -> InputError:
        self.failure = InputError(
            f"A file that is streamed must stay as it was when it was opened. Received: {found}, in {str(self.path)!r}. "
            "Begin again with stream_file once nothing writes to it."
        )
        return self.failure


class StreamedRows:
    """The same rows as a net takes them: (n, inputs) in the dtype of its weights, cast a block at a time; made by ``as_rows``."""

    ndim = 2

    def __init__(self, stored: StreamedArray, dtype: Any) -> None:
        self.stored, self.dtype = stored, np.dtype(dtype)
        self.shape = (len(stored), math.prod(stored.shape[1:]))

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self.stored.__array__()

    def __getitem__(self, rows: Any) -> np.ndarray:
        """As of the ``StreamedArray``, cast: an array (rows, inputs)."""
        found = self.stored[rows]
        return cast(found.reshape(*found.shape[: found.ndim - self.stored.ndim + 1], self.shape[1]), self.dtype, aligned)

    def __iter__(self) -> Iterator[np.ndarray]:
        for piece in self.pieces():
            yield from piece

    def pieces(self) -> Iterator[np.ndarray]:
        """All rows in their order, some at a time."""
        for piece in self.stored.pieces():
            yield cast(piece.reshape(len(piece), self.shape[1]), self.dtype, aligned)

    @property
    def finite(self) -> bool:
        """Whether every value is finite, once it is cast: a cast keeps the order, so the lowest and the highest tell."""
        if self.stored.dtype.kind != "f":
            return True
        found = self.stored.survey
        with np.errstate(over="ignore"):
            ends = np.array([found.lowest, found.highest]).astype(self.dtype)
        return not found.bad_rows and bool(np.isfinite(ends).all())


def pieces(array: Any) -> Iterator[np.ndarray]:
    """The rows of an array, or of rows that are streamed, some at a time; an array in memory is one piece."""
    if isinstance(array, StreamedArray | StreamedRows):
        yield from array.pieces()
    else:
        yield array


@contextmanager
def told(x: Any) -> Iterator[None]:
    """Where ``x`` are streamed rows and reading them fails during the ``with`` block, end in the InputError that says why."""
    if not isinstance(x, StreamedRows):
        yield
        return
    x.stored.failure = None
    try:
        yield
    except Exception:
        if x.stored.failure is not None:
            raise x.stored.failure from None
        raise


def _stamp(found: os.stat_result) -> tuple[int, ...]:
    """What changes with the file."""
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
