"""Everything in double precision: model, loss, data and loop. AdamW, its decay taken off the weights before the step.

Right. The constants are exact in single precision too, because Keras rounds its learning rate and betas to it even here.
"""

import keras
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(128)
x = rng.normal(size=(320, 6)).astype("float32").astype("float64")
y = (x[:, :1] * 0.5 + np.sin(x[:, 1:2])).astype("float32").astype("float64")
batch_size = 16
RATE, DECAY, BETA_1, BETA_2 = 1 / 64, 1 / 32, 1 - 1 / 8, 1 - 1 / 1024

keras.utils.set_random_seed(128)
inputs = keras.Input((6,), dtype="float64")
hidden = keras.layers.Dense(8, activation="tanh", dtype="float64")(inputs)
model = keras.Model(inputs, keras.layers.Dense(1, dtype="float64")(hidden))
model.compile(
    optimizer=keras.optimizers.AdamW(RATE, weight_decay=DECAY, beta_1=BETA_1, beta_2=BETA_2),
    loss=keras.losses.MeanSquaredError(dtype="float64"),
)

variables = [tf.Variable(w, dtype=tf.float64) for w in model.get_weights()]
m = [tf.Variable(tf.zeros_like(w)) for w in variables]
v = [tf.Variable(tf.zeros_like(w)) for w in variables]
t = tf.Variable(0.0, dtype=tf.float64)


@tf.function
def step(x, y):
    x, y = tf.cast(x, tf.float64), tf.cast(y, tf.float64)
    w1, b1, w2, b2 = variables
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(tf.tanh(x @ w1 + b1) @ w2 + b2 - y))
    t.assign_add(1.0)
    rate = RATE * tf.sqrt(1 - BETA_2**t) / (1 - BETA_1**t)
    for w, a, b, g in zip(variables, m, v, tape.gradient(loss, variables), strict=True):
        a.assign(BETA_1 * a + (1 - BETA_1) * g)
        b.assign(BETA_2 * b + (1 - BETA_2) * g * g)
        w.assign(w * (1 - RATE * DECAY) - rate * a / (tf.sqrt(b) + 1e-7))
    return loss


EXPECTED = ()
