"""The one way in which stored numbers become what a net is fed, whether all rows are cast at once or a block at a time."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

ALIGNED = 64  # bytes


def cast(rows: np.ndarray, dtype: Any, room: Callable[..., np.ndarray] = np.empty) -> np.ndarray:
    """Floats in ``dtype``; integers, which are pixels, in ``dtype`` and then divided by 255 in that dtype.

    Element by element, so the bits do not depend on how many rows are cast together.  Floats of ``dtype`` are returned as they
    are; ``rows`` itself is never changed.  ``room(shape, dtype)`` makes the array for the others.
    """
    dtype = np.dtype(dtype)
    if rows.dtype == dtype:
        return rows
    made = room(rows.shape, dtype)
    made[...] = rows
    if rows.dtype.kind != "f":
        made /= dtype.type(255)
    return made


def aligned(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Room for an array that begins where TensorFlow takes it over without a copy."""
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    room = np.empty(size + ALIGNED, np.uint8)
    start = -room.ctypes.data % ALIGNED
    return room[start : start + size].view(dtype).reshape(shape)
