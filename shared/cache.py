"""Where Lockstep keeps what it made once and would have to make again: the user's cache."""

import os
from pathlib import Path

from shared.errors import InputError


def cache_folder() -> Path:
    """``$XDG_CACHE_HOME/lockstep``, or ``~/.cache/lockstep`` where that is unset or no absolute path; it may not exist yet.

    Source: XDG Base Directory Specification 0.8.

    Raises:
        InputError: the user has no home.
    """
    named = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(named):
        return Path(named) / "lockstep"
    try:
        return Path.home() / ".cache" / "lockstep"
    except RuntimeError:
        raise InputError("The cache lies in the user's home. Received: a user without one. Set XDG_CACHE_HOME.") from None
