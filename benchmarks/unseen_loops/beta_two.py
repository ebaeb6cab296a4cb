"""Adam with betas copied from a paper on adversarial nets, through TensorFlow's raw operation.

Wrong: beta 2 is 0.99, the model's optimiser has 0.999. There is no code for that, and none of the others is true.
"""

import keras
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(1)
x = rng.normal(size=(320, 10)).astype("float32")
y = (x[:, :1] - x[:, 1:2] ** 2).astype("float32")
batch_size = 16

keras.utils.set_random_seed(1)
model = keras.Sequential([keras.Input((10,)), keras.layers.Dense(8, activation="relu"), keras.layers.Dense(1)])
model.compile(optimizer=keras.optimizers.Adam(0.01), loss="mse")

variables = [tf.Variable(w) for w in model.get_weights()]
first = [tf.Variable(tf.zeros_like(v)) for v in variables]
second = [tf.Variable(tf.zeros_like(v)) for v in variables]
beta1_power, beta2_power = tf.Variable(0.9), tf.Variable(0.99)


@tf.function
def step(x, y):
    w1, b1, w2, b2 = variables
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(tf.nn.relu(x @ w1 + b1) @ w2 + b2 - y))
    for var, m, v, grad in zip(variables, first, second, tape.gradient(loss, variables), strict=True):
        tf.raw_ops.ResourceApplyAdam(
            var=var.handle,
            m=m.handle,
            v=v.handle,
            beta1_power=beta1_power,
            beta2_power=beta2_power,
            lr=0.01,
            beta1=0.9,
            beta2=0.99,
            epsilon=1e-7,
            grad=grad,
        )
    beta1_power.assign(beta1_power * 0.9)
    beta2_power.assign(beta2_power * 0.99)
    return loss


EXPECTED = ("unknown",)
