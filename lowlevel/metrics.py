"""Twin: highlevel/metrics.py. Running means over an epoch: the loss, and the share of right answers.

Both add up in float32, whatever the net computes in, and divide at the end. A mean over batches that are not all of one size must
weigh each by its size; adding up sums does.
"""

import tensorflow as tf

__all__ = ["Mean", "accuracy", "get"]


class Mean:
    """``total / count``, kept in two variables so that a graph can update them. Keras: ``keras.metrics.Mean``."""

    def __init__(self) -> None:
        self.total = tf.Variable(0.0)
        self.count = tf.Variable(0.0)

    def reset(self) -> None:
        """Forget the last epoch."""
        self.total.assign(0.0)
        self.count.assign(0.0)

    def add(self, total: tf.Tensor, count: tf.Tensor) -> None:
        """Add a sum (any float dtype) over ``count`` examples."""
        self.total.assign_add(tf.cast(total, tf.float32))
        self.count.assign_add(tf.cast(count, tf.float32))

    def result(self) -> tf.Tensor:
        """float32 (); 0 where nothing was added."""
        return tf.math.divide_no_nan(self.total, self.count)


def accuracy(targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """1.0 for each example whose largest logit is the right one, else 0.0; float32 (batch,).

    Keras: ``keras.metrics.SparseCategoricalAccuracy`` for labels (batch,), ``CategoricalAccuracy`` for rows (batch, classes).
    """
    labels = tf.argmax(targets, axis=-1) if targets.shape.rank == 2 else tf.cast(targets, tf.int64)
    return tf.cast(tf.equal(labels, tf.argmax(logits, axis=-1)), tf.float32)


def get() -> tuple[Mean, Mean]:
    """New running means of loss and accuracy."""
    return Mean(), Mean()
