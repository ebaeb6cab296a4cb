"""How good predictions are, by scikit-learn's metrics: what is wrong, what is taken for what, and how each class fares.

All functions take class numbers: ``labels`` the true ones, (n,) or (n, 1), and ``predicted`` (n,), such as
``trainer.predict(x).argmax(axis=1)``.  ``classes`` is how many there are, or their names.  scikit-learn's metrics take seconds
to import, so they are imported inside the functions.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from shared.data import as_labels
from shared.errors import InputError


def misclassified(labels: Any, predicted: Any, classes: int) -> np.ndarray:
    """The rows whose prediction is wrong, int64, in order.

    Raises InputError where lengths differ or a number is no class.
    """
    true, found = _pair(labels, predicted, classes)
    return np.flatnonzero(true != found)


def confusion(labels: Any, predicted: Any, classes: int) -> np.ndarray:
    """Counts (classes, classes): row the true class, column the predicted one.  ``sklearn.metrics.confusion_matrix``.

    Raises InputError where lengths differ or a number is no class.

    >>> confusion([0, 1, 1], [0, 1, 0], 2).tolist()
    [[1, 0], [1, 1]]
    """
    true, found = _pair(labels, predicted, classes)
    from sklearn.metrics import confusion_matrix

    return confusion_matrix(true, found, labels=range(classes))


def class_report(labels: Any, predicted: Any, classes: Sequence[str]) -> dict[str, dict[str, float]]:
    """For each class by name its ``precision``, ``recall``, ``f1-score`` and ``support`` (how many there are).

    0 stands where a share has no rows.  ``sklearn.metrics.precision_recall_fscore_support``.
    Raises InputError where lengths differ or a number is no class.
    """
    true, found = _pair(labels, predicted, len(classes))
    from sklearn.metrics import precision_recall_fscore_support

    columns = precision_recall_fscore_support(true, found, labels=range(len(classes)), zero_division=0)
    names = ("precision", "recall", "f1-score", "support")
    return {
        name: dict(zip(names, map(float, row), strict=True)) for name, row in zip(classes, np.transpose(columns), strict=True)
    }


def _pair(labels: Any, predicted: Any, classes: int) -> tuple[np.ndarray, np.ndarray]:
    true, found = as_labels(labels, classes), as_labels(predicted, classes)
    if len(true) != len(found):
        raise InputError(
            f"Each label needs a prediction. Received: {len(true)} labels and {len(found)} predictions. Predict the same rows."
        )
    return true, found
