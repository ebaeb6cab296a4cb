"""Two classes, Nesterov momentum and an L2 penalty in Keras; momentum by hand in the loop.

Wrong, twice: the penalty is left out of the loss, and the update is plain momentum.
"""

import keras
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(700)
x = rng.normal(size=(480, 9)).astype("float32")
y = (x[:, :4].sum(axis=1, keepdims=True) > 0.3).astype("float32")
batch_size = 24

keras.utils.set_random_seed(700)
model = keras.Sequential(
    [
        keras.Input((9,)),
        keras.layers.Dense(8, activation="relu", kernel_regularizer="l2"),
        keras.layers.Dense(1, kernel_regularizer="l2"),
    ]
)
model.compile(
    optimizer=keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True), loss=keras.losses.BinaryCrossentropy(from_logits=True)
)

variables = [tf.Variable(w) for w in model.get_weights()]
speed = [tf.Variable(tf.zeros_like(w)) for w in variables]


@tf.function
def step(x, y):
    with tf.GradientTape() as tape:
        z = tf.nn.relu(x @ variables[0] + variables[1]) @ variables[2] + variables[3]
        loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=z))
    for w, s, g in zip(variables, speed, tape.gradient(loss, variables), strict=True):
        s.assign(0.9 * s - 0.05 * g)
        w.assign_add(s)
    return loss


EXPECTED = ("regularizer-missing", "nesterov-missing")
BOTH = True
