"""Callbacks by duck typing: any object that has some of Keras's hook methods."""

from collections.abc import Sequence
from typing import Any


def notify(callbacks: Sequence[Any], hook: str, *arguments: Any) -> None:
    """Call ``hook`` on each callback that has it."""
    for callback in callbacks:
        method = getattr(callback, hook, None)
        if method is not None:
            method(*arguments)
