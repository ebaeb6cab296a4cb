"""Three targets regressed on twelve sensor readings, plain gradient descent.

Wrong: the model is compiled with `reduction="sum"`, the loop takes the mean over the batch.
"""

import keras
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(11)
x = rng.normal(size=(400, 12)).astype("float32")
y = (x @ rng.normal(size=(12, 3)) * 0.4 + 0.1 * rng.normal(size=(400, 3))).astype("float32")
batch_size = 20

keras.utils.set_random_seed(11)
inputs = keras.Input((12,), name="sensors")
hidden = keras.layers.Dense(9, activation="tanh")(inputs)
model = keras.Model(inputs, keras.layers.Dense(3)(hidden))
model.compile(optimizer=keras.optimizers.SGD(0.005), loss=keras.losses.MeanSquaredError(reduction="sum"))

params = {
    "w_in": tf.Variable(tf.random.normal((12, 9), stddev=0.3)),
    "b_in": tf.Variable(tf.zeros(9)),
    "w_out": tf.Variable(tf.random.normal((9, 3), stddev=0.3)),
    "b_out": tf.Variable(tf.zeros(3)),
}
variables = list(params.values())


@tf.function
def step(x, y):
    with tf.GradientTape() as tape:
        h = tf.tanh(tf.matmul(x, params["w_in"]) + params["b_in"])
        guess = tf.matmul(h, params["w_out"]) + params["b_out"]
        loss = tf.reduce_mean(tf.square(guess - y))
    for variable, slope in zip(variables, tape.gradient(loss, variables), strict=True):
        variable.assign_sub(0.005 * slope)
    return loss


EXPECTED = ("loss-mean-not-sum",)
