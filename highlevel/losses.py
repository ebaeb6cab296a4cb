"""Twin: lowlevel/losses.py. What is minimised, as Keras's loss objects.

``dtype`` is that of the net's weights: left out, Keras would cast the logits of a float64 net to float32 here.
"""

import keras

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

mean_over_batch = "sum_over_batch_size"  # Keras's name: the sum, divided by the number of examples in this batch

sparse_categorical_crossentropy = keras.losses.SparseCategoricalCrossentropy
categorical_crossentropy = keras.losses.CategoricalCrossentropy
binary_crossentropy = keras.losses.BinaryCrossentropy
mean_squared_error = keras.losses.MeanSquaredError


def get(train: TrainSpec, dtype: str) -> keras.losses.Loss:
    """The loss of a spec, computed in ``dtype``."""
    loss = {
        "sparse_categorical_crossentropy": sparse_categorical_crossentropy,
        "categorical_crossentropy": categorical_crossentropy,
        "binary_crossentropy": binary_crossentropy,
        "mean_squared_error": mean_squared_error,
    }[train.loss]
    options: dict[str, object] = {} if train.loss == "mean_squared_error" else {"from_logits": True}
    if train.label_smoothing:
        options["label_smoothing"] = train.label_smoothing
    return loss(reduction=mean_over_batch, dtype=dtype, **options)


total = keras.Sequential.compute_loss  # Keras's own: the loss of the batch plus what the regularisers add, in ``floatx``
