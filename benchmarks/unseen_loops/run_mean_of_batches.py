"""A loop that steps as `fit` does and reports the epoch's loss and accuracy.

Wrong: the epoch's figures are the plain mean of the batches' figures; Keras weights each batch by its rows, and the last one
here has 4 of 100.
"""

import keras
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(500)
x = rng.normal(size=(100, 9)).astype("float32")
y = rng.integers(0, 3, size=(100,)).astype("int32")
batch_size = 32
epochs = 2

keras.utils.set_random_seed(500)
model = keras.Sequential([keras.Input((9,)), keras.layers.Dense(12, activation="relu"), keras.layers.Dense(3)])
model.compile(
    optimizer=keras.optimizers.SGD(0.1),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)


def run(weights, x, y):
    w1, b1, w2, b2 = params = [tf.Variable(w) for w in weights]
    for epoch in range(epochs):
        losses, accuracies = [], []
        for i in range(0, len(x), batch_size):
            xb, yb = tf.constant(x[i : i + batch_size]), tf.constant(y[i : i + batch_size])
            with tf.GradientTape() as tape:
                logits = tf.nn.relu(xb @ w1 + b1) @ w2 + b2
                loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=yb, logits=logits))
            for p, g in zip(params, tape.gradient(loss, params), strict=True):
                p.assign_sub(0.1 * g)
            losses.append(float(loss))
            accuracies.append(float(np.mean(np.argmax(logits, axis=1) == yb.numpy())))
            yield losses[-1], [p.numpy() for p in params]
        yield {"epoch": epoch, "loss": float(np.mean(losses)), "accuracy": float(np.mean(accuracies))}


EXPECTED = ("last-batch-weighting",)
