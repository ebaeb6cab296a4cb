"""Label smoothing by hand on logits, as some papers define it.

Wrong: the 0.2 is shared among the other classes only; Keras shares it among all of them, the true one included.
"""

import keras
import numpy as np
import tensorflow as tf

SMOOTHING, CLASSES = 0.2, 4
rng = np.random.default_rng(40)
x = rng.normal(size=(256, 10)).astype("float32")
y = np.eye(CLASSES, dtype="float32")[np.argmax(x[:, :CLASSES], axis=1)]
batch_size, steps = 32, 16

keras.utils.set_random_seed(40)
model = keras.Sequential([keras.Input((10,)), keras.layers.Dense(14, activation="swish"), keras.layers.Dense(CLASSES)])
model.compile(
    optimizer=keras.optimizers.Adam(0.01),
    loss=keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=SMOOTHING),
)

mine = keras.models.clone_model(model)
variables = mine.trainable_variables
adam = keras.optimizers.Adam(0.01)


def step(x, y):
    targets = y * (1 - SMOOTHING) + (1 - y) * SMOOTHING / (CLASSES - 1)
    with tf.GradientTape() as tape:
        logits = mine(x, training=True)
        loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(labels=targets, logits=logits))
    adam.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
    return loss


EXPECTED = ("label-smoothing",)
