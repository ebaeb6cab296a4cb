"""Steep regression with clipped gradients.

Wrong: `clipnorm=1.0` in Keras clips each gradient by its own norm; the loop clips all of them by their common norm.
"""

import keras
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(808)
x = rng.normal(size=(640, 5)).astype("float32")
y = (10 * x[:, :1] - 7 * x[:, 1:2] + 3).astype("float32")

keras.utils.set_random_seed(808)
model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(6, activation="relu"), keras.layers.Dense(1)])
model.compile(optimizer=keras.optimizers.SGD(0.05, clipnorm=1.0), loss="mse")

variables = [tf.Variable(w) for w in model.get_weights()]


def step(x, y):
    w1, b1, w2, b2 = variables
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(tf.nn.relu(x @ w1 + b1) @ w2 + b2 - y))
    clipped, _ = tf.clip_by_global_norm(tape.gradient(loss, variables), 1.0)
    for v, g in zip(variables, clipped, strict=True):
        v.assign_sub(0.05 * g)
    return loss


EXPECTED = ("gradient-clipping",)
