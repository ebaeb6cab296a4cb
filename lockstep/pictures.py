"""The pictures of a comparison: the losses of all sides and, side by side, what each gets wrong on the test set."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from shared import evaluation, plots
from shared.data import Dataset
from shared.files import check_writable
from shared.plots.figures import figure
from shared.plots.lines import HasLoss

NAMES = ("loss.png", "confusion.png", "misclassified.png")


def check(folder: str | Path) -> None:
    """Refuse now what ``draw`` could not do later.

    Raises:
        InputError: a folder that does not exist or cannot be written to, or no matplotlib.
    """
    for name in NAMES:
        check_writable(Path(folder) / name)
    figure(1, 1)


def draw(folder: str | Path, data: Dataset, histories: Mapping[str, HasLoss], logits: Mapping[str, np.ndarray]) -> list[Path]:
    """Write the pictures, and return where.

    Args:
        folder: takes ``loss.png``; with a test set also ``confusion.png``; where that holds pictures, ``misclassified.png``.
        histories: side → its curves.
        logits: side → what it answers for ``data.x_test``, (n, classes); empty where there is no test set.

    Raises:
        InputError: a folder that cannot be written to, or no matplotlib.
    """
    figures = {"loss.png": plots.curves(histories, title=f"loss on {data.name}")}
    if data.x_test is not None and logits:
        found = {side: answers.argmax(axis=1) for side, answers in logits.items()}
        counts = {side: evaluation.confusion(data.y_test, classes, len(data.classes)) for side, classes in found.items()}
        figures["confusion.png"] = plots.confusion(counts, data.classes, title="test set")
        if data.image_shape is not None:
            title = "test set: label → prediction"
            figures["misclassified.png"] = plots.misclassified(
                data.images(data.x_test), data.y_test, found, data.classes, title=title
            )
    paths = [Path(folder) / name for name in figures]
    for path, drawn in zip(paths, figures.values(), strict=True):
        plots.save(drawn, path)
    return paths
