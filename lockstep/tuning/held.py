"""Rows held out of the training set, by which settings are chosen.

The test set stays out of it: a setting that was chosen by the test set has seen it.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from shared.data import Dataset
from shared.errors import InputError
from shared.spec import require


@dataclass(frozen=True, eq=False)
class Split:
    """A training set in two parts, as stored: x (n, ...), y (n,) or (n, 1) and x_held, y_held alike."""

    x: np.ndarray
    y: np.ndarray
    x_held: np.ndarray
    y_held: np.ndarray
    classes: int
    source: str
    name: str

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """x, y, x_held, y_held."""
        return self.x, self.y, self.x_held, self.y_held

    @property
    def inputs(self) -> int:
        """Numbers a row."""
        return math.prod(self.x.shape[1:])


def hold_out(data: Any, share: float, seed: int) -> Split:
    """Part the training rows of a ``Dataset``, or a pair (x, y), at random; each class gives the same share.

    scikit-learn: ``train_test_split(..., stratify=y)``.

    Raises:
        InputError: a share that is none, data that cannot be used, or too few rows of a class to have some on both sides.
    """
    right = isinstance(share, float) and 0 < share < 1
    require(right, "validation is the share of the training rows held out for the score.", f"{share!r:.40}", "Use 0.2.")
    if not isinstance(data, Dataset):
        data = _dataset(data)
    from sklearn.model_selection import train_test_split

    labels = data.y_train.ravel()
    try:
        kept, held = train_test_split(np.arange(len(labels)), test_size=share, stratify=labels, random_state=seed)
    except ValueError:  # the numbers do not allow it; scikit-learn's words speak of its own arguments
        fewest = np.unique(labels, return_counts=True)[1].min()
        raise InputError(
            f"Every class must have rows to train on and rows for the score. Received: {len(labels)} rows of {len(set(labels))} "
            f"classes, {fewest} of the smallest, {share:g} to be held out. Give more rows, or another share."
        ) from None
    x, y = np.asarray(data.x_train), data.y_train  # of streamed rows an InputError: a search takes its rows out of an array
    return Split(x[kept], y[kept], x[held], y[held], len(data.classes), data.source, data.name)


def _dataset(pair: Any) -> Dataset:
    if not (isinstance(pair, tuple | list) and len(pair) == 2):
        raise InputError(
            f"data must be a Dataset or a pair (x, y). Received: {type(pair).__name__}. Give load_digits() or (x, y)."
        )
    x, y = (np.asarray(part) for part in pair)
    right = y.size > 0 and y.dtype.kind in "iu" and y.min() >= 0
    require(right, "y holds the class of every row as a whole number from 0.", f"{y.dtype} {y.shape}", "Use (x, labels).")
    names = tuple(str(label) for label in range(int(y.max()) + 1))
    return Dataset(x_train=x, y_train=y, classes=names, source="x and y as given", name="x and y")
