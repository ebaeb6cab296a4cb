"""The one way in which stored numbers become what a net is fed, whether all rows are cast at once or a block at a time."""

from typing import Any

import numpy as np


def cast(rows: np.ndarray, dtype: Any) -> np.ndarray:
    """Floats in ``dtype``; integers, which are pixels, in ``dtype`` and then divided by 255 in that dtype.

    Element by element, so the bits do not depend on how many rows are cast together.  Floats of ``dtype`` are returned as they
    are; ``rows`` itself is never changed.
    """
    dtype = np.dtype(dtype)
    if rows.dtype.kind == "f":
        return rows.astype(dtype, copy=False)
    rows = rows.astype(dtype)
    rows /= dtype.type(255)
    return rows
