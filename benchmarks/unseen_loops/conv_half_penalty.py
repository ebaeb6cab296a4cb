"""Digits as 20 x 20 pictures, one convolution written with `tf.nn`, an L2 penalty on the kernels.

Wrong: `tf.nn.l2_loss` is half the sum of squares; `keras.regularizers.L2` has no half.
"""

import keras
import numpy as np
import tensorflow as tf

from shared import load_digits

digits = load_digits()
take = np.random.default_rng(12).permutation(5000)[:160]
x = digits.x_train[take].reshape(-1, 20, 20, 1).astype("float32")
y = digits.y_train[take].ravel().astype("int64")
batch_size = 16
steps = 10
DECAY = 0.01

keras.utils.set_random_seed(12)
model = keras.Sequential(
    [
        keras.Input((20, 20, 1)),
        keras.layers.Conv2D(4, 5, strides=2, padding="same", activation="relu", kernel_regularizer=keras.regularizers.L2(DECAY)),
        keras.layers.Flatten(),
        keras.layers.Dense(10, kernel_regularizer=keras.regularizers.L2(DECAY)),
    ]
)
model.compile(optimizer=keras.optimizers.SGD(0.05), loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))

filters = tf.Variable(tf.random.normal((5, 5, 1, 4), stddev=0.1))
filter_bias = tf.Variable(tf.zeros(4))
dense = tf.Variable(tf.random.normal((400, 10), stddev=0.05))
dense_bias = tf.Variable(tf.zeros(10))
variables = [filters, filter_bias, dense, dense_bias]


@tf.function
def step(x, y):
    with tf.GradientTape() as tape:
        maps = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(x, filters, strides=2, padding="SAME"), filter_bias))
        logits = tf.matmul(tf.reshape(maps, [tf.shape(x)[0], -1]), dense) + dense_bias
        data = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits))
        loss = data + DECAY * (tf.nn.l2_loss(filters) + tf.nn.l2_loss(dense))
    for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
        variable.assign_sub(0.05 * gradient)
    return loss


EXPECTED = ("regularizer-halved",)
