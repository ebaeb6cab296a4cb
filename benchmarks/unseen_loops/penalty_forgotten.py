"""Ridge-like regression: a net whose layers carry an L2 penalty, trained with the net itself in a tape.

Wrong: the loop takes the data's loss and leaves `net.losses` out.
"""

import keras
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(202)
x = rng.normal(size=(300, 20)).astype("float32")
y = (x[:, :5].mean(axis=1, keepdims=True)).astype("float32")
batch_size = 15


def ridge():
    l2 = keras.regularizers.L2(0.02)
    return keras.Sequential(
        [
            keras.Input((20,)),
            keras.layers.Dense(10, activation="relu", kernel_regularizer=l2),
            keras.layers.Dense(1, kernel_regularizer=l2),
        ]
    )


keras.utils.set_random_seed(202)
model = ridge()
model.compile(optimizer=keras.optimizers.Adam(0.003), loss="mse")

net = ridge()
variables = net.trainable_variables
adam = keras.optimizers.Adam(0.003)


@tf.function
def train(x, y):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(keras.losses.mean_squared_error(y, net(x, training=True)))
    adam.apply(tape.gradient(loss, variables), variables)
    return loss


adam.build(variables)


def step(x, y):
    return float(train(tf.constant(x), tf.constant(y)))


EXPECTED = ("regularizer-missing",)
