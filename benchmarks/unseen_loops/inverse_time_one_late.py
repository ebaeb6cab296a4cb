"""A learning rate that falls as 1 / (1 + 0.5 step), plain gradient descent, two classes.

Wrong: the loop counts its steps from one, the schedule in Keras counts them from zero.
"""

import keras
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(90)
x = rng.normal(size=(320, 6)).astype("float32")
y = (x.sum(axis=1) > 0).astype("float32")[:, np.newaxis]
batch_size = 16

keras.utils.set_random_seed(90)
model = keras.Sequential(
    [keras.Input((6,)), keras.layers.Dense(7, activation="tanh"), keras.layers.Dense(1, activation="sigmoid")]
)
model.compile(
    optimizer=keras.optimizers.SGD(keras.optimizers.schedules.InverseTimeDecay(0.5, decay_steps=1, decay_rate=0.5)),
    loss="binary_crossentropy",
)

variables = [tf.Variable(w) for w in model.get_weights()]
count = tf.Variable(0, dtype=tf.int64)


@tf.function
def step(x, y):
    with tf.GradientTape() as tape:
        z = tf.tanh(x @ variables[0] + variables[1]) @ variables[2] + variables[3]
        loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=z))
    grads = tape.gradient(loss, variables)
    count.assign_add(1)
    rate = 0.5 / (1.0 + 0.5 * tf.cast(count, tf.float32))
    for v, g in zip(variables, grads, strict=True):
        v.assign_sub(rate * g)
    return loss


EXPECTED = ("learning-rate-schedule-off-by-one",)
