"""GELU written out in the loop with its well-known formula.

Wrong: the formula is the tanh approximation; `activation="gelu"` in Keras is the exact one.
"""

import math

import keras
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(66)
x = rng.normal(scale=1.5, size=(640, 8)).astype("float32")
y = np.maximum(x @ rng.normal(size=(8, 1)), 0).astype("float32")

keras.utils.set_random_seed(66)
model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(16, activation="gelu"), keras.layers.Dense(1)])
model.compile(optimizer=keras.optimizers.SGD(0.02), loss="mse")

kernel_a, bias_a, kernel_b, bias_b = variables = [tf.Variable(w) for w in model.get_weights()]


def gelu(z):
    return 0.5 * z * (1.0 + tf.tanh(math.sqrt(2.0 / math.pi) * (z + 0.044715 * z**3)))


@tf.function
def step(x, y):
    with tf.GradientTape() as tape:
        out = gelu(x @ kernel_a + bias_a) @ kernel_b + bias_b
        loss = tf.reduce_mean(tf.square(out - y))
    for v, g in zip(variables, tape.gradient(loss, variables), strict=True):
        v.assign_sub(0.02 * g)
    return loss


EXPECTED = ("activation-differs",)
