"""Gradient descent with momentum as a first course on neural nets writes it, in NumPy.

Wrong: the velocity is an average, `0.9 v + 0.1 g`; Keras adds the whole gradient, `0.9 v + g`.
"""

import keras
import numpy as np

rng = np.random.default_rng(55)
x = rng.normal(size=(640, 10)).astype("float32")
y = (x[:, :1] ** 2 - 0.5 * x[:, 1:2]).astype("float32")

keras.utils.set_random_seed(55)
model = keras.Sequential([keras.Input((10,)), keras.layers.Dense(12, activation="relu"), keras.layers.Dense(1)])
model.compile(optimizer=keras.optimizers.SGD(learning_rate=0.02, momentum=0.9), loss="mse")

W1, b1 = rng.normal(scale=0.3, size=(10, 12)).astype("float32"), np.zeros((12,), "float32")
W2, b2 = rng.normal(scale=0.3, size=(12, 1)).astype("float32"), np.zeros((1,), "float32")
variables = [W1, b1, W2, b2]
vdW1, vdb1, vdW2, vdb2 = (np.zeros_like(v) for v in variables)


def step(x, y):
    global vdW1, vdb1, vdW2, vdb2
    x, y = np.asarray(x), np.asarray(y)
    n = x.shape[0]
    Z1 = x @ W1 + b1
    A1 = np.maximum(Z1, 0)
    Yhat = A1 @ W2 + b2
    dY = 2 * (Yhat - y) / n
    dW2, db2 = A1.T @ dY, dY.sum(0)
    dZ1 = (dY @ W2.T) * (Z1 > 0)
    dW1, db1 = x.T @ dZ1, dZ1.sum(0)
    vdW1, vdb1 = 0.9 * vdW1 + 0.1 * dW1, 0.9 * vdb1 + 0.1 * db1
    vdW2, vdb2 = 0.9 * vdW2 + 0.1 * dW2, 0.9 * vdb2 + 0.1 * db2
    W1[...] -= 0.02 * vdW1
    b1[...] -= 0.02 * vdb1
    W2[...] -= 0.02 * vdW2
    b2[...] -= 0.02 * vdb2
    return np.mean((Yhat - y) ** 2)


EXPECTED = ("momentum-form",)
