"""Adam through TensorFlow's raw operation, the powers of the betas kept in variables.

Right: the operation has the same form of epsilon as Keras.
"""

import keras
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(15)
x = rng.normal(size=(320, 12)).astype("float32")
y = np.eye(3, dtype="float32")[rng.integers(0, 3, size=320)]
batch_size = 16

keras.utils.set_random_seed(15)
model = keras.Sequential([keras.Input((12,)), keras.layers.Dense(9, activation="relu"), keras.layers.Dense(3)])
model.compile(optimizer="adam", loss=keras.losses.CategoricalCrossentropy(from_logits=True))

variables = [tf.Variable(w) for w in model.get_weights()]
slots = [(tf.Variable(tf.zeros_like(v)), tf.Variable(tf.zeros_like(v))) for v in variables]
powers = [tf.Variable(0.9), tf.Variable(0.999)]


@tf.function
def step(x, y):
    w1, b1, w2, b2 = variables
    with tf.GradientTape() as tape:
        log_p = tf.nn.log_softmax(tf.nn.relu(x @ w1 + b1) @ w2 + b2)
        loss = -tf.reduce_mean(tf.einsum("ij,ij->i", y, log_p))
    for variable, (m, v), gradient in zip(variables, slots, tape.gradient(loss, variables), strict=True):
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=m.handle,
            v=v.handle,
            beta1_power=powers[0],
            beta2_power=powers[1],
            lr=1e-3,
            beta1=0.9,
            beta2=0.999,
            epsilon=1e-7,
            grad=gradient,
        )
    powers[0].assign(powers[0] * 0.9)
    powers[1].assign(powers[1] * 0.999)
    return loss


EXPECTED = ()
