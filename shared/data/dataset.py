"""A data set as both wings see it, and the two functions that turn its arrays into what a net is fed.

`Dataset` keeps the arrays as they were stored (pictures may stay uint8 and four-dimensional).  `as_rows` and
`as_labels` make the floats and integers for the net.  Both wings call these same two functions, so that a
difference between the wings can never come from the way pictures were scaled or labels were read.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from shared.data.casting import cast
from shared.data.streamed import StreamedArray, StreamedRows
from shared.errors import InputError


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """Training rows, perhaps test rows, and what their labels mean.

    Shapes: ``x_train`` (n, ...) of integers or floats; ``y_train`` (n,) or (n, 1), kept in that shape as int64;
    ``x_test`` and ``y_test`` likewise, or both None.  The rows of ``stream_file`` stay in their file: a ``StreamedArray`` in the
    place of ``x_train``.  ``classes[label]`` is the name of a label.
    ``image_shape`` is (height, width) or (height, width, channels) where a row is a picture, else None;
    ``columns_first`` says that flat rows hold their picture unrolled column by column.

    Raises InputError when lengths differ, there are no rows, a value is NaN or infinite, a label is not an
    integer in 0..len(classes)-1, the test rows have another shape, or ``image_shape`` does not fit a row.
    """

    x_train: Any
    y_train: np.ndarray
    x_test: np.ndarray | None = None
    y_test: np.ndarray | None = None
    classes: tuple[str, ...]
    source: str
    name: str
    columns_first: bool = False
    image_shape: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        def put(field: str, value: object) -> None:
            object.__setattr__(self, field, value)  # the dataclass is frozen: the only way to tidy a field

        put("classes", _class_names(self.classes))
        put("x_train", _features("x_train", self.x_train))
        put("y_train", _matching_labels("train", self.x_train, self.y_train, len(self.classes)))
        if (self.x_test is None) != (self.y_test is None):
            absent, given = ("x_test", "y_test") if self.x_test is None else ("y_test", "x_test")
            raise InputError(
                f"Dataset takes x_test and y_test together. Received: {given} without {absent}. Give both, or neither."
            )
        if self.x_test is not None:
            put("x_test", _features("x_test", self.x_test))
            if self.x_test.shape[1:] != self.x_train.shape[1:]:
                raise InputError(
                    "Test rows must have the shape of training rows. Received: test rows of shape "
                    f"{self.x_test.shape[1:]}, training rows of shape {self.x_train.shape[1:]}. "
                    "Give a test set made like the training set."
                )
            put("y_test", _matching_labels("test", self.x_test, self.y_test, len(self.classes)))
        if self.image_shape is not None:
            put("image_shape", _picture_shape(self.image_shape, self.x_train.shape[1:]))

    def images(self, x: Any) -> np.ndarray:
        """Upright pictures (n, height, width) or (n, height, width, channels) from rows ``x`` of this data set.

        ``x`` holds flat rows (n, inputs) or pictures (n, height, width[, channels]); its dtype is kept.
        Raises InputError where the data set holds no pictures or ``x`` does not fit them.
        """
        if self.image_shape is None:
            raise InputError(
                f"images() needs a data set of pictures. Received: {self.name!r}, whose image_shape is None. "
                "Give Dataset an image_shape such as (height, width)."
            )
        x = np.asarray(x)
        if x.ndim > 2 and x.shape[1:] == self.image_shape:
            return x
        if x.ndim != 2 or x.shape[1] != math.prod(self.image_shape):
            raise InputError(
                f"images() takes rows that hold pictures of shape {self.image_shape}, {math.prod(self.image_shape)} "
                f"values each. Received: an array of shape {x.shape}. For a single picture pass x[None]."
            )
        if not self.columns_first:
            return x.reshape(len(x), *self.image_shape)
        height, width, *channels = self.image_shape
        return x.reshape(len(x), width, height, *channels).swapaxes(1, 2)


def as_rows(x: Any, inputs: int, dtype: Any) -> Any:
    """What both wings feed to their nets: a float array (n, ``inputs``) of ``dtype`` (float32 or float64).

    Of a ``StreamedArray``, ``StreamedRows`` of that shape, which are cast as they are read.

    Integers are pixels 0..255: cast to ``dtype``, then divided by 255 in that dtype.  Floats are only cast.
    More than two dimensions are flattened row-major.  ``x`` itself is never changed, but may be returned as it is.

    Raises InputError when ``x`` is not numeric, has no row axis, holds integers outside 0..255, or has another
    number of values a row than ``inputs``.
    """
    streamed = x.stored if isinstance(x, StreamedRows) else x
    x = streamed if isinstance(streamed, StreamedArray) else _numeric("x", x)
    if x.ndim < 2:
        raise InputError(
            f"x must have one row per example, so at least two dimensions. Received: shape {x.shape}. "
            "For a single example pass x[None]."
        )
    values = math.prod(x.shape[1:])
    if values != inputs:
        raise InputError(
            f"The net takes {inputs} values per example. Received: x of shape {x.shape}, which has {values} per "
            f"example. Use a net with {values} inputs, or other data."
        )
    if x.dtype.kind != "f" and x.dtype != np.uint8 and x.size:
        found = (x.survey.lowest, x.survey.highest) if isinstance(x, StreamedArray) else (x.min(), x.max())
        if not (found[0] >= 0 and found[1] <= 255):
            raise InputError(
                "Integer features are read as pixels 0 to 255 and divided by 255. "
                f"Received: integers from {found[0]} to {found[1]}. For features that are no pixels pass floats."
            )
    if isinstance(x, StreamedArray):
        return StreamedRows(x, dtype)
    # reshape(len(x), -1) would not work for no rows at all, which predict() may well be given
    return cast(x.reshape(len(x), values), dtype)


def as_labels(y: Any, classes: int) -> np.ndarray:
    """Labels as int64 (n,), from integers (or whole-numbered floats) of shape (n,) or (n, 1).

    Raises InputError for another shape, for values that are not whole numbers, or for a label outside
    0..``classes``-1.
    """
    y = _numeric("y", y)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1:
        raise InputError(
            f"Labels have the shape (n,) or (n, 1). Received: shape {y.shape}. For one-hot rows pass y.argmax(axis=1)."
        )
    if y.dtype.kind == "f":
        fractional = ~(np.isfinite(y) & (np.floor(y) == y))
        if fractional.any():
            raise InputError(
                f"Labels are whole numbers. Received: {y[fractional][0]} at row {int(fractional.argmax())}. "
                "Give the number of the class."
            )
    # compared before the cast: a huge unsigned or floating label would wrap around into the allowed range
    outside = (y < 0) | (y >= classes)
    if outside.any():
        raise InputError(
            f"Labels lie in 0..{classes - 1}, as there are {classes} classes. Received: {y[outside][0]} at row "
            f"{int(outside.argmax())}. Number the classes from 0, or name all of them."
        )
    return y.astype(np.int64)


def _numeric(what: str, value: Any) -> np.ndarray:
    """``value`` as an array of integers or floats, or InputError."""
    try:
        array = np.asarray(value)
    except InputError:  # rows that are streamed say themselves why they are no array
        raise
    except (TypeError, ValueError) as error:  # rows of unequal length, for example
        raise InputError(
            f"{what} must be an array of numbers. Received: {type(value).__name__} that makes no array "
            f"({' '.join(str(error).split())}). Give rows of equal length."
        ) from error
    if array.dtype.kind not in "uif":
        raise InputError(
            f"{what} must hold integers or floats. Received: dtype {array.dtype}. "
            "Convert it, for example with .astype('float32')."
        )
    return array


def _features(what: str, value: Any) -> Any:
    """``value`` as finite numbers (n, ...) with at least one row and one value per row, or InputError."""
    x = value if isinstance(value, StreamedArray) else _numeric(what, value)
    if x.ndim < 2:
        raise InputError(
            f"{what} must have one row per example, so at least two dimensions. Received: shape {x.shape}. "
            "For a single feature pass x[:, None]."
        )
    if x.size == 0:
        raise InputError(f"{what} must hold at least one row with at least one value. Received: shape {x.shape}. Give some data.")
    bad, first = _not_finite(x)
    if bad:
        raise InputError(
            f"{what} must hold finite values. Received: NaN or infinity in {bad} of {len(x)} rows, "
            f"first in row {first}. Remove or repair those rows."
        )
    return x


def _not_finite(x: Any) -> tuple[int, int]:
    """How many rows hold NaN or infinity, and the first of them."""
    if x.dtype.kind != "f":
        return 0, 0
    if isinstance(x, StreamedArray):
        return x.survey.bad_rows, x.survey.first_bad
    if np.isfinite(x).all():
        return 0, 0
    finite = np.isfinite(x).reshape(len(x), -1).all(axis=1)
    return int((~finite).sum()), int(finite.argmin())


def _matching_labels(part: str, x: np.ndarray, y: Any, classes: int) -> np.ndarray:
    """``y`` as int64 in its own shape (n,) or (n, 1), one for each row of ``x``, or InputError."""
    try:
        labels = as_labels(y, classes)
    except InputError as error:
        raise InputError(f"y_{part}: {error}") from None
    if len(labels) != len(x):
        raise InputError(
            f"x_{part} and y_{part} must have the same length. Received: {len(x)} rows and {len(labels)} labels. "
            "Give one label for each row."
        )
    return labels.reshape(np.shape(y))


def _class_names(classes: Sequence[str]) -> tuple[str, ...]:
    """``classes`` as a tuple of strings with at least one name, or InputError."""
    usable = isinstance(classes, Sequence | np.ndarray) and not isinstance(classes, str) and len(classes) > 0
    if not usable or not all(isinstance(name, str) for name in classes):
        raise InputError(
            f"classes must be a tuple of names, one for each label. Received: {classes!r:.80}. Give for example ('cat', 'dog')."
        )
    return tuple(str(name) for name in classes)


def _picture_shape(image_shape: Sequence[int], row_shape: tuple[int, ...]) -> tuple[int, ...]:
    """``image_shape`` as a tuple that fits rows of ``row_shape``, or InputError."""
    shape = tuple(int(length) for length in image_shape)
    fits = row_shape == shape if len(row_shape) > 1 else row_shape == (math.prod(shape),)
    if len(shape) not in (2, 3) or not fits:
        raise InputError(
            "image_shape must be (height, width) or (height, width, channels) and fit a row. "
            f"Received: {shape} for rows of shape {row_shape}. Give the shape of the pictures, or None."
        )
    return shape
