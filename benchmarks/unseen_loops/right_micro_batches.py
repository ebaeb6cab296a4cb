"""A convolutional net whose batch of 32 is taken in four parts of 8, the gradients added up before the one update.

Right: the parts are equally large, each loss is divided by four, and no layer looks across rows.
"""

import keras
import numpy as np
import tensorflow as tf

from shared import load_digits

digits = load_digits()
index = np.random.default_rng(99).permutation(5000)[:320]
x = digits.x_train[index].reshape(-1, 20, 20, 1).astype("float32")
y = digits.y_train[index].astype("int32")
batch_size = 32
steps = 10


def picture_net():
    return keras.Sequential(
        [
            keras.Input((20, 20, 1)),
            keras.layers.Conv2D(4, 3, strides=2, activation="relu"),
            keras.layers.AveragePooling2D(pool_size=2),
            keras.layers.Flatten(),
            keras.layers.Dense(10),
        ]
    )


keras.utils.set_random_seed(99)
model = picture_net()
model.compile(
    optimizer=keras.optimizers.Adam(1e-3, global_clipnorm=0.5),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
)

net = picture_net()
variables = net.trainable_variables
adam = keras.optimizers.Adam(1e-3)
adam.build(variables)
summed = [tf.Variable(tf.zeros(v.shape)) for v in variables]


@tf.function
def part(x, y):
    with tf.GradientTape() as tape:
        each = keras.losses.sparse_categorical_crossentropy(y, net(x, training=True), from_logits=True)
        loss = tf.reduce_mean(each) / 4
    for total, gradient in zip(summed, tape.gradient(loss, variables), strict=True):
        total.assign_add(gradient)
    return loss


def step(x, y):
    x, y = tf.convert_to_tensor(x), tf.convert_to_tensor(y)
    for total in summed:
        total.assign(tf.zeros_like(total))
    loss = sum(part(xs, ys) for xs, ys in zip(tf.split(x, 4), tf.split(y, 4), strict=True))
    clipped, _ = tf.clip_by_global_norm([tf.convert_to_tensor(s) for s in summed], 0.5)
    adam.apply(clipped, variables)
    return loss


EXPECTED = ()
