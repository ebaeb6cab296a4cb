"""AdamW in Keras, Adam with weight decay in the loop.

Wrong: the decay is added to the gradient, as an L2 penalty would be, and so passes through Adam's moments.
"""

import keras
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(1711)
x = rng.normal(size=(480, 11)).astype("float32")
y = rng.integers(0, 3, size=(480,)).astype("int32")
x[np.arange(480), y] += 2
batch_size = 24
LEARNING_RATE, WEIGHT_DECAY = 0.01, 0.05


def make():
    return keras.Sequential([keras.Input((11,)), keras.layers.Dense(9, activation="relu"), keras.layers.Dense(3)])


keras.utils.set_random_seed(1711)
model = make()
model.compile(
    optimizer=keras.optimizers.AdamW(LEARNING_RATE, weight_decay=WEIGHT_DECAY),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
)

other = make()
variables = other.trainable_variables
adam = keras.optimizers.Adam(LEARNING_RATE)


def step(x, y):
    with tf.GradientTape() as tape:
        logits = other(x)
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits))
    grads = [g + WEIGHT_DECAY * v for g, v in zip(tape.gradient(loss, variables), variables, strict=True)]
    adam.apply_gradients(zip(grads, variables, strict=True))
    return loss


EXPECTED = ("decay-coupled",)
