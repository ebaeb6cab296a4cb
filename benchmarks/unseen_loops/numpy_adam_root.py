"""Logistic regression and its Adam in plain NumPy; the arrays are updated where they lie.

Wrong: epsilon stands under the square root.
"""

import keras
import numpy as np

rng = np.random.default_rng(17)
x = (rng.normal(size=(640, 6)) * np.array([1, 1, 0.1, 0.1, 0.01, 0.001])).astype("float32")
y = (x @ np.array([1.0, -1.0, 5.0, -5.0, 20.0, 90.0]) > 0).astype("float32").reshape(-1, 1)

keras.utils.set_random_seed(17)
model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(1, activation="sigmoid")])
model.compile(optimizer=keras.optimizers.Adam(learning_rate=0.01), loss="binary_crossentropy")

W = rng.normal(scale=0.3, size=(6, 1)).astype("float32")
b = np.zeros(1, dtype="float32")
variables = [W, b]
m = [np.zeros_like(p) for p in variables]
v = [np.zeros_like(p) for p in variables]
t = 0


def step(x, y):
    global t
    t += 1
    x, y = np.asarray(x), np.asarray(y)
    p = 1 / (1 + np.exp(-(x @ W + b)))
    error = (p - y) / len(x)
    for theta, g, first, second in zip(variables, [x.T @ error, error.sum(axis=0)], m, v, strict=True):
        first += 0.1 * (g - first)
        second += 0.001 * (g * g - second)
        rate = 0.01 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        theta -= (rate * first / np.sqrt(second + 1e-7)).astype("float32")
    p = np.clip(p, 1e-7, 1 - 1e-7)
    return float(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)))


EXPECTED = ("adam-epsilon-inside",)
