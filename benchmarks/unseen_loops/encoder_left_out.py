"""An encoder and a head, kept as two lists of variables.

Wrong: the gradients are taken for the head alone; the encoder keeps its first weights.
"""

import keras
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(42)
x = rng.normal(size=(512, 18)).astype("float32")
y = np.digitize(x[:, 0] + x[:, 1], [-0.7, 0.7]).astype("int32").reshape(-1, 1)

keras.utils.set_random_seed(42)
inputs = keras.Input((18,))
code = keras.layers.Dense(6, activation="relu", name="encoder")(inputs)
hidden = keras.layers.Dense(6, activation="relu", name="head_1")(code)
outputs = keras.layers.Dense(3, activation="softmax", name="head_2")(hidden)
model = keras.Model(inputs, outputs)
model.compile(optimizer=keras.optimizers.Adam(0.004), loss="sparse_categorical_crossentropy")

encoder = [tf.Variable(tf.random.normal((18, 6), stddev=0.25)), tf.Variable(tf.zeros((6,)))]
head = [
    tf.Variable(tf.random.normal((6, 6), stddev=0.4)),
    tf.Variable(tf.zeros((6,))),
    tf.Variable(tf.random.normal((6, 3), stddev=0.4)),
    tf.Variable(tf.zeros((3,))),
]
variables = encoder + head
optimizer = keras.optimizers.Adam(0.004)
optimizer.build(head)


@tf.function
def step(x, y):
    with tf.GradientTape() as tape:
        h = tf.nn.relu(x @ encoder[0] + encoder[1])
        h = tf.nn.relu(h @ head[0] + head[1])
        p = tf.nn.softmax(h @ head[2] + head[3])
        loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(y, p))
    optimizer.apply(tape.gradient(loss, head), head)
    return loss


EXPECTED = ("layer-not-trained",)
