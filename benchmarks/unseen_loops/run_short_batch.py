"""Softmax regression in NumPy with mini-batches, the last of which is short.

Wrong: every batch's sum is divided by `batch_size`, the short one's too, so its gradient and loss are too small.
"""

import keras
import numpy as np

rng = np.random.default_rng(36)
labels = rng.integers(0, 3, size=110)
x = (rng.normal(size=(3, 6))[labels] + rng.normal(size=(110, 6))).astype("float32")
y = np.eye(3, dtype="float32")[labels]
batch_size = 32
epochs = 3

keras.utils.set_random_seed(36)
model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(3, activation="softmax")])
model.compile(optimizer=keras.optimizers.SGD(0.3), loss="categorical_crossentropy")


def run(weights, x, y):
    theta, offset = (np.array(w) for w in weights)
    for _ in range(epochs):
        for i in range(0, len(x), batch_size):
            xb, yb = x[i : i + batch_size], y[i : i + batch_size]
            scores = xb @ theta + offset
            e = np.exp(scores - scores.max(axis=1, keepdims=True))
            p = e / e.sum(axis=1, keepdims=True)
            loss = -np.sum(yb * np.log(p)) / batch_size
            theta -= 0.3 * xb.T @ (p - yb) / batch_size
            offset -= 0.3 * (p - yb).sum(axis=0) / batch_size
            yield float(loss), [theta.copy(), offset.copy()]


EXPECTED = ("last-batch-weighting",)
