"""Five classes, one-hot labels, softmax output; the cross-entropy written out with a logarithm.

Wrong: the model is compiled with `label_smoothing=0.1` and the loop uses the labels as they are.
"""

import keras
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(1066)
labels = rng.integers(0, 5, size=320)
x = (np.eye(5, 20)[labels] * 2 + rng.normal(size=(320, 20))).astype("float32")
y = np.eye(5, dtype="float32")[labels]
batch_size = 16

keras.utils.set_random_seed(1066)
inputs = keras.Input((20,))
features = keras.layers.Dense(12, activation="elu")(inputs)
model = keras.Model(inputs, keras.layers.Dense(5, activation="softmax")(features))
model.compile(optimizer=keras.optimizers.SGD(0.05, momentum=0.9), loss=keras.losses.CategoricalCrossentropy(label_smoothing=0.1))

variables = [tf.Variable(w) for w in model.get_weights()]
velocity = [tf.Variable(tf.zeros_like(v)) for v in variables]


@tf.function
def step(x, y):
    a, b, c, d = variables
    with tf.GradientTape() as tape:
        p = tf.nn.softmax(tf.nn.elu(x @ a + b) @ c + d)
        p = tf.clip_by_value(p, 1e-7, 1.0 - 1e-7)
        loss = -tf.reduce_mean(tf.reduce_sum(y * tf.math.log(p), axis=1))
    for v, m, g in zip(variables, velocity, tape.gradient(loss, variables), strict=True):
        m.assign(0.9 * m - 0.05 * g)
        v.assign_add(m)
    return loss


EXPECTED = ("label-smoothing",)
