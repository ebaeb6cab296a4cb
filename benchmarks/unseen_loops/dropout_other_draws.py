"""Dropout of 0.3 by a mask in the loop, by a layer in the model.

Wrong: nothing but the draws. The two sides drop different units, so they cannot agree step by step.
"""

import keras
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(303)
x = rng.normal(size=(640, 12)).astype("float32")
y = (x[:, 0] > 0.2).astype("int32")

keras.utils.set_random_seed(303)
model = keras.Sequential(
    [keras.Input((12,)), keras.layers.Dense(20, activation="relu"), keras.layers.Dropout(0.3), keras.layers.Dense(2)]
)
model.compile(optimizer=keras.optimizers.SGD(0.1), loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))

variables = [tf.Variable(w) for w in model.get_weights()]
generator = tf.random.Generator.from_seed(303)


def step(x, y):
    w1, b1, w2, b2 = variables
    with tf.GradientTape() as tape:
        h = tf.nn.relu(x @ w1 + b1)
        keep = tf.cast(generator.uniform(tf.shape(h)) >= 0.3, h.dtype)
        logits = (h * keep / 0.7) @ w2 + b2
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits))
    for v, g in zip(variables, tape.gradient(loss, variables), strict=True):
        v.assign_sub(0.1 * g)
    return loss


EXPECTED = ("dropout-mask",)
