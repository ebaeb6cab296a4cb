"""Twin: lowlevel/pipeline.py. Pictures with their labels as ``tf.data``, made into rows by ``keras.ops``, for ``Model.fit``."""

import keras
import numpy as np
import tensorflow as tf

from shared.errors import InputError

__all__ = ["examples", "minibatches", "normalised"]


def examples(x: np.ndarray, y: np.ndarray) -> tf.data.Dataset:
    """Each example of ``x`` (n, ...) with its label of ``y`` (n,), in order, with shape and dtype as stored.

    For hand signs ``element_spec`` is ((64, 64, 3) uint8, () int64).  Pictures and labels stay in one data set: two that are
    batched apart need not match any more.  Raises InputError where the lengths differ.
    """
    if len(x) != len(y):
        raise InputError(f"Each example has one label. Received: {len(x)} examples, {len(y)} labels. Give as many of each.")
    return tf.data.Dataset.from_tensor_slices((x, y))


def normalised(pictures: tf.data.Dataset, divisor: float = 255) -> tf.data.Dataset:
    """The same examples as rows: float32, divided by ``divisor``, flattened row by row; bit for bit as ``shared.data.as_rows``.

    One of the course's notebooks divides by 256, so that white is 0.99609375 and not 1.
    """

    def row(picture: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        # a true division: keras.layers.Rescaling(1 / divisor) multiplies, and so rounds twice
        return keras.ops.reshape(keras.ops.cast(picture, "float32") / divisor, [-1]), label

    return pictures.map(row, num_parallel_calls=tf.data.AUTOTUNE)


def minibatches(rows: tf.data.Dataset, batch_size: int = 32) -> tf.data.Dataset:
    """Batches in the order of ``rows``, the last one perhaps smaller; ``Model.fit(…, shuffle=False)`` takes them."""
    return rows.batch(batch_size).prefetch(tf.data.AUTOTUNE)
