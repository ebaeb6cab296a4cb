"""Writing files so that nothing half-written is ever seen under the final name."""

import os
from pathlib import Path

from shared.errors import InputError


def write_whole(path: str | Path, text: str) -> None:
    """Write ``text`` to a temporary file beside ``path``, then give it the name.

    Raises:
        InputError: the folder does not exist or cannot be written to.
    """
    path = Path(path)
    unfinished = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        unfinished.write_text(text, encoding="utf-8")
        os.replace(unfinished, path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise InputError(f"The file must be writable. Received: {str(path)!r} ({error.strerror}). Choose another.") from None
