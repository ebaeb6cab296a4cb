"""A loop made faster: the products are taken in half precision, the weights are kept in single.

Wrong: the reference computes in float32 throughout, the loop's forward pass in float16.
"""

import keras
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(16)
x = rng.normal(size=(640, 20)).astype("float32")
y = rng.integers(0, 4, size=640).astype("int32")
x[np.arange(640), y] += 1.5

keras.utils.set_random_seed(16)
model = keras.Sequential([keras.Input((20,)), keras.layers.Dense(16, activation="relu"), keras.layers.Dense(4)])
model.compile(optimizer=keras.optimizers.SGD(0.1), loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))

variables = [tf.Variable(w) for w in model.get_weights()]


@tf.function
def step(x, y):
    with tf.GradientTape() as tape:
        w1, b1, w2, b2 = (tf.cast(v, tf.float16) for v in variables)
        h = tf.nn.relu(tf.cast(x, tf.float16) @ w1 + b1)
        logits = tf.cast(h @ w2 + b2, tf.float32)
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits))
    for v, g in zip(variables, tape.gradient(loss, variables), strict=True):
        v.assign_sub(0.1 * g)
    return loss


EXPECTED = ("dtype",)
