"""Writing files so that nothing half-written is ever seen under the final name."""

import os
from contextlib import suppress
from pathlib import Path

from shared.errors import InputError


def check_writable(path: str | Path) -> None:
    """Refuse now what ``write_whole`` could not write later.

    Raises:
        InputError: as for ``write_whole``.
    """
    _write(Path(path), b"", keep=False)


def write_whole(path: str | Path, content: str | bytes) -> None:
    """Write ``content`` to a temporary file beside ``path``, then give it the name; text is written as UTF-8.

    Raises:
        InputError: the path is a folder, or lies in one that does not exist or cannot be written to.
    """
    _write(Path(path), content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content, keep=True)


def _write(path: Path, content: bytes, keep: bool) -> None:
    unfinished = path.parent / f".{os.getpid()}.{path.name}"
    try:
        unfinished.write_bytes(content)
        if path.is_dir():
            raise IsADirectoryError(None, "is a folder")
        if keep:
            os.replace(unfinished, path)
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        why = getattr(error, "strerror", None) or error
        raise InputError(f"The file must be writable. Received: {str(path)!r} ({why}). Choose another.") from None
    finally:
        with suppress(OSError, ValueError):
            unfinished.unlink(missing_ok=True)
