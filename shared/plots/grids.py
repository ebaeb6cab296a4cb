"""Grids of titled images: data with labels, predictions of several sides, and what they get wrong."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from shared.data import Dataset
from shared.errors import InputError
from shared.evaluation import misclassified as wrong_rows
from shared.plots.figures import figure, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure, FigureBase

WRONG = "#c00000"


def grid(images: Any, titles: Sequence[Any], *, rows: int, columns: int, title: str | None = None) -> "Figure":
    """A figure of ``rows`` x ``columns`` upright images, each under its title.

    ``images`` is (n, height, width) or (n, height, width, channels) with 1, 3 or 4 channels: integers 0..255, or
    floats drawn from 0 to 1 (values beyond are clipped).  ``titles`` has n entries; n may be less than the grid
    holds.  Raises InputError where the shapes or counts do not fit, or matplotlib is missing.
    """
    images = _drawable(images)
    if rows < 1 or columns < 1 or not 1 <= len(images) <= rows * columns or len(titles) != len(images):
        raise InputError(
            f"grid() draws 1 to rows x columns images with a title each. Received: {len(images)} images and "
            f"{len(titles)} titles for {rows} x {columns}. Choose as many images as the grid holds."
        )
    made = figure(columns, 1.25 * rows + (0.4 if title else 0))
    _fill(made, images, titles, rows, columns, title)
    return made


def examples(data: Dataset, rows: int = 5, columns: int = 5, *, title: str | None = None) -> "Figure":
    """``rows`` x ``columns`` training pictures of ``data``, class by class, each class its share, under the names of the classes.

    Raises InputError where ``data`` holds no pictures, or fewer than the grid does.
    """
    count, there = rows * columns, len(data.x_train)
    if not 1 <= count <= there:
        raise InputError(
            f"examples() draws some of the {there} training pictures. Received: {rows} x {columns}. Choose a smaller grid."
        )
    labels = data.y_train.reshape(-1)
    # in the order of the classes, the middle of each of count equal parts
    chosen = np.argsort(labels, kind="stable")[(np.arange(count) * 2 + 1) * there // (2 * count)]
    names = [data.classes[label] for label in labels[chosen]]
    return grid(data.images(data.x_train[chosen]), names, rows=rows, columns=columns, title=title)


def predictions(
    images: Any,
    labels: Any,
    predicted: Mapping[str, Any],
    classes: Sequence[str],
    *,
    columns: int = 8,
    title: str | None = None,
) -> "Figure":
    """The same images once for every side, side by side, each under its label and that side's prediction.

    ``images`` (n, height, width[, channels]), ``labels`` (n,) or (n, 1); ``predicted`` maps the name of a side to its n
    class numbers.  Wrong ones are red and bold; their number stands above.
    Raises InputError where lengths or labels do not fit.
    """
    images = _drawable(images)
    everything = np.arange(len(images))
    return _sides(images, labels, predicted, dict.fromkeys(predicted, everything), classes, columns, title)


def misclassified(
    images: Any,
    labels: Any,
    predicted: Mapping[str, Any],
    classes: Sequence[str],
    *,
    most: int = 40,
    columns: int = 5,
    title: str | None = None,
) -> "Figure":
    """What each side gets wrong, side by side: all of it counted, the first ``most`` shown under label and prediction.

    Arguments as for ``predictions``.  A side without a mistake has an empty half.
    """
    images = _drawable(images)
    shown = {side: wrong_rows(labels, found, len(classes))[:most] for side, found in predicted.items()}
    return _sides(images, labels, predicted, shown, classes, columns, title)


def _drawable(images: Any) -> np.ndarray:
    """``images`` as an array of pictures, or InputError."""
    images = np.asarray(images)
    if images.dtype.kind not in "uif" or images.ndim not in (3, 4) or images.shape[3:] not in ((), (1,), (3,), (4,)):
        raise InputError(
            "A grid holds images of shape (n, height, width) or (n, height, width, 1, 3 or 4). "
            f"Received: shape {images.shape} of {images.dtype}. Use Dataset.images(rows) to get them."
        )
    return images


def _sides(
    images: np.ndarray,
    labels: Any,
    predicted: Mapping[str, Any],
    shown: Mapping[str, np.ndarray],
    classes: Sequence[str],
    columns: int,
    title: str | None,
) -> "Figure":
    """For each side a grid of its ``shown`` rows, with the count of all that it gets wrong above."""
    labels = np.asarray(labels).reshape(-1)
    if not predicted or len(images) != len(labels):
        raise InputError(
            "Predictions are drawn with an image for each label, for one side or more. "
            f"Received: {len(images)} images, {len(labels)} labels, {len(predicted)} sides. Give Dataset.images(rows)."
        )
    rows = max(1, *(math.ceil(len(chosen) / columns) for chosen in shown.values()))
    made = figure(len(predicted) * columns * 1.05, 1.25 * rows + 0.5 + (0.4 if title else 0))
    if title:
        made.suptitle(plain(title), fontsize=12)
    halves = made.subfigures(1, len(predicted), squeeze=False, wspace=0.04)[0]
    for half, (side, found) in zip(halves, predicted.items(), strict=True):
        found, chosen = np.asarray(found), shown[side]
        wrong = wrong_rows(labels, found, len(classes))
        head = f"{side}: {len(wrong):,} of {len(labels):,} wrong"
        if len(chosen) < len(wrong):
            head += f", the first {len(chosen)} shown"
        texts = [f"{classes[labels[row]]} → {classes[found[row]]}" for row in chosen]
        _fill(half, images[chosen], texts, rows, columns, head, np.isin(chosen, wrong))
    return made


def _fill(
    parent: "FigureBase",
    images: np.ndarray,
    titles: Sequence[Any],
    rows: int,
    columns: int,
    title: str | None,
    marked: Sequence[bool] | np.ndarray | None = None,
) -> None:
    """Panels in ``parent``, the ``marked`` ones with red titles; the last panels may stay empty."""
    white = 255 if images.dtype.kind in "ui" else 1
    pictures = np.clip(images, 0, white) / white
    if pictures.shape[3:] == (1,):
        pictures = pictures[..., 0]
    panels = parent.subplots(rows, columns, squeeze=False).ravel()
    for panel in panels:
        panel.set_axis_off()
    marked = np.zeros(len(titles), bool) if marked is None else marked
    longest = max((len(str(text)) for text in titles), default=1)
    size = max(5.0, min(9.0, 95 / max(1, longest)))  # points: long names must not run into each other
    for panel, picture, text, mark in zip(panels, pictures, titles, marked, strict=False):
        panel.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        style = {"color": WRONG, "fontweight": "bold"} if mark else {}
        panel.set_title(plain(text), fontsize=size, pad=3, **style)
    if title:
        parent.suptitle(plain(title), fontsize=12)
