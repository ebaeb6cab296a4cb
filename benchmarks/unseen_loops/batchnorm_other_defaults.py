"""Batch normalisation with the defaults of another library.

Wrong, twice: epsilon is 1e-5 where Keras has 1e-3, and the moving statistics keep 0.9 of the old value where Keras keeps 0.99.
"""

import keras
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(501)
x = (0.2 * rng.normal(size=(640, 8)) + 0.5).astype("float32")
y = (x[:, :1] + x[:, 1:2] > 1.0).astype("float32")

keras.utils.set_random_seed(501)
model = keras.Sequential(
    [
        keras.Input((8,)),
        keras.layers.Dense(6),
        keras.layers.BatchNormalization(),
        keras.layers.Activation("tanh"),
        keras.layers.Dense(1, activation="sigmoid"),
    ]
)
model.compile(optimizer=keras.optimizers.SGD(0.2), loss="binary_crossentropy")


class BatchNorm(tf.Module):
    def __init__(self, size, eps=1e-5, momentum=0.1):
        super().__init__()
        self.weight, self.bias = tf.Variable(tf.ones(size)), tf.Variable(tf.zeros(size))
        self.mean, self.var = tf.Variable(tf.zeros(size), trainable=False), tf.Variable(tf.ones(size), trainable=False)
        self.eps, self.momentum = eps, momentum

    def __call__(self, z):
        mean, var = tf.math.reduce_mean(z, 0), tf.math.reduce_variance(z, 0)
        self.mean.assign((1 - self.momentum) * self.mean + self.momentum * mean)
        self.var.assign((1 - self.momentum) * self.var + self.momentum * var)
        return (z - mean) / tf.sqrt(var + self.eps) * self.weight + self.bias


bn = BatchNorm(6)
w, b = tf.Variable(tf.random.normal((8, 6), stddev=0.3)), tf.Variable(tf.zeros(6))
v, c = tf.Variable(tf.random.normal((6, 1), stddev=0.3)), tf.Variable(tf.zeros(1))
variables = [w, b, bn.weight, bn.bias, bn.mean, bn.var, v, c]


@tf.function
def step(x, y):
    learnt = [w, b, bn.weight, bn.bias, v, c]
    with tf.GradientTape() as tape:
        logits = tf.tanh(bn(x @ w + b)) @ v + c
        loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(y, logits))
    for variable, gradient in zip(learnt, tape.gradient(loss, learnt), strict=True):
        variable.assign_sub(0.2 * gradient)
    return loss


EXPECTED = ("batchnorm-epsilon", "batchnorm-momentum")
BOTH = True
