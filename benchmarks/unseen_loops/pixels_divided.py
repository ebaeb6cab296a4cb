"""Pictures of bytes, a small convolutional net, the loop with its own copy of the net.

Wrong: the loop divides the pixels by 255, `fit` is given them as they are, and the model has no `Rescaling` layer.
"""

import keras
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(256)
y = rng.integers(0, 3, size=(160, 1)).astype("int32")
x = rng.integers(0, 120, size=(160, 9, 9, 3)).astype("float32")
for picture, label in zip(x, y.ravel(), strict=True):
    picture[3 * label : 3 * label + 3, :, label] += 100
batch_size = 16
steps = 20


def small_net():
    return keras.Sequential(
        [
            keras.Input((9, 9, 3)),
            keras.layers.Conv2D(3, 3, strides=3, activation="relu"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(3),
        ]
    )


keras.utils.set_random_seed(256)
model = small_net()
model.compile(optimizer=keras.optimizers.Adam(1e-3), loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))

copy = small_net()
variables = copy.trainable_variables
adam = keras.optimizers.Adam(1e-3)
adam.build(variables)
loss_function = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


@tf.function
def step(x, y):
    pixels = tf.cast(x, tf.float32) / 255.0
    with tf.GradientTape() as tape:
        loss = loss_function(y, copy(pixels, training=True))
    adam.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
    return loss


EXPECTED = ("input-scaling",)
