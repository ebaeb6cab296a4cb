"""Batch normalisation by hand, moving statistics included, in the order of `model.weights`.

Wrong: the moving statistics keep one tenth of the old value at each step, a momentum of 0.1 read the wrong way round; the
model's layer keeps 0.9.
"""

import keras
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(7)
x = rng.gamma(2.0, size=(480, 6)).astype("float32")
y = np.log1p(x[:, :1] * x[:, 1:2]).astype("float32")
batch_size = 24

keras.utils.set_random_seed(7)
model = keras.Sequential(
    [
        keras.Input((6,)),
        keras.layers.Dense(7),
        keras.layers.BatchNormalization(momentum=0.9),
        keras.layers.ReLU(),
        keras.layers.Dense(1),
    ]
)
model.compile(optimizer=keras.optimizers.SGD(0.05), loss="mse")

w, b, gamma, beta = (tf.Variable(v) for v in model.get_weights()[:4])
running_mean, running_var = (tf.Variable(v, trainable=False) for v in model.get_weights()[4:6])
u, c = (tf.Variable(v) for v in model.get_weights()[6:])
variables = [w, b, gamma, beta, running_mean, running_var, u, c]
trainable = [w, b, gamma, beta, u, c]


@tf.function
def step(x, y):
    with tf.GradientTape() as tape:
        z = x @ w + b
        mean, var = tf.nn.moments(z, axes=[0])
        z = tf.nn.batch_normalization(z, mean, var, beta, gamma, 1e-3)
        loss = tf.reduce_mean(tf.square(tf.nn.relu(z) @ u + c - y))
    running_mean.assign(0.1 * running_mean + 0.9 * mean)
    running_var.assign(0.1 * running_var + 0.9 * var)
    for v, g in zip(trainable, tape.gradient(loss, trainable), strict=True):
        v.assign_sub(0.05 * g)
    return loss


EXPECTED = ("batchnorm-momentum",)
