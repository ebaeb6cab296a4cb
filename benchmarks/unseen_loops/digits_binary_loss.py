"""Digits with one-hot labels and a softmax output, trained with RMSprop by a loop of its own.

Wrong: the loop uses binary cross-entropy, which averages over the ten outputs; the model uses categorical cross-entropy.
"""

import keras
import numpy as np
import tensorflow as tf

from shared import load_digits

digits = load_digits()
chosen = np.random.default_rng(8).choice(5000, size=480, replace=False)
x = digits.x_train[chosen].astype("float32")
y = keras.utils.to_categorical(digits.y_train[chosen].ravel(), 10).astype("float32")
batch_size = 24

keras.utils.set_random_seed(8)
model = keras.Sequential(
    [keras.Input((400,)), keras.layers.Dense(20, activation="relu"), keras.layers.Dense(10, activation="softmax")]
)
model.compile(optimizer=keras.optimizers.RMSprop(1e-3), loss="categorical_crossentropy")

mine = keras.models.clone_model(model)
variables = mine.trainable_variables
rmsprop = keras.optimizers.RMSprop(1e-3)
bce = keras.losses.BinaryCrossentropy()


def step(x, y):
    with tf.GradientTape() as tape:
        loss = bce(y, mine(x))
    rmsprop.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
    return float(loss)


EXPECTED = ("binary-for-categorical",)
