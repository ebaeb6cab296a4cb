"""Writing files so that nothing half-written is ever seen under the final name."""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from shared.errors import InputError


def check_writable(path: str | Path) -> None:
    """Refuse now what ``write_whole`` could not write later.

    Raises:
        InputError: as for ``write_whole``.
    """
    _write({Path(path): b""}, keep=False)


def write_durable(path: str | Path, content: bytes) -> None:
    """Write ``content`` so that even after a power cut the name belongs to the whole of it, or to what it belonged to before.

    Raises:
        InputError: as for ``write_whole``, and where the disk is full.
    """
    path = Path(path)
    _write({path: content}, keep=True, sync=True)


def write_whole(path: str | Path, text: str) -> None:
    """Write ``text`` to a temporary file beside ``path``, then give it the name.

    Raises:
        InputError: the path is a folder, or lies in one that does not exist or cannot be written to.
    """
    _write({Path(path): text.encode("utf-8", "backslashreplace")}, keep=True)


def write_together(contents: Mapping[Path, bytes]) -> None:
    """Write several files; none gets its name before all of them are complete.

    Raises:
        InputError: as for ``write_whole``.
    """
    _write(contents, keep=True)


def _write(contents: Mapping[Path, bytes], keep: bool, sync: bool = False) -> None:
    unfinished = {path: path.parent / f".{os.getpid()}.{path.name}" for path in contents}
    at = Path()
    try:
        for path, content in contents.items():
            at = path
            with unfinished[path].open("wb") as stream:
                stream.write(content)
                if sync:  # or the name may reach the disk before the bytes do
                    stream.flush()
                    os.fsync(stream.fileno())
            if path.is_dir():
                raise IsADirectoryError(None, "is a folder")
        if keep:
            for path in contents:
                at = path
                os.replace(unfinished[path], path)
                if sync:
                    _sync_folder(path.parent)
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        why = getattr(error, "strerror", None) or error
        raise InputError(f"The file must be writable. Received: {str(at)!r} ({why}). Choose another.") from None
    finally:
        for path in unfinished.values():
            with suppress(OSError, ValueError):
                path.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
