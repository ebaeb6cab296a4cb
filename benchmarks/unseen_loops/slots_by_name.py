"""Momentum by hand for a Keras net; the velocities live in a dictionary.

Wrong: the dictionary's key is `v.name`, which is "kernel" or "bias" for every layer. The layers have equal shapes, so nothing
fails, and three layers share two velocities.
"""

import keras
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(13)
x = rng.normal(size=(480, 8)).astype("float32")
y = np.tanh(x @ rng.normal(size=(8, 8)) * 0.5).astype("float32")
batch_size = 24

keras.utils.set_random_seed(13)
model = keras.Sequential(
    [
        keras.Input((8,)),
        keras.layers.Dense(8, activation="relu"),
        keras.layers.Dense(8, activation="relu"),
        keras.layers.Dense(8),
    ]
)
model.compile(optimizer=keras.optimizers.SGD(0.05, momentum=0.9), loss="mse")

twin = keras.models.clone_model(model)
variables = twin.trainable_variables
velocity = {v.name: tf.Variable(tf.zeros(v.shape)) for v in variables}


def step(x, y):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(twin(x, training=True) - y))
    gradients = tape.gradient(loss, variables)
    for v, g in zip(variables, gradients, strict=True):
        slot = velocity[v.name]
        slot.assign(0.9 * slot - 0.05 * g)
        v.assign_add(slot)
    return loss


EXPECTED = ("optimizer-slots-shared",)
