"""Which customers leave: two classes, a net that ends in a sigmoid, Adam.

Wrong: the net's output is already a probability and is handed to `tf.nn.sigmoid_cross_entropy_with_logits`.
"""

import keras
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(21)
x = rng.normal(size=(640, 15)).astype("float32")
y = (x[:, :3].sum(axis=1, keepdims=True) + 0.5 * rng.normal(size=(640, 1)) > 0).astype("float32")


def build():
    return keras.Sequential(
        [keras.Input((15,)), keras.layers.Dense(10, activation="relu"), keras.layers.Dense(1, activation="sigmoid")]
    )


keras.utils.set_random_seed(21)
model = build()
model.compile(optimizer=keras.optimizers.Adam(0.005), loss="binary_crossentropy")

net = build()
variables = net.trainable_variables
adam = keras.optimizers.Adam(0.005)
adam.build(variables)


@tf.function
def step(x, y):
    with tf.GradientTape() as tape:
        out = net(x, training=True)
        loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=tf.cast(y, out.dtype), logits=out))
    adam.apply(tape.gradient(loss, variables), variables)
    return loss


EXPECTED = ("probabilities-as-logits",)
