"""Leaky ReLU as a layer in Keras and as `tf.nn.leaky_relu` in the loop.

Wrong: the layer's slope is 0.3 by default, the function's is 0.2.
"""

import keras
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(23)
x = rng.normal(size=(320, 12)).astype("float32")
y = x[:, :2] - np.abs(x[:, 2:4])
batch_size = 16

keras.utils.set_random_seed(23)
model = keras.Sequential(
    [keras.Input((12,)), keras.layers.Dense(10), keras.layers.LeakyReLU(), keras.layers.Dense(10), keras.layers.LeakyReLU()]
)
model.add(keras.layers.Dense(2))
model.compile(optimizer=keras.optimizers.Adagrad(0.05), loss="mse")

variables = [tf.Variable(w) for w in model.get_weights()]
adagrad = keras.optimizers.Adagrad(0.05)


def predict(batch):
    w1, b1, w2, b2, w3, b3 = variables
    batch = tf.nn.leaky_relu(batch @ w1 + b1)
    batch = tf.nn.leaky_relu(batch @ w2 + b2)
    return batch @ w3 + b3


def step(x, y):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((predict(x) - y) ** 2)
    adagrad.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
    return loss


EXPECTED = ("activation-differs",)
