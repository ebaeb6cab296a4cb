"""``.keras`` files: an archive of ``config.json``, ``metadata.json`` and the same HDF5 file that ``.weights.h5`` is.

The reader unpacks one member, of bounded size, into a temporary folder of its own; no name in the archive becomes a path.
"""

import json
import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

from shared.data.hdf5 import BOMB_BYTES, MAX_ARRAY_BYTES, MAX_RATIO, GuardedFile, guarded
from shared.errors import InputError
from shared.formats.keras_config import read_config

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
MAX_TEXT = 16 * 2**20  # bytes of config.json; a layer takes about 1 kB
_ERRORS = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError, ValueError, KeyError)


def is_archive(path: str | Path) -> bool:
    """Whether a file's name says that it is an archive, which is how Keras tells them apart too."""
    return str(path).endswith(".keras")


@contextmanager
def opened(path: str | Path) -> Iterator[GuardedFile]:
    """The weights in a ``.weights.h5`` file, or in a ``.keras`` file, through the guard of all HDF5 files.

    Raises:
        InputError: the file cannot be read, or is not what its name says.
    """
    if not is_archive(path):
        with guarded(path) as file:
            yield file
        return
    with tempfile.TemporaryDirectory() as folder:
        unpacked = Path(folder) / WEIGHTS
        with _member(path, WEIGHTS, MAX_ARRAY_BYTES) as stream, _reading(path), unpacked.open("wb") as out:
            while piece := stream.read(2**20):
                out.write(piece)
        try:
            with guarded(unpacked) as file:
                yield file
        except InputError as error:  # says which file it was
            raise InputError(str(error).replace(str(unpacked), str(path))) from None


def configuration(path: str | Path) -> Mapping[str, Any]:
    """What ``config.json`` in a ``.keras`` file holds.

    Raises:
        InputError: as for ``opened``.
    """
    with _member(path, CONFIG, MAX_TEXT) as stream, _reading(path):
        text = stream.read().decode("utf-8")
    return read_config(text)


@contextmanager
def _member(path: str | Path, name: str, most: int) -> Iterator[Any]:
    """A member of the archive, once it is sure that it stands there once and is no larger than ``most`` bytes."""
    with _reading(path):
        archive = zipfile.ZipFile(path)
    with archive:
        found = [info for info in archive.infolist() if info.filename == name]
        if len(found) != 1:
            held = ", ".join(repr(info.filename)[:60] for info in archive.infolist()[:8]) or "nothing"
            raise InputError(f"A .keras file holds one {name}. Received: {held} in {str(path)!r}. Save the model again.")
        size, packed = found[0].file_size, found[0].compress_size
        if size > most or (size > BOMB_BYTES and size > MAX_RATIO * packed):
            raise InputError(
                f"{name} in a .keras file may take {most} bytes, stored in full. "
                f"Received: {size} bytes packed into {packed} in {str(path)!r}. Save the model again."
            )
        with _reading(path):
            stream = archive.open(found[0])
        with stream:
            yield stream


@contextmanager
def _reading(path: str | Path) -> Iterator[None]:
    try:
        yield
    except _ERRORS as error:
        why = getattr(error, "strerror", None) or " ".join(str(error).split())[:100] or type(error).__name__
        raise InputError(
            f"A .keras file must be an undamaged archive. Received: {str(path)!r} ({why}). Save the model again."
        ) from None


def pack(weights: Path, config: Mapping[str, Any], path: Path) -> None:
    """Make a ``.keras`` file of a file of weights and a configuration; equal contents give equal bytes."""
    parts: dict[str, bytes] = {
        METADATA: json.dumps({"keras_version": metadata.version("keras")}).encode(),
        CONFIG: json.dumps(config).encode(),
        WEIGHTS: weights.read_bytes(),
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content)


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    return sum(one.stat().st_size for one in path.rglob("*") if one.is_file()) if path.is_dir() else os.path.getsize(path)
