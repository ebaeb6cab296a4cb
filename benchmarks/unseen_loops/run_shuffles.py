"""A whole training run with epochs of its own, logistic regression in NumPy.

Wrong: the rows are shuffled before each epoch; the reference takes them in order.
"""

import keras
import numpy as np

rng = np.random.default_rng(45)
x = rng.normal(size=(160, 8)).astype("float32")
y = (x[:, :1] > 0).astype("float32")
batch_size = 32
epochs = 2

keras.utils.set_random_seed(45)
model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(1, activation="sigmoid")])
model.compile(optimizer=keras.optimizers.SGD(0.5), loss="binary_crossentropy")


def run(weights, x, y):
    w, b = (np.array(v, "float32") for v in weights)
    draws = np.random.default_rng(0)
    for _ in range(epochs):
        order = draws.permutation(len(x))
        for start in range(0, len(x), batch_size):
            xb, yb = x[order[start : start + batch_size]], y[order[start : start + batch_size]]
            p = 1 / (1 + np.exp(-(xb @ w + b)))
            loss = -np.mean(yb * np.log(p) + (1 - yb) * np.log(1 - p))
            w = w - 0.5 * xb.T @ (p - yb) / len(xb)
            b = b - 0.5 * (p - yb).mean(axis=0)
            yield loss, [w, b]


EXPECTED = ("batch-order",)
