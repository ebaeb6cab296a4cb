"""Twin: lowlevel/losses.py. What is minimised, as Keras's loss objects.

``dtype`` is the net's: left out, Keras would cast the logits of a float64 net to float32 here.
"""

import keras

__all__ = ["categorical_crossentropy", "get", "mean_over_batch", "sparse_categorical_crossentropy"]

mean_over_batch = "sum_over_batch_size"  # Keras's name: the sum, divided by the number of examples in this batch


def sparse_categorical_crossentropy(dtype: str) -> keras.losses.Loss:
    """Labels int (batch,), logits (batch, classes)."""
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=mean_over_batch, dtype=dtype)


def categorical_crossentropy(dtype: str) -> keras.losses.Loss:
    """Targets and logits (batch, classes)."""
    return keras.losses.CategoricalCrossentropy(from_logits=True, reduction=mean_over_batch, dtype=dtype)


def get(name: str):
    """The function of that name: dtype -> loss object."""
    return {
        "sparse_categorical_crossentropy": sparse_categorical_crossentropy,
        "categorical_crossentropy": categorical_crossentropy,
    }[name]
