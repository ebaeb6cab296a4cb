"""RMSprop by hand in TensorFlow, against a model compiled with the word "rmsprop".

Wrong: the loop's learning rate is 0.01; Keras's default is 0.001.
"""

import keras
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(4)
x = rng.normal(size=(640, 14)).astype("float32")
y = np.abs(x[:, :2]).astype("float32")

keras.utils.set_random_seed(4)
model = keras.Sequential([keras.Input((14,)), keras.layers.Dense(10, activation="softplus"), keras.layers.Dense(2)])
model.compile(optimizer="rmsprop", loss="mse")

variables = [tf.Variable(tf.random.truncated_normal(s, stddev=0.2)) for s in [(14, 10), (10,), (10, 2), (2,)]]
mean_squares = [tf.Variable(tf.zeros(v.shape), trainable=False) for v in variables]
RATE, RHO, EPSILON = 0.01, 0.9, 1e-7


@tf.function
def step(x, y):
    with tf.GradientTape() as tape:
        hidden = tf.math.softplus(tf.linalg.matmul(x, variables[0]) + variables[1])
        output = tf.nn.bias_add(tf.linalg.matmul(hidden, variables[2]), variables[3])
        loss = tf.reduce_mean(tf.math.squared_difference(output, y))
    for v, s, g in zip(variables, mean_squares, tape.gradient(loss, variables), strict=True):
        s.assign(RHO * s + (1 - RHO) * tf.square(g))
        v.assign_sub(RATE * g / tf.sqrt(s + EPSILON))
    return loss


EXPECTED = ("learning-rate-value",)
