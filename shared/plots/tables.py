"""Numbers as pictures: confusion matrices, and the probabilities of the classes as bars."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from shared.errors import InputError
from shared.plots.figures import figure, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_WRITTEN = 20  # beyond that many classes the counts would not fit their cells


def confusion(matrices: Mapping[str, Any], classes: Sequence[str], *, title: str | None = None) -> "Figure":
    """Confusion matrices side by side: true classes down, predicted ones across, counts in the cells.

    Each of ``matrices`` is (classes, classes), as ``shared.evaluation.confusion`` makes it.  The shade is the share of the true
    class, on a square-root scale so that single mistakes show.  Raises InputError where shapes do not fit.
    """
    counts = {side: np.asarray(matrix) for side, matrix in matrices.items()}
    shape = (len(classes), len(classes))
    if not counts or any(matrix.shape != shape or matrix.dtype.kind not in "ui" for matrix in counts.values()):
        received = {side: matrix.shape for side, matrix in counts.items()}
        raise InputError(
            f"confusion() draws one or more matrices of counts of shape {shape}. Received: {received!r:.160}. "
            "Make them with shared.evaluation.confusion."
        )
    size = max(3.0, min(0.45 * len(classes) + 1.2, 10.0))
    made = figure(size * len(counts), size + 0.05 + (0.35 if title else 0))
    panels = made.subplots(1, len(counts), squeeze=False)[0]
    for panel, (side, matrix) in zip(panels, counts.items(), strict=True):
        share = np.sqrt(matrix / matrix.sum(axis=1, keepdims=True).clip(1))
        panel.imshow(share, cmap="Blues", vmin=0, vmax=1)
        panel.set_title(plain(f"{side}: {matrix.sum() - matrix.trace():,} of {matrix.sum():,} wrong"), fontsize=11)
        panel.set_xlabel("predicted")
        panel.set_ylabel("true")
        if len(classes) > MOST_WRITTEN:
            continue
        names = [plain(name) for name in classes]
        slanted = max(map(len, names)) > 4
        panel.set_xticks(range(len(names)), names, rotation=40 if slanted else 0, ha="right" if slanted else "center")
        panel.set_yticks(range(len(names)), names)
        for row, column in zip(*np.nonzero(matrix), strict=True):
            colour = "white" if share[row, column] > 0.65 else "black"
            panel.text(column, row, f"{matrix[row, column]}", ha="center", va="center", fontsize=8, color=colour)
    if title:
        made.suptitle(plain(title), fontsize=12)
    return made


def bars(probabilities: Mapping[str, Any], classes: Sequence[str], *, title: str | None = None) -> "Figure":
    """The probabilities of the classes as bars, a colour for each side.

    Each of ``probabilities`` is (classes,).  Raises InputError where lengths do not fit.
    """
    heights = {side: np.asarray(values) for side, values in probabilities.items()}
    if not heights or any(values.shape != (len(classes),) for values in heights.values()):
        received = {side: values.shape for side, values in heights.items()}
        raise InputError(
            f"bars() draws one or more lists of {len(classes)} probabilities. Received: {received!r:.160}. "
            "Give a row of predict_proba for each side."
        )
    made = figure(max(4.0, 0.5 * len(classes) + 1), 3)
    panel = made.subplots()
    width = 0.8 / len(heights)
    for position, (side, values) in enumerate(heights.items()):
        places = np.arange(len(classes)) + (position - (len(heights) - 1) / 2) * width
        panel.bar(places, values, width, label=plain(side))
    names = [plain(name) for name in classes]
    slanted = max(map(len, names)) > 4
    panel.set_xticks(range(len(names)), names, rotation=40 if slanted else 0, ha="right" if slanted else "center")
    panel.set_ylim(0, 1)
    panel.set_ylabel("probability")
    panel.legend()
    if title:
        panel.set_title(plain(title))
    return made
