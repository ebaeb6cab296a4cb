"""An Adam class of one's own inside a `tf.function`, on a regression net with two branches.

Wrong: the step counter is a Python number, so that tracing keeps it at one for ever.
"""

import keras
import numpy as np
import tensorflow as tf

gen = np.random.default_rng(314)
x = gen.normal(size=(640, 9)).astype("float32")
y = np.sin(x[:, :1]).astype("float32") + 0.3 * x[:, 1:2]

keras.utils.set_random_seed(314)
inputs = keras.Input((9,))
left = keras.layers.Dense(6, activation="relu", name="left")(inputs)
right = keras.layers.Dense(6, activation="tanh", name="right")(inputs)
model = keras.Model(inputs, keras.layers.Dense(1, name="head")(keras.layers.Concatenate()([left, right])))
model.compile(optimizer=keras.optimizers.Adam(3e-3), loss=keras.losses.MeanSquaredError())


class HandAdam:
    def __init__(self, variables, lr):
        self.variables, self.lr, self.t = variables, lr, 0
        self.m = [tf.Variable(tf.zeros(v.shape)) for v in variables]
        self.v = [tf.Variable(tf.zeros(v.shape)) for v in variables]

    def apply(self, gradients):
        self.t += 1
        lr = self.lr * (1 - 0.999**self.t) ** 0.5 / (1 - 0.9**self.t)
        for var, g, m, v in zip(self.variables, gradients, self.m, self.v, strict=True):
            m.assign_add((g - m) * 0.1)
            v.assign_add((g * g - v) * 0.001)
            var.assign_sub(lr * m / (tf.sqrt(v) + 1e-7))


variables = [tf.Variable(tf.random.normal(w.shape, stddev=0.3)) for w in model.trainable_variables]
optimizer = HandAdam(variables, 3e-3)


@tf.function
def step(x, y):
    wl, bl, wr, br, wh, bh = variables
    with tf.GradientTape() as tape:
        joined = tf.concat([tf.nn.relu(x @ wl + bl), tf.tanh(x @ wr + br)], axis=1)
        loss = tf.reduce_mean(tf.square(y - (joined @ wh + bh)))
    optimizer.apply(tape.gradient(loss, variables))
    return loss


EXPECTED = ("adam-frozen-counter",)
