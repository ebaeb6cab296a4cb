"""A regression small enough for forward differentiation: one Jacobian-vector product for each single weight.

Right: slow, but the gradient is the same. Nesterov's step is written with the velocity looked ahead.
"""

import keras
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(6)
x = rng.normal(size=(160, 3)).astype("float32")
y = (x @ np.array([[0.5], [-1.0], [2.0]]) + 0.1).astype("float32")
batch_size = 8

keras.utils.set_random_seed(6)
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
model.compile(optimizer=keras.optimizers.SGD(0.02, momentum=0.5, nesterov=True), loss="mse")

variables = [tf.Variable(tf.zeros((3, 1))), tf.Variable(tf.zeros((1,)))]
velocities = [tf.Variable(tf.zeros_like(v)) for v in variables]


def loss_of(x, y):
    return tf.reduce_mean(tf.square(x @ variables[0] + variables[1] - y))


def slope(x, y, variable):
    entries = []
    for direction in tf.eye(tf.size(variable)):
        with tf.autodiff.ForwardAccumulator(variable, tf.reshape(direction, variable.shape)) as accumulator:
            loss = loss_of(x, y)
        entries.append(accumulator.jvp(loss))
    return tf.reshape(tf.stack(entries), variable.shape)


def step(x, y):
    loss = loss_of(x, y)
    slopes = [slope(x, y, v) for v in variables]
    for v, u, g in zip(variables, velocities, slopes, strict=True):
        u.assign(0.5 * u + g)
        v.assign_sub(0.02 * (g + 0.5 * u))
    return loss


EXPECTED = ()
