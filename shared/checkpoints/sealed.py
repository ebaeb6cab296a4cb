"""The file of a checkpoint: HDF5 behind a first line that says its format and the digest of all the rest.

The digest is compared before HDF5 sees a byte, so what was cut short or damaged never reaches the library. Who makes such a file
on purpose can make a right digest too: the rest is read through the guard, and every array must have the name, the shape and the
dtype that the reader works out by itself, before memory is taken for it.
"""

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from shared.data.hdf5 import GuardedFile, checked_path, guarded
from shared.errors import InputError

FORMAT = 1
PREFACE = 512  # bytes, the least that HDF5 leaves to its user
MAX_BYTES = 8 * 2**30
MAX_HEADER = 2**22
_LINE = re.compile(rb"lockstep checkpoint, format ([0-9]{1,9}), sha256 ([0-9a-f]{64})\n\0*")


def sealed(header: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> bytes:
    """The content of a file; the same header and arrays make the same bytes."""
    text = np.frombuffer(json.dumps(header).encode(), np.uint8)
    with h5py.File("checkpoint.h5", "w", driver="core", backing_store=False, libver=("earliest", "v108")) as file:
        for name, array in {"header": text, **arrays}.items():
            little = np.asarray(array)
            file.create_dataset(name, data=little.astype(little.dtype.newbyteorder("<"), copy=False), track_times=False)
        file.flush()
        content = file.id.get_file_image()
    line = f"lockstep checkpoint, format {FORMAT}, sha256 {hashlib.sha256(content).hexdigest()}\n"
    return line.encode().ljust(PREFACE, b"\0") + content


class Sealed:
    """An open checkpoint whose digest is right. ``header`` is its JSON object; the arrays are fetched one by one."""

    def __init__(self, path: Path, file: GuardedFile, header: dict[str, Any]) -> None:
        self.path, self.header = path, header
        self._file = file
        self._fetched = {"header"}

    def array(self, name: str, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        """The array ``name``, which must have this shape and dtype.

        Raises:
            InputError: it is missing, or another.
        """
        dtype = np.dtype(dtype)
        if not self._file.has(name):
            raise self.error(f"{name!r} missing")
        value = self._file.array(name, kinds=dtype.kind, shape=shape, max_bytes=math.prod(shape) * dtype.itemsize)
        if value.dtype != dtype:
            raise self.error(f"{name!r} of dtype {value.dtype}, not {dtype}")
        self._fetched.add(name)
        return value

    def check_all_fetched(self) -> None:
        """Refuse a file that holds more than was asked for."""
        if odd := sorted(set(self._file.walk()) - self._fetched):
            raise self.error(f"{odd[0]!r:.80} too much")

    def error(self, received: str) -> InputError:
        """The error for content that no checkpoint has."""
        return InputError(
            f"A checkpoint holds what its training needs and no more. Received: {received}, in {str(self.path)!r}. Delete it."
        )


@contextmanager
def opened(path: Path) -> Iterator[Sealed]:
    """Open a checkpoint, after comparing its digest.

    Raises:
        InputError: a file that is missing, damaged, cut short, of another kind or format.
    """
    path = checked_path(path)
    _check_digest(path)
    with guarded(path) as file:
        yield Sealed(path, file, file.json_object("header", max_bytes=MAX_HEADER, remedy="Delete it."))


def _check_digest(path: Path) -> None:
    """Refuse what is no checkpoint, of another format, or not byte for byte what was written."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"A checkpoint has at most {MAX_BYTES} bytes. Received: more, in {str(path)!r}. Delete it.")
        with path.open("rb") as stream:
            line = _LINE.fullmatch(stream.read(PREFACE))
            found = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise InputError(
            f"A checkpoint must be readable. Received: {str(path)!r} ({error.strerror}). Check its rights."
        ) from None
    if line is not None and int(line[1]) != FORMAT:
        raise InputError(
            f"This version reads checkpoints of format {FORMAT}. Received: format {int(line[1])} in {str(path)!r}. "
            "Use the version of Lockstep that wrote it."
        )
    if line is None or found.encode() != line[2]:
        raise InputError(
            "A checkpoint is read in the bytes in which it was written. "
            f"Received: {str(path)!r}, which is cut short, damaged or of another kind. Delete it."
        )
