"""Three classes from four measurements. The loop learns, but more slowly than `fit`.

Wrong: the logits go through `tf.nn.softmax` and then into a loss that applies softmax itself.
"""

import keras
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(5)
centres = rng.normal(scale=2.0, size=(3, 4))
kind = rng.integers(0, 3, size=320)
x = (centres[kind] + rng.normal(size=(320, 4))).astype("float32")
y = kind.astype("int64")
batch_size = 16

keras.utils.set_random_seed(5)
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, activation="relu"), keras.layers.Dense(3)])
model.compile(optimizer=keras.optimizers.SGD(0.1), loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))

w1 = tf.Variable(keras.initializers.GlorotUniform(1)((4, 8)))
c1 = tf.Variable(tf.zeros([8]))
w2 = tf.Variable(keras.initializers.GlorotUniform(2)((8, 3)))
c2 = tf.Variable(tf.zeros([3]))
variables = [w1, c1, w2, c2]


def step(x, y):
    with tf.GradientTape() as tape:
        scores = tf.nn.relu(tf.matmul(x, w1) + c1) @ w2 + c2
        probabilities = tf.nn.softmax(scores)
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=probabilities))
    for v, g in zip(variables, tape.gradient(loss, variables), strict=True):
        v.assign_sub(0.1 * g)
    return loss.numpy()


EXPECTED = ("double-softmax", "probabilities-as-logits")
