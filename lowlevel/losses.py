"""Twin: highlevel/losses.py. What is minimised: a loss for each example, then their mean over the batch."""

from collections.abc import Callable, Sequence

import tensorflow as tf

from shared.spec import TrainSpec

__all__ = [
    "binary_crossentropy",
    "categorical_crossentropy",
    "get",
    "mean_over_batch",
    "mean_squared_error",
    "sparse_categorical_crossentropy",
    "total",
]


def mean_over_batch(example_losses: tf.Tensor, sample_weight: tf.Tensor | None = None) -> tf.Tensor:
    """Weighted sum divided by the number of examples in this batch, also in the last, smaller one; (batch,) -> ().

    The divisor is the number of examples, not the sum of their weights. Keras: ``reduction="sum_over_batch_size"``.
    """
    if sample_weight is not None:
        example_losses *= tf.cast(sample_weight, example_losses.dtype)
    count = tf.cast(tf.size(example_losses), example_losses.dtype)
    return tf.math.divide_no_nan(tf.reduce_sum(example_losses), count)


def sparse_categorical_crossentropy(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """``-log softmax(logits)[label]`` for each example; labels int (batch,), logits (batch, classes) -> (batch,).

    Keras: ``keras.losses.SparseCategoricalCrossentropy(from_logits=True)``.
    """
    # Keras turns labels into floats and back. That changes no label, but XLA then fuses, and rounds, in another way.
    labels = tf.cast(tf.cast(labels, logits.dtype), tf.int64)
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)


def categorical_crossentropy(targets: tf.Tensor, logits: tf.Tensor, label_smoothing: float = 0.0) -> tf.Tensor:
    """``-sum(targets * log softmax(logits))`` for each example; targets and logits (batch, classes) -> (batch,).

    Smoothing s moves each target t to ``t (1 - s) + s / classes``.
    Keras: ``keras.losses.CategoricalCrossentropy(from_logits=True)``.
    """
    if label_smoothing:
        classes = tf.cast(tf.shape(targets)[-1], logits.dtype)
        targets = targets * (1.0 - label_smoothing) + label_smoothing / classes
    return tf.nn.softmax_cross_entropy_with_logits(targets, logits)


def binary_crossentropy(targets: tf.Tensor, logits: tf.Tensor, label_smoothing: float = 0.0) -> tf.Tensor:
    """``-t log sigmoid(z) - (1 - t) log(1 - sigmoid(z))``, then the mean of the columns; (batch, columns) -> (batch,).

    Smoothing s moves each target t to ``t (1 - s) + s / 2``. Keras: ``keras.losses.BinaryCrossentropy(from_logits=True)``.
    """
    if label_smoothing:
        targets = targets * (1.0 - label_smoothing) + 0.5 * label_smoothing
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(targets, logits), axis=-1)


def mean_squared_error(targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
    """``(target - output)^2``, then the mean of the columns; (batch, columns) -> (batch,).

    Keras: ``keras.losses.MeanSquaredError``.
    """
    return tf.reduce_mean(tf.square(targets - outputs), axis=-1)


def get(train: TrainSpec, dtype: str) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """The loss of a spec: (targets, logits) -> losses of the examples, in ``dtype`` whatever the net computes in."""
    known: dict[str, Callable[..., tf.Tensor]] = {
        "sparse_categorical_crossentropy": sparse_categorical_crossentropy,
        "categorical_crossentropy": categorical_crossentropy,
        "binary_crossentropy": binary_crossentropy,
        "mean_squared_error": mean_squared_error,
    }
    function = known[train.loss]
    options = {"label_smoothing": train.label_smoothing} if train.label_smoothing else {}
    return lambda targets, logits: function(targets, tf.cast(logits, dtype), **options)


def total(loss: tf.Tensor, penalties: Sequence[tf.Tensor]) -> tf.Tensor:
    """The loss of the batch plus what the regularisers add, as float32 (); Keras adds up in ``floatx``, and so does this."""
    loss = tf.cast(loss, tf.float32)
    if not penalties:
        return loss
    # Sums of single numbers change nothing, but they are Keras's, and the order of the gradients' terms hangs on them.
    return tf.reduce_sum(tf.stack([loss, *(tf.reduce_sum(tf.cast(penalty, tf.float32)) for penalty in penalties)]))
