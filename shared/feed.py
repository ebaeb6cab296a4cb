"""What ``fit`` was given, in the one shape that both wings train on."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from shared.data import Dataset, as_labels, as_rows
from shared.errors import InputError
from shared.spec import ModelSpec, TrainSpec


@dataclass(frozen=True)
class Feed:
    """Rows (n, inputs) in the net's dtype and targets as the loss wants them; ``x_test`` None where nothing is validated."""

    x: np.ndarray
    y: np.ndarray
    x_test: np.ndarray | None = None
    y_test: np.ndarray | None = None


def targets(y: Any, model: ModelSpec, train: TrainSpec) -> np.ndarray:
    """Labels int64 (n,) for the sparse loss; rows of probabilities (n, classes) for the categorical one.

    Labels given to the categorical loss become one-hot rows.

    Raises:
        InputError: labels out of range or of another shape.
    """
    if train.loss == "sparse_categorical_crossentropy":
        return as_labels(y, model.outputs)
    try:
        given = np.asarray(y)
    except ValueError:  # rows of unequal length, which as_labels refuses by name
        given = np.empty(0)
    if given.ndim == 2 and given.shape[1] == model.outputs > 1 and given.dtype.kind in "uifb":
        rows = given.astype(model.dtype)
        if not np.isfinite(rows).all():
            raise InputError("Targets must be finite. Received: NaN or infinity. Remove or repair these rows.")
        return rows
    return np.eye(model.outputs, dtype=model.dtype)[as_labels(y, model.outputs)]


def feed(data: Any, model: ModelSpec, train: TrainSpec, validation_data: Any = None) -> Feed:
    """What to train on, from a ``Dataset`` or a pair ``(x, y)``.

    A ``Dataset`` with a test set is validated on it, unless ``validation_data`` names another pair.

    Raises:
        InputError: not a data set or pair, lengths that differ, columns or labels that do not fit the net.
    """
    if isinstance(data, Dataset):
        pair = (data.x_train, data.y_train)
        if validation_data is None and data.x_test is not None:
            validation_data = (data.x_test, data.y_test)
    else:
        pair = data
    x, y = _pair(pair, "data", model, train)
    if validation_data is None:
        return Feed(x, y)
    return Feed(x, y, *_pair(validation_data, "validation_data", model, train))


def batch(x: Any, y: Any, model: ModelSpec, train: TrainSpec) -> tuple[np.ndarray, np.ndarray]:
    """One batch as both wings train on it.

    Raises:
        InputError: as ``feed``, and for more rows than the spec's batch size.
    """
    rows, goals = _pair((x, y), "a batch", model, train)
    if len(rows) > train.batch_size:
        raise InputError(
            f"A batch has at most TrainSpec.batch_size={train.batch_size} rows. Received: {len(rows)}. "
            "Cut it, or use a larger size."
        )
    return rows, goals


def _pair(pair: Any, name: str, model: ModelSpec, train: TrainSpec) -> tuple[np.ndarray, np.ndarray]:
    if not (isinstance(pair, tuple | list) and len(pair) == 2):
        raise InputError(f"{name} must be a Dataset or a pair (x, y). Received: {type(pair).__name__}. Use fit((x, y)).")
    x, y = as_rows(pair[0], model.inputs, model.dtype), targets(pair[1], model, train)
    if len(x) != len(y) or len(x) == 0:
        raise InputError(
            f"Every row needs one label, and there must be one. Received: {len(x)} rows, {len(y)} labels. Match x and y."
        )
    if not np.isfinite(x).all():
        raise InputError(f"{name} must be finite. Received: NaN or infinity in x. Remove or repair these rows.")
    return x, y
