"""A net with dropout, its copy trained in a loop.

Wrong: the loop calls its copy with `training=False`, so nothing is dropped.
"""

import keras
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(33)
x = rng.normal(size=(320, 16)).astype("float32")
y = (x @ rng.normal(size=(16, 1)) * 0.3).astype("float32")
batch_size = 16


def regression_net():
    return keras.Sequential(
        [keras.Input((16,)), keras.layers.Dense(24, activation="relu"), keras.layers.Dropout(0.5, seed=1), keras.layers.Dense(1)]
    )


keras.utils.set_random_seed(33)
model = regression_net()
model.compile(optimizer=keras.optimizers.SGD(0.02), loss="mse")

copy = regression_net()
variables = copy.trainable_variables
sgd = keras.optimizers.SGD(0.02)
sgd.build(variables)


@tf.function
def step(x, y):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(copy(x, training=False) - y))
    sgd.apply(tape.gradient(loss, variables), variables)
    return loss


EXPECTED = ("dropout-mode",)
