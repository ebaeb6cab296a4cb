"""A worker computes gradients, a server applies them. The worker fetches the weights now and then.

Wrong: the worker fetches them only at every fourth step and works with old ones in between.
"""

import keras
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(19)
x = rng.normal(size=(640, 8)).astype("float32")
y = (x[:, :1] * x[:, 1:2] > 0).astype("float32")

keras.utils.set_random_seed(19)
model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(16, activation="relu"), keras.layers.Dense(1)])
model.compile(optimizer=keras.optimizers.SGD(0.2), loss=keras.losses.BinaryCrossentropy(from_logits=True))

variables = [tf.Variable(w) for w in model.get_weights()]  # the server's
worker = [tf.Variable(w) for w in model.get_weights()]
calls = 0


def step(x, y):
    global calls
    if calls % 4 == 0:
        for mine, theirs in zip(worker, variables, strict=True):
            mine.assign(theirs)
    calls += 1
    with tf.GradientTape() as tape:
        logits = tf.nn.relu(x @ worker[0] + worker[1]) @ worker[2] + worker[3]
        loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=logits))
    for server, gradient in zip(variables, tape.gradient(loss, worker), strict=True):
        server.assign_sub(0.2 * gradient)
    return loss


EXPECTED = ("gradient-of-stale-weights",)
