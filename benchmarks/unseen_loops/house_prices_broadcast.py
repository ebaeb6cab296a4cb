"""House prices from eight figures, one linear output. The loop's loss stops at the variance of the prices.

Wrong: the labels have shape (rows,), the output has shape (rows, 1); their difference is (rows, rows).
"""

import keras
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(99)
x = rng.uniform(-1, 1, size=(500, 8)).astype("float32")
y = (x @ rng.normal(size=8) + 0.2 * rng.normal(size=500)).astype("float32")
batch_size = 25

keras.utils.set_random_seed(99)
model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(16, activation="relu"), keras.layers.Dense(1)])
model.compile(optimizer=keras.optimizers.SGD(learning_rate=0.05), loss="mse")

kernel1 = tf.Variable(tf.random.uniform((8, 16), -0.4, 0.4))
bias1 = tf.Variable(tf.zeros((16,)))
kernel2 = tf.Variable(tf.random.uniform((16, 1), -0.4, 0.4))
bias2 = tf.Variable(tf.zeros((1,)))
variables = [kernel1, bias1, kernel2, bias2]


@tf.function(reduce_retracing=True)
def step(x, y):
    with tf.GradientTape() as tape:
        prices = tf.nn.relu(x @ kernel1 + bias1) @ kernel2 + bias2
        loss = tf.reduce_mean(tf.math.squared_difference(prices, y))
    gradients = tape.gradient(loss, variables)
    for variable, gradient in zip(variables, gradients, strict=True):
        variable.assign_sub(0.05 * gradient)
    return loss


EXPECTED = ("labels-shape-broadcast",)
