"""Adagrad by hand, from its formula.

Wrong: the accumulators start at zero; Keras starts them at 0.1. There is no code for that, and none of the others is true.
"""

import keras
import numpy as np

rng = np.random.default_rng(2011)
x = rng.normal(size=(640, 7)).astype("float32")
y = (x @ rng.normal(size=(7, 2))).astype("float32")

keras.utils.set_random_seed(2011)
model = keras.Sequential([keras.Input((7,)), keras.layers.Dense(2)])
model.compile(optimizer=keras.optimizers.Adagrad(learning_rate=0.1), loss="mse")

A = np.zeros((7, 2), dtype="float32")
c = np.zeros((2,), dtype="float32")
variables = [A, c]
sums = [np.zeros_like(A), np.zeros_like(c)]


def step(x, y):
    x, y = np.asarray(x), np.asarray(y)
    r = x @ A + c - y
    for theta, total, g in zip(variables, sums, (2 * x.T @ r / r.size, 2 * r.sum(0) / r.size), strict=True):
        total += g**2
        theta -= 0.1 * g / np.sqrt(total + 1e-7)
    return float(np.mean(r**2))


EXPECTED = ("unknown",)
