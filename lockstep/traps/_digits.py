"""The small training that several traps are measured on: every fifth of the 5,000 digits, ten epochs, 320 steps."""

from typing import Any

import numpy as np

from shared import ModelSpec, TrainSpec, load_digits

MODEL = ModelSpec.mlp(400, 25, 15, 10)
TRAIN = TrainSpec(epochs=10, seed=1234)


def digits() -> tuple[np.ndarray, np.ndarray]:
    """x (1000, 400), y (1000, 1); a hundred of each digit."""
    given = load_digits()
    return given.x_train[::5], given.y_train[::5]


def fitted(trainer: Any, data: tuple[np.ndarray, np.ndarray]) -> tuple[float, float]:
    """Loss and accuracy of the last epoch, as the trainer itself reports them."""
    history = trainer.fit(data)
    return history.loss[-1], history.accuracy[-1]
