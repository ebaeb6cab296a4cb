"""What ``fit`` was given, in the one shape that both wings train on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from shared.data import Dataset, as_labels, as_rows
from shared.data.streamed import StreamedRows
from shared.errors import InputError
from shared.spec import ModelSpec, TrainSpec


@dataclass(frozen=True)
class Feed:
    """Rows (n, inputs) in the type of the net's weights and targets as the loss wants them; ``x_test`` None where nothing is
    validated. Rows of a ``StreamedArray`` are ``StreamedRows``, which are read and cast a block at a time. ``sample_weight``
    (n,) weighs each example's loss; ``class_weight`` has the weight of every class, and only one of the two is there."""

    x: np.ndarray
    y: np.ndarray
    x_test: np.ndarray | None = None
    y_test: np.ndarray | None = None
    sample_weight: np.ndarray | None = None
    class_weight: dict[int, float] | None = None

    @property
    def options(self) -> dict[str, Any]:
        """The weights as ``fit`` takes them; nothing where there are none."""
        given = {"sample_weight": self.sample_weight, "class_weight": self.class_weight}
        return {name: value for name, value in given.items() if value is not None}

    @property
    def weights(self) -> np.ndarray | None:
        """The weight of each example (n,): as given, or its class's in float32, which is how Keras looks them up."""
        if self.class_weight is None:
            return self.sample_weight
        labels = self.y if self.y.ndim == 1 else self.y[:, 0].round() if self.y.shape[1] == 1 else self.y.argmax(axis=1)
        return np.array([self.class_weight[label] for label in sorted(self.class_weight)], np.float32)[labels.astype(np.int64)]


def targets(y: Any, model: ModelSpec, train: TrainSpec) -> np.ndarray:
    """What the loss wants: labels int64 (n,), or rows (n, outputs).

    Labels given to the categorical loss become one-hot rows; labels 0 and 1 given to the binary loss of one output, and
    numbers given to the squared error of one output, become a column.

    Raises:
        InputError: labels out of range or of another shape.
    """
    if train.loss == "sparse_categorical_crossentropy":
        return as_labels(y, model.outputs)
    try:
        given = np.asarray(y)
    except ValueError:  # rows of unequal length, which as_labels refuses by name
        given = np.empty(0)
    if model.outputs == 1 and given.ndim == 1:
        given = given[:, None]
    rows_fit = given.ndim == 2 and given.shape[1] == model.outputs and given.dtype.kind in "uifb"
    if train.loss == "categorical_crossentropy" and not (rows_fit and model.outputs > 1):
        return np.eye(model.outputs, dtype=model.variable_dtype)[as_labels(y, model.outputs)]
    if not rows_fit:
        raise InputError(
            f"Targets of {train.loss} are numbers of the shape (n, {model.outputs}). Received: {given.dtype} {given.shape}. "
            "Give a column for every output of the net."
        )
    rows = given.astype(model.variable_dtype)
    if not np.isfinite(rows).all():
        raise InputError("Targets must be finite. Received: NaN or infinity. Remove or repair these rows.")
    if train.loss == "binary_crossentropy" and rows.size and not (rows.min() >= 0 and rows.max() <= 1):
        raise InputError(
            f"Targets of binary_crossentropy lie from 0 to 1. Received: {rows.min():g} to {rows.max():g}. Use labels 0 and 1."
        )
    return rows


def feed(
    data: Any,
    model: ModelSpec,
    train: TrainSpec,
    validation_data: Any = None,
    sample_weight: Any = None,
    class_weight: Mapping[int, float] | None = None,
) -> Feed:
    """What to train on, from a ``Dataset`` or a pair ``(x, y)``.

    A ``Dataset`` with a test set is validated on it, unless ``validation_data`` names another pair. Classes that
    ``class_weight`` does not name have the weight 1.

    Raises:
        InputError: not a data set or pair, lengths that differ, columns, labels or weights that do not fit.
    """
    if isinstance(data, Dataset):
        pair = (data.x_train, data.y_train)
        if validation_data is None and data.x_test is not None:
            validation_data = (data.x_test, data.y_test)
    else:
        pair = data
    x, y = _pair(pair, "data", model, train)
    x_test, y_test = (None, None) if validation_data is None else _pair(validation_data, "validation_data", model, train)
    if sample_weight is not None and class_weight is not None:
        raise InputError("Examples are weighed one by one or by class. Received: both. Leave one out.")
    return Feed(x, y, x_test, y_test, _sample_weight(sample_weight, len(x), model), _class_weight(class_weight, model, train))


def _sample_weight(given: Any, rows: int, model: ModelSpec) -> np.ndarray | None:
    if given is None:
        return None
    try:
        weights = np.asarray(given)
    except ValueError:
        weights = np.empty((0, 0))
    if weights.shape != (rows,) or weights.dtype.kind not in "uif" or not np.isfinite(weights).all() or weights.min() < 0:
        raise InputError(
            f"sample_weight has one finite number from 0 for each of the {rows} rows. Received: {weights.dtype} {weights.shape}. "
            "Give an array of the shape (n,)."
        )
    return weights.astype(model.variable_dtype)


def _class_weight(given: Any, model: ModelSpec, train: TrainSpec) -> dict[int, float] | None:
    if given is None:
        return None
    classes = 2 if model.outputs == 1 else model.outputs
    right = isinstance(given, Mapping) and all(
        isinstance(label, int | np.integer) and 0 <= label < classes and np.isfinite(weight) and weight >= 0
        for label, weight in given.items()
    )
    if not right or train.loss == "mean_squared_error":
        raise InputError(
            f"class_weight maps labels 0 to {classes - 1} of a classifier to numbers from 0. Received: {given!r:.80}. "
            "Use class_weight={0: 1.0, 1: 2.0}."
        )
    return {
        label: float(given.get(label, 1.0)) for label in range(classes)
    }  # Keras's own table ends at the highest that is named


def batch(x: Any, y: Any, model: ModelSpec, train: TrainSpec, sample_weight: Any = None) -> Feed:
    """One batch as both wings train on it.

    Raises:
        InputError: as ``feed``, and for more rows than the spec's batch size.
    """
    given = feed((x, y), model, train, None, sample_weight)
    if len(given.x) > train.batch_size:
        raise InputError(
            f"A batch has at most TrainSpec.batch_size={train.batch_size} rows. Received: {len(given.x)}. "
            "Cut it, or use a larger size."
        )
    return given


def _pair(pair: Any, name: str, model: ModelSpec, train: TrainSpec) -> tuple[np.ndarray, np.ndarray]:
    if not (isinstance(pair, tuple | list) and len(pair) == 2):
        raise InputError(f"{name} must be a Dataset or a pair (x, y). Received: {type(pair).__name__}. Use fit((x, y)).")
    x, y = as_rows(pair[0], model.inputs, model.variable_dtype), targets(pair[1], model, train)
    if len(x) != len(y) or len(x) == 0:
        raise InputError(
            f"Every row needs one label, and there must be one. Received: {len(x)} rows, {len(y)} labels. Match x and y."
        )
    if not (x.finite if isinstance(x, StreamedRows) else np.isfinite(x).all()):
        raise InputError(f"{name} must be finite. Received: NaN or infinity in x. Remove or repair these rows.")
    return x, y
