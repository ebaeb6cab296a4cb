"""Two classes, functional model. A tidy function that holds everything a step needs.

Wrong: the optimiser is made anew in every step, so Adam forgets its moments and its count.
"""

import keras
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(77)
x = rng.uniform(size=(320, 5)).astype("float32")
y = (x[:, 0] * x[:, 1] > 0.25).astype("int32")[:, None]
batch_size = 16


def network():
    i = keras.Input((5,))
    h = keras.layers.Dense(8, activation="relu")(i)
    h = keras.layers.Dense(8, activation="relu")(h)
    return keras.Model(i, keras.layers.Dense(1)(h))


keras.utils.set_random_seed(77)
model = network()
model.compile(optimizer=keras.optimizers.Adam(0.01), loss=keras.losses.BinaryCrossentropy(from_logits=True))

own = network()
variables = own.trainable_variables


def step(x, y):
    optimizer = keras.optimizers.Adam(learning_rate=0.01)
    with tf.GradientTape() as tape:
        logits = own(x, training=True)
        loss = keras.losses.BinaryCrossentropy(from_logits=True)(y, logits)
    optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
    return loss


EXPECTED = ("optimizer-slots-reset",)
