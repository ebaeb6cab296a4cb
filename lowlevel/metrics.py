"""Twin: highlevel/metrics.py. Running means over an epoch: the loss, and the share of right answers or the mean absolute error.

They add up in float32, whatever the net computes in, and divide at the end. A mean over batches that are not all of one size must
weigh each by its size; adding up sums does.
"""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from shared.spec import TrainSpec

__all__ = ["Mean", "accuracy", "binary_accuracy", "get", "mean_absolute_error"]


class Mean:
    """``total / count``, kept in two variables so that a graph can update them. Keras: ``keras.metrics.Mean``.

    Where there are several replicas, each adds up for itself, and whoever reads gets the sum of their sums.
    """

    def __init__(self) -> None:
        apart = {"synchronization": tf.VariableSynchronization.ON_READ, "aggregation": tf.VariableAggregation.SUM}
        self.total = tf.Variable(0.0, **apart)
        self.count = tf.Variable(0.0, **apart)

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
    labels = _largest(targets) if targets.shape.rank == 2 else tf.cast(targets, tf.int64)
    return tf.cast(tf.equal(labels, _largest(logits)), tf.float32)


def _largest(values: tf.Tensor) -> tf.Tensor:
    """The column of the largest number of each row, int64 (batch,); -0.0 is below +0.0, as in ``keras.ops.argmax``."""
    values = values if values.dtype == tf.float64 else tf.cast(values, tf.float32)  # XLA need not round what is widened again
    negative = tf.bitcast(values, tf.int64 if values.dtype == tf.float64 else tf.int32) < 0
    below_zero = tf.logical_and(tf.equal(values, 0), negative)
    return tf.argmax(tf.where(below_zero, -np.finfo(values.dtype.as_numpy_dtype).tiny, values), axis=-1)


def binary_accuracy(targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """The share of columns whose logit is above 0 where the target is above 1/2, and only there; float32 (batch,).

    Keras: ``keras.metrics.BinaryAccuracy``, whose threshold is one of probabilities: a logit of 0 is a probability of 1/2.
    """
    right = tf.equal(targets > 0.5, logits > 0)
    return tf.reduce_mean(tf.cast(right, tf.float32), axis=-1)


def mean_absolute_error(targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
    """``|target - output|``, then the mean of the columns; (batch,). Keras: ``keras.metrics.MeanAbsoluteError``."""
    errors = tf.abs(tf.cast(targets, outputs.dtype) - outputs)  # in the type of the outputs, also in half precision
    return tf.cast(tf.reduce_mean(errors, axis=-1), tf.float32)


def get(train: TrainSpec) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """What is measured beside the loss: (targets, logits) -> a number an example."""
    return {"binary_crossentropy": binary_accuracy, "mean_squared_error": mean_absolute_error}.get(train.loss, accuracy)
