"""Twin: lowlevel/pipeline.py. Pictures with their labels as ``tf.data``, made into rows by ``keras.ops``, for ``Model.fit``."""

import keras
import numpy as np
import tensorflow as tf

from shared.blocks import Blocks
from shared.errors import InputError

__all__ = ["blocks", "examples", "minibatches", "normalised"]


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


def blocks(source: Blocks, epochs: range, begun: int = 0) -> tf.data.Dataset:
    """The blocks of ``epochs``, from the one that holds step ``begun`` of the first epoch on; read ahead while the net trains.

    Elements: the block's number () int64, x (rows, inputs), y, and perhaps weights, in the order of the plan.
    """
    types = [tf.as_dtype(part.dtype) for part in source.parts]

    def read(number: tf.Tensor) -> tuple[tf.Tensor, ...]:
        found = tf.numpy_function(source.read, [number], types)
        return number, *(tf.ensure_shape(one, [None, *part.shape[1:]]) for one, part in zip(found, source.parts, strict=True))

    numbers = tf.data.Dataset.range(source.first(epochs.start, begun), source.first(epochs.stop))
    options = tf.data.Options()
    options.autotune.enabled = False  # nothing here is to be tuned, and an iterator's end would wait for the thread that tunes
    return numbers.map(read, num_parallel_calls=2, deterministic=True).prefetch(1).with_options(options)
