"""Steps that match, a history that does not.

Wrong: the loop measures loss and accuracy over the data after the epoch, with its last weights; `fit` gives the mean over the
batches, each measured before its own update.
"""

import keras
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(271)
x = rng.normal(size=(160, 6)).astype("float32")
y = (x[:, :1] + x[:, 1:2] > 0).astype("float32")
epochs = 3

keras.utils.set_random_seed(271)
model = keras.Sequential(
    [keras.Input((6,)), keras.layers.Dense(10, activation="relu"), keras.layers.Dense(1, activation="sigmoid")]
)
model.compile(optimizer=keras.optimizers.Adam(0.02), loss="binary_crossentropy", metrics=["accuracy"])


def run(weights, x, y):
    net = keras.models.clone_model(model)
    net.set_weights(weights)
    adam = keras.optimizers.Adam(0.02)
    bce = keras.losses.BinaryCrossentropy()
    for epoch in range(epochs):
        for i in range(0, len(x), 32):
            with tf.GradientTape() as tape:
                loss = bce(y[i : i + 32], net(x[i : i + 32], training=True))
            adam.apply_gradients(zip(tape.gradient(loss, net.trainable_variables), net.trainable_variables, strict=True))
            yield float(loss), net.get_weights()
        p = net(x)
        hits = np.mean((p.numpy() > 0.5) == (y > 0.5))
        yield {"epoch": epoch, "loss": float(bce(y, p)), "accuracy": float(hits)}


EXPECTED = ("epoch-metric-running",)
