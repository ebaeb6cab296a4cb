"""Digits with a small dense net and Adam. The weights follow Keras for a while, the printed loss never does.

Wrong: the loss is summed over the batch, where the compiled model takes the mean.
"""

import keras
import numpy as np
import tensorflow as tf

from shared import load_digits

keras.utils.set_random_seed(3)
digits = load_digits()
rows = np.random.default_rng(3).permutation(5000)[:640]
x = digits.x_train[rows].astype("float32")
y = digits.y_train[rows].astype("int32")

model = keras.Sequential(
    [
        keras.Input((400,)),
        keras.layers.Dense(25, activation="relu"),
        keras.layers.Dense(15, activation="relu"),
        keras.layers.Dense(10),
    ]
)
model.compile(optimizer=keras.optimizers.Adam(1e-3), loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))

W1, b1 = tf.Variable(tf.random.normal((400, 25), stddev=0.05)), tf.Variable(tf.zeros(25))
W2, b2 = tf.Variable(tf.random.normal((25, 15), stddev=0.2)), tf.Variable(tf.zeros(15))
W3, b3 = tf.Variable(tf.random.normal((15, 10), stddev=0.2)), tf.Variable(tf.zeros(10))
variables = [W1, b1, W2, b2, W3, b3]
optimizer = keras.optimizers.Adam(1e-3)


def forward(batch):
    a1 = tf.nn.relu(batch @ W1 + b1)
    a2 = tf.nn.relu(a1 @ W2 + b2)
    return a2 @ W3 + b3


def step(x, y):
    x = tf.cast(x, tf.float32)
    labels = tf.reshape(tf.cast(y, tf.int32), [-1])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=forward(x)))
    optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
    return loss


EXPECTED = ("loss-sum-not-mean",)
