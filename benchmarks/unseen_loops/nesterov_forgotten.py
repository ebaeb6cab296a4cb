"""A tiny convolutional net on pictures of stripes, SGD with momentum.

Wrong: the model is compiled with `nesterov=True`, the loop's optimiser has momentum only.
"""

import keras
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(31)
upright = rng.integers(0, 2, size=160)
pictures = np.zeros((160, 8, 8, 1), "float32")
for picture, flag in zip(pictures, upright, strict=True):
    line = rng.integers(1, 7)
    if flag:
        picture[:, line] = 1
    else:
        picture[line] = 1
x = pictures + rng.normal(scale=0.2, size=pictures.shape).astype("float32")
y = upright.astype("float32")[:, None]
batch_size = 8


def stripes():
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(4, 3, activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Flatten(),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )


keras.utils.set_random_seed(31)
model = stripes()
model.compile(optimizer=keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True), loss="binary_crossentropy")

loop_model = stripes()
variables = loop_model.trainable_variables
sgd = keras.optimizers.SGD(0.05, momentum=0.9)
sgd.build(variables)
loss_fn = keras.losses.BinaryCrossentropy()


@tf.function
def step(x, y):
    with tf.GradientTape() as tape:
        loss = loss_fn(y, loop_model(x, training=True))
    sgd.apply_gradients(zip(tape.gradient(loss, loop_model.trainable_variables), loop_model.trainable_variables, strict=True))
    return loss


EXPECTED = ("nesterov-missing",)
