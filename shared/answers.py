"""How answers are read: which function turns logits into probabilities."""

import numpy as np

from shared.errors import InputError
from shared.spec import ModelSpec, TrainSpec


def link(model: ModelSpec, train: TrainSpec) -> str:
    """``"softmax"`` or ``"sigmoid"``, as the loss means the logits.

    Raises:
        InputError: a regression has no probabilities.
    """
    if train.loss == "mean_squared_error":
        raise InputError("Probabilities belong to a classifier. Received: loss='mean_squared_error'. Use predict().")
    return "sigmoid" if train.loss == "binary_crossentropy" else "softmax"


def both(probabilities: np.ndarray) -> np.ndarray:
    """Of a single column (n, 1), the probability of 1, both: (n, 2). More columns stay as they are."""
    return probabilities if probabilities.shape[1] > 1 else np.hstack([1 - probabilities, probabilities])
