"""A model compiled with `clipvalue`, its owner's loop written before that was added.

Wrong: the loop does not clip at all.
"""

import keras
import numpy as np

rng = np.random.default_rng(123)
x = rng.normal(size=(640, 4)).astype("float32")
y = (x @ np.array([[4.0], [-3.0], [2.0], [0.05]]) + 1).astype("float32")

keras.utils.set_random_seed(123)
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
model.compile(optimizer=keras.optimizers.SGD(0.1, clipvalue=0.5), loss="mse")

slope, intercept = np.zeros((4, 1), "float32"), np.zeros((1,), "float32")
variables = [slope, intercept]


def step(x, y):
    residual = np.asarray(x) @ slope + intercept - np.asarray(y)
    slope[:] -= 0.1 * 2 * np.asarray(x).T @ residual / len(residual)
    intercept[:] -= 0.1 * 2 * residual.mean(axis=0)
    return float(np.mean(residual**2))


EXPECTED = ("gradient-clipping",)
