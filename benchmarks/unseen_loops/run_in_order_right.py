"""A run with a short last batch and its own epoch figures, counted in rows.

Right.
"""

import keras
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(600)
x = rng.normal(size=(90, 7)).astype("float32")
y = np.argmax(x[:, :4], axis=1).astype("int32")
batch_size = 20
epochs = 3

keras.utils.set_random_seed(600)
model = keras.Sequential(
    [keras.Input((7,)), keras.layers.Dense(10, activation="tanh"), keras.layers.Dense(4, activation="softmax")]
)
model.compile(optimizer=keras.optimizers.Adam(0.01), loss="sparse_categorical_crossentropy", metrics=["accuracy"])


def run(weights, x, y):
    params = [tf.Variable(w) for w in weights]
    optimizer = keras.optimizers.Adam(0.01)
    optimizer.build(params)

    @tf.function
    def learn(xb, yb):
        with tf.GradientTape() as tape:
            logits = tf.tanh(xb @ params[0] + params[1]) @ params[2] + params[3]
            each = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=yb, logits=logits)
            loss = tf.reduce_mean(each)
        optimizer.apply(tape.gradient(loss, params), params)
        hits = tf.reduce_sum(tf.cast(tf.argmax(logits, axis=1, output_type=tf.int32) == yb, tf.float32))
        return loss, tf.reduce_sum(each), hits

    rows = tf.data.Dataset.from_tensor_slices((x, y)).batch(batch_size)
    for epoch in range(epochs):
        total = correct = 0.0
        for xb, yb in rows:
            loss, summed, hits = learn(xb, yb)
            total, correct = total + float(summed), correct + float(hits)
            yield float(loss), [p.numpy() for p in params]
        yield {"epoch": epoch, "loss": total / len(x), "accuracy": correct / len(x)}


EXPECTED = ()
