"""Digits in NumPy: two layers, softmax and cross-entropy in one, and a velocity that is free of the learning rate.

Right: with one constant rate the two forms of momentum give the same steps.
"""

import keras
import numpy as np

from shared import load_digits

digits = load_digits()
some = np.random.default_rng(10).permutation(5000)[:640]
x, y = digits.x_train[some].astype("float32"), digits.y_train[some]

keras.utils.set_random_seed(10)
model = keras.Sequential(
    [keras.Input((400,)), keras.layers.Dense(20, activation="relu"), keras.layers.Dense(10, activation="softmax")]
)
model.compile(optimizer=keras.optimizers.SGD(0.05, momentum=0.9), loss="sparse_categorical_crossentropy")

variables = [w.copy() for w in model.get_weights()]
buffers = [np.zeros_like(v) for v in variables]


def step(x, y):
    x, y = np.asarray(x, "float32"), np.asarray(y).ravel()
    w1, b1, w2, b2 = variables
    h = (x @ w1 + b1).clip(min=0)
    z = h @ w2 + b2
    log_p = z - np.logaddexp.reduce(z, axis=1, keepdims=True)
    loss = -log_p[np.arange(len(y)), y].mean()
    d = (np.exp(log_p) - np.eye(10, dtype="float32")[y]) / np.float32(len(y))
    back = (d @ w2.T) * np.sign(h)
    for v, buffer, g in zip(variables, buffers, [x.T @ back, back.sum(0), h.T @ d, d.sum(0)], strict=True):
        buffer *= 0.9
        buffer += g
        v -= np.float32(0.05) * buffer
    return loss


EXPECTED = ()
