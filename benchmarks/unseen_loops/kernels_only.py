"""Backpropagation in NumPy for two layers with tanh, gradient descent.

Wrong: the update runs over the kernels and skips the biases.
"""

import keras
import numpy as np

rng = np.random.default_rng(61)
x = rng.normal(loc=0.5, size=(400, 3)).astype("float32")
y = (np.cos(x[:, 0:1]) + x[:, 1:2] * 0.3 + 0.7).astype("float32")
batch_size = 20

keras.utils.set_random_seed(61)
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(10, activation="tanh"), keras.layers.Dense(1)])
model.compile(optimizer=keras.optimizers.SGD(0.1), loss="mean_squared_error")

variables = [w.copy() for w in model.get_weights()]


def gradients(x, y):
    w1, b1, w2, b2 = variables
    h = np.tanh(x @ w1 + b1)
    difference = h @ w2 + b2 - y
    d_out = 2 * difference / difference.size
    d_h = d_out @ w2.T * (1 - h**2)
    return np.mean(difference**2), {0: x.T @ d_h, 1: d_h.sum(0), 2: h.T @ d_out, 3: d_out.sum(0)}


def step(x, y):
    loss, slopes = gradients(np.asarray(x), np.asarray(y))
    for layer in range(2):
        variables[2 * layer] -= 0.1 * slopes[2 * layer]
    return loss


EXPECTED = ("bias-not-updated",)
