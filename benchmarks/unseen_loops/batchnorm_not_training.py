"""Batch normalisation between two dense layers, the net called in a tape.

Wrong: the net is called as `net(x)`, which outside `fit` means inference: the moving statistics are used and never change.
"""

import keras
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(88)
x = rng.normal(loc=1.0, scale=3.0, size=(640, 10)).astype("float32")
y = (x[:, :1] > x[:, 1:2]).astype("float32")


def build():
    i = keras.Input((10,))
    h = keras.layers.Dense(8, use_bias=False)(i)
    h = keras.layers.BatchNormalization()(h)
    h = keras.layers.Activation("relu")(h)
    return keras.Model(i, keras.layers.Dense(1, activation="sigmoid")(h))


keras.utils.set_random_seed(88)
model = build()
model.compile(optimizer=keras.optimizers.SGD(0.1), loss="binary_crossentropy")

net = build()
variables = net.weights
sgd = keras.optimizers.SGD(0.1)
bce = keras.losses.BinaryCrossentropy()


def step(x, y):
    with tf.GradientTape() as tape:
        loss = bce(y, net(x))
    sgd.apply_gradients(zip(tape.gradient(loss, net.trainable_weights), net.trainable_weights, strict=True))
    return loss


EXPECTED = ("batchnorm-mode",)
