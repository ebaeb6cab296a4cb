"""Twin: highlevel/losses.py. What is minimised: a loss for each example, then their mean over the batch."""

import tensorflow as tf

__all__ = ["categorical_crossentropy", "get", "mean_over_batch", "sparse_categorical_crossentropy"]


def mean_over_batch(example_losses: tf.Tensor) -> tf.Tensor:
    """Sum divided by the number of examples in this batch, also in the last, smaller one; (batch,) -> ().

    Keras: ``reduction="sum_over_batch_size"``.
    """
    count = tf.cast(tf.size(example_losses), example_losses.dtype)
    return tf.math.divide_no_nan(tf.reduce_sum(example_losses), count)


def sparse_categorical_crossentropy(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """``-log softmax(logits)[label]`` for each example; labels int (batch,), logits (batch, classes) -> (batch,).

    Keras: ``keras.losses.SparseCategoricalCrossentropy(from_logits=True)``.
    """
    # Keras turns labels into floats and back. That changes no label, but XLA then fuses, and rounds, in another way.
    labels = tf.cast(tf.cast(labels, logits.dtype), tf.int64)
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)


def categorical_crossentropy(targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """``-sum(targets * log softmax(logits))`` for each example; targets and logits (batch, classes) -> (batch,).

    Keras: ``keras.losses.CategoricalCrossentropy(from_logits=True)``.
    """
    return tf.nn.softmax_cross_entropy_with_logits(targets, logits)


def get(name: str):
    """The function of that name: (targets, logits) -> losses of the examples."""
    return {
        "sparse_categorical_crossentropy": sparse_categorical_crossentropy,
        "categorical_crossentropy": categorical_crossentropy,
    }[name]
