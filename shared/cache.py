"""Where Lockstep keeps what it can make again: below the user's cache folder, as the XDG base directory rules have it."""

import os
from pathlib import Path

from shared.errors import InputError


def cache_folder() -> Path:
    """``$XDG_CACHE_HOME/lockstep``, or else ``~/.cache/lockstep``; it need not exist.

    Raises InputError where neither the variable nor a home folder is known.
    """
    named = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(named):  # the rules say that a relative path is to be ignored
        return Path(named) / "lockstep"
    try:
        return Path.home() / ".cache" / "lockstep"
    except RuntimeError:
        raise InputError(
            "Lockstep keeps data in a cache folder. Received: no home folder and no XDG_CACHE_HOME. Set XDG_CACHE_HOME."
        ) from None
