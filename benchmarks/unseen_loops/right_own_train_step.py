"""A subclass of `keras.Model` with its own `train_step`, with batch normalisation and an L2 penalty, used as the loop.

Right: its step is what `fit` does, written out.
"""

import keras
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(2024)
x = rng.normal(size=(480, 10)).astype("float32")
y = (x[:, :1] + np.abs(x[:, 1:2]) > 0.8).astype("float32")
batch_size = 24


class OwnStep(keras.Model):
    def train_step(self, data):
        features, target, _ = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            guess = self(features, training=True)
            penalty = tf.add_n(self.losses)
            loss = tf.reduce_mean(keras.losses.binary_crossentropy(target, guess)) + penalty
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        return {"loss": loss}


def make(kind):
    i = keras.Input((10,))
    h = keras.layers.Dense(8, activation="relu", kernel_regularizer=keras.regularizers.L2(0.01))(i)
    h = keras.layers.BatchNormalization()(h)
    net = kind(i, keras.layers.Dense(1, activation="sigmoid")(h))
    net.compile(optimizer=keras.optimizers.RMSprop(0.002), loss="binary_crossentropy")
    return net


keras.utils.set_random_seed(2024)
model = make(keras.Model)
other = make(OwnStep)
variables = other.trainable_variables


def step(x, y):
    return other.train_on_batch(x, y, return_dict=True)["loss"]


EXPECTED = ()
