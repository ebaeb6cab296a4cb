"""Momentum with a falling learning rate, ported from another library.

Wrong: the loop keeps the velocity free of the learning rate and multiplies by it at the end. With one constant rate that is
the same as Keras's form; here the rate falls at every step and it is not.
"""

import keras
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(604)
labels = rng.integers(0, 4, 640)
x = (rng.normal(size=(4, 16))[labels] + rng.normal(size=(640, 16))).astype("float32")
y = labels.astype("int32")

schedule = keras.optimizers.schedules.ExponentialDecay(0.1, decay_steps=5, decay_rate=0.5)
keras.utils.set_random_seed(604)
model = keras.Sequential([keras.Input((16,)), keras.layers.Dense(11, activation="sigmoid"), keras.layers.Dense(4)])
model.compile(
    optimizer=keras.optimizers.SGD(schedule, momentum=0.9),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
)

variables = [tf.Variable(w) for w in model.get_weights()]
buffers = [tf.Variable(tf.zeros_like(v)) for v in variables]
iteration = tf.Variable(0.0)


@tf.function
def step(x, y):
    w, b, u, c = variables
    with tf.GradientTape() as tape:
        logits = tf.sigmoid(x @ w + b) @ u + c
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits))
    lr = 0.1 * 0.5 ** (iteration / 5.0)
    for param, buf, grad in zip(variables, buffers, tape.gradient(loss, variables), strict=True):
        buf.assign(0.9 * buf + grad)
        param.assign_sub(lr * buf)
    iteration.assign_add(1.0)
    return loss


EXPECTED = ("momentum-form",)
