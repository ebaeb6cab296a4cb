"""A linear softmax classifier in NumPy, digits, Adam from memory.

Wrong: the moments start at zero and are used without the bias correction.
"""

import keras
import numpy as np

from shared import load_digits

digits = load_digits()
order = np.random.default_rng(2).permutation(5000)[:320]
x = digits.x_train[order].astype("float32")
y = digits.y_train[order]
batch_size = 16

keras.utils.set_random_seed(2)
model = keras.Sequential([keras.Input((400,)), keras.layers.Dense(10, activation="softmax")])
model.compile(optimizer=keras.optimizers.Adam(0.002), loss="sparse_categorical_crossentropy")

variables = [np.zeros((400, 10), "float32"), np.zeros((10,), "float32")]
moments = [(np.zeros_like(v), np.zeros_like(v)) for v in variables]


def step(x, y):
    x, y = np.asarray(x), np.asarray(y).ravel()
    z = x @ variables[0] + variables[1]
    z -= z.max(axis=1, keepdims=True)
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    loss = -np.mean(np.log(np.maximum(p[np.arange(len(y)), y], 1e-7)))
    p[np.arange(len(y)), y] -= 1
    p /= len(y)
    gradients = [x.T @ p, p.sum(axis=0)]
    for w, g, (m1, m2) in zip(variables, gradients, moments, strict=True):
        m1[...] = 0.9 * m1 + 0.1 * g
        m2[...] = 0.999 * m2 + 0.001 * np.square(g)
        w -= 0.002 * m1 / (np.sqrt(m2) + 1e-7)
    return loss


EXPECTED = ("adam-no-bias-correction",)
