"""``.keras`` files: an archive of ``config.json``, ``metadata.json`` and the same HDF5 file that ``.weights.h5`` is.

The reader takes out single entries, of bounded size, into a temporary folder of its own; no name in the archive becomes a path.
"""

import json
import os
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import IO, Any

from shared.data.hdf5 import GuardedFile, guarded
from shared.errors import InputError
from shared.spec.rules import line

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
MAX_CONFIG = 2**20  # bytes; a layer takes about one kilobyte
MAX_ENTRIES = 1000
BLOCK = 2**20
# what the standard library is seen to raise on damaged archives
_ERRORS = (zipfile.BadZipFile, OSError, ValueError, RuntimeError, NotImplementedError, EOFError, OverflowError, MemoryError)


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
    with tempfile.TemporaryDirectory(prefix="lockstep-") as folder:
        inside = Path(folder, WEIGHTS)
        with _entry(path, WEIGHTS) as stream, inside.open("wb") as target:
            while block := stream.read(BLOCK):  # checks the sum of the bytes at the end
                target.write(block)
        try:
            with guarded(inside) as file:
                yield file
        except InputError as error:  # the temporary name means nothing to anybody
            raise InputError(str(error).replace(repr(str(inside)), repr(str(path)))) from None


def configuration(path: str | Path) -> Any:
    """What ``config.json`` in a ``.keras`` file holds; None where it is no JSON.

    Raises:
        InputError: as for ``opened``.
    """
    with _entry(path, CONFIG) as stream:
        text = stream.read()
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


@contextmanager
def _entry(path: str | Path, name: str) -> Iterator[IO[bytes]]:
    """An entry of the archive, once it is sure that it stands there once, and unpacked: Keras packs nothing, and so nothing can
    unfold without end."""
    try:
        if not Path(path).is_file():
            raise _error(path, "a folder, a device or nothing")
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            found = [entry for entry in entries if entry.filename == name]
            if len(entries) > MAX_ENTRIES:
                raise _error(path, f"an archive of {len(entries)} entries")
            if len(found) != 1:
                raise _error(path, f"an archive with {len(found)} entries called {name}")
            size, most = found[0].file_size, MAX_CONFIG if name == CONFIG else os.path.getsize(path)
            if found[0].compress_type != zipfile.ZIP_STORED or found[0].flag_bits & 1:
                raise _error(path, f"{name} packed or encrypted, which Keras never does")
            if size > most or size != found[0].compress_size:
                raise _error(path, f"{name} of {size} bytes, of which there may be {most}")
            with archive.open(found[0]) as stream:
                yield stream
    except _ERRORS as error:
        if isinstance(error, InputError):
            raise
        raise _error(path, f"a damaged one ({line(str(error))[:120] or type(error).__name__})") from None


def _error(path: str | Path, received: str) -> InputError:
    return InputError(
        f"A .keras file is what keras.Sequential.save or Trainer.save wrote. Received: {received}, in {str(path)!r}. "
        "Save the net again."
    )


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
