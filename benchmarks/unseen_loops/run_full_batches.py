"""A `tf.data` pipeline feeds the loop, the arrays feed `fit`.

Wrong: `drop_remainder=True` loses the last six rows of each epoch.
"""

import keras
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(150)
x = rng.normal(size=(102, 5)).astype("float32")
y = (x[:, :1] - 2 * x[:, 1:2]).astype("float32")
batch_size = 16
epochs = 3

keras.utils.set_random_seed(150)
model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(6, activation="relu"), keras.layers.Dense(1)])
model.compile(optimizer=keras.optimizers.Adam(0.01), loss="mse")


def run(weights, x, y):
    net = keras.models.clone_model(model)
    net.set_weights(weights)
    optimizer = keras.optimizers.Adam(0.01)
    dataset = tf.data.Dataset.from_tensor_slices((x, y)).batch(batch_size, drop_remainder=True)
    for _ in range(epochs):
        for features, target in dataset:
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.square(net(features, training=True) - target))
            gradients = tape.gradient(loss, net.trainable_variables)
            optimizer.apply_gradients(zip(gradients, net.trainable_variables, strict=True))
            yield float(loss), net.get_weights()


EXPECTED = ("drop-remainder",)
