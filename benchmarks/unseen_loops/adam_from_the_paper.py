"""Adam as Algorithm 1 of its paper has it, line by line, on a small regression.

Wrong: epsilon is added to the root of the corrected second moment; Keras adds it to the uncorrected root (the paper's
"epsilon hat"), so that the same 1e-7 weighs about thirty times less here in the first step. The cause is where epsilon
stands; a wrong value tells the same story in any one step.
"""

import keras
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(1412)
x = rng.normal(size=(320, 7)).astype("float32")
y = (1e-4 * x[:, :1] * x[:, 1:2]).astype("float32")
batch_size = 16

keras.utils.set_random_seed(1412)
model = keras.Sequential(
    [
        keras.Input((7,)),
        keras.layers.Dense(5, activation="tanh", kernel_initializer=keras.initializers.RandomNormal(stddev=0.01)),
        keras.layers.Dense(1, kernel_initializer=keras.initializers.RandomNormal(stddev=0.01)),
    ]
)
model.compile(optimizer=keras.optimizers.Adam(1e-4), loss="mean_squared_error")


class Adam:
    def __init__(self, params, alpha=1e-4, beta1=0.9, beta2=0.999, eps=1e-7):
        self.params, self.alpha, self.beta1, self.beta2, self.eps = params, alpha, beta1, beta2, eps
        self.m = [tf.Variable(tf.zeros_like(p)) for p in params]
        self.v = [tf.Variable(tf.zeros_like(p)) for p in params]
        self.t = tf.Variable(0.0)

    def update(self, grads):
        self.t.assign_add(1.0)
        for p, g, m, v in zip(self.params, grads, self.m, self.v, strict=True):
            m.assign(self.beta1 * m + (1 - self.beta1) * g)
            v.assign(self.beta2 * v + (1 - self.beta2) * g**2)
            m_hat = m / (1 - self.beta1**self.t)
            v_hat = v / (1 - self.beta2**self.t)
            p.assign_sub(self.alpha * m_hat / (tf.sqrt(v_hat) + self.eps))


variables = [tf.Variable(w) for w in model.get_weights()]
adam = Adam(variables)


@tf.function
def step(x, y):
    w1, b1, w2, b2 = variables
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((tf.tanh(x @ w1 + b1) @ w2 + b2 - y) ** 2)
    adam.update(tape.gradient(loss, variables))
    return loss


EXPECTED = ("adam-epsilon-inside", "adam-epsilon-value")
