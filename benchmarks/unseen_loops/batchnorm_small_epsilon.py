"""Batch normalisation by hand on the trainable variables only, three classes.

Wrong: epsilon is 1e-5; the Keras layer's default is 1e-3.
"""

import keras
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(101)
y = rng.integers(0, 3, size=320).astype("int32")
x = (0.3 * rng.normal(size=(3, 9))[y] + 0.3 * rng.normal(size=(320, 9))).astype("float32")
batch_size = 32
steps = 10

keras.utils.set_random_seed(101)
model = keras.Sequential([keras.Input((9,)), keras.layers.BatchNormalization(), keras.layers.Dense(3)])
model.compile(optimizer=keras.optimizers.Adam(0.01), loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))

gamma, beta = tf.Variable(tf.ones(9)), tf.Variable(tf.zeros(9))
kernel, bias = tf.Variable(tf.random.normal((9, 3), stddev=0.4)), tf.Variable(tf.zeros(3))
variables = [gamma, beta, kernel, bias]
optimizer = keras.optimizers.Adam(0.01)


def step(x, y):
    x = tf.convert_to_tensor(x)
    with tf.GradientTape() as tape:
        centred = x - tf.reduce_mean(x, axis=0)
        scaled = centred * tf.math.rsqrt(tf.reduce_mean(centred**2, axis=0) + 1e-5)
        logits = (scaled * gamma + beta) @ kernel + bias
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits))
    optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
    return loss


EXPECTED = ("batchnorm-epsilon",)
