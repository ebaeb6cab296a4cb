"""By what a trace knows its data again: digests of what the net is fed, never the data themselves."""

import hashlib
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from shared.data import Dataset
from shared.data.streamed import pieces
from shared.errors import InputError
from shared.feed import Feed


@dataclass(frozen=True, kw_only=True, eq=False)
class Fingerprint:
    """``sha256`` of rows and targets for training, then for the test, as the net is fed them, little-endian.

    ``train`` and ``test`` have a mark for each row with its target, uint32 (rows,), so that an altered row can be named.
    """

    name: str
    source: str
    sha256: tuple[str, ...]
    train: np.ndarray
    test: np.ndarray

    @classmethod
    def of(cls, given: Feed, data: object = None) -> "Fingerprint":
        """The fingerprint of what is fed; ``data`` is the ``Dataset`` that it comes from, if it comes from one."""
        named = (data.name, data.source) if isinstance(data, Dataset) else ("", f"{len(given.x)} rows given by the caller")
        parts = [given.x, given.y, *(part for part in (given.x_test, given.y_test) if part is not None)]
        return cls(
            name=plain(named[0]),
            source=plain(named[1]),
            sha256=tuple(_digest(part) for part in parts),
            train=_marks(given.x, given.y),
            test=_marks(given.x_test, given.y_test),
        )

    def check(self, now: "Fingerprint") -> None:
        """Refuse other data than those that were recorded.

        Raises:
            InputError: says which rows differ.
        """
        if now.sha256 == self.sha256:
            return
        raise InputError(
            f"A trace is checked on the data that it was recorded on: {self.source!r}. Received: {now.source!r}, in which "
            f"{self._difference(now)}. Give those data with --data FILE, or record a new trace."
        )

    def _difference(self, now: "Fingerprint") -> str:
        for part, ours, theirs in (("training", self.train, now.train), ("test", self.test, now.test)):
            if len(ours) != len(theirs):
                return f"there are {len(theirs):,} {part} rows, not {len(ours):,}"
            other = np.flatnonzero(ours != theirs)
            if len(other):
                return f"{len(other):,} of {len(ours):,} {part} rows differ, the first is row {other[0]} (counted from 0)"
        return "a row differs"  # only where marks of 32 bits happen to be equal


def plain(text: str) -> str:
    """``text`` in one line of at most 200 letters that a terminal can show: it may come from anybody's file."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:200]


def _digest(part: Any) -> str:
    found = hashlib.sha256()
    for piece in pieces(part):
        found.update(_bytes(piece))
    return found.hexdigest()


def _bytes(part: np.ndarray) -> bytes:
    return part.astype(part.dtype.newbyteorder("<"), copy=False).tobytes()


def _marks(x: np.ndarray | None, y: np.ndarray | None) -> np.ndarray:
    if x is None or y is None:
        return np.zeros(0, np.uint32)
    return np.array([zlib.crc32(_bytes(target), zlib.crc32(_bytes(row))) for row, target in zip(x, y, strict=True)], np.uint32)
