"""Digits again, Adam from Keras in a loop with a tape. The two drift apart a little at a time.

Wrong: epsilon is 1e-8, as in the paper, where Keras's own default is 1e-7.
"""

import keras
import numpy as np
import tensorflow as tf

from shared import load_digits

digits = load_digits()
pick = np.random.default_rng(64).choice(5000, 640, replace=False)
x, y = digits.x_train[pick].astype("float32"), digits.y_train[pick].ravel().astype("int32")

keras.utils.set_random_seed(64)
model = keras.Sequential([keras.Input((400,)), keras.layers.Dense(32, activation="relu"), keras.layers.Dense(10)])
model.compile(optimizer="adam", loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))

student = keras.models.clone_model(model)
variables = student.trainable_variables
optimizer = keras.optimizers.Adam(learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-8)
optimizer.build(variables)
criterion = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


@tf.function
def step(x, y):
    with tf.GradientTape() as tape:
        loss = criterion(y, student(x, training=True))
    grads = tape.gradient(loss, variables)
    optimizer.apply_gradients(list(zip(grads, variables, strict=True)))
    return loss


EXPECTED = ("adam-epsilon-value",)
