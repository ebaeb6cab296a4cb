"""Twin: lowlevel/metrics.py. Running means over an epoch: Keras adds up the loss itself, and the rest through these objects."""

from collections.abc import Callable

import keras

from shared.spec import TrainSpec

__all__ = ["Mean", "accuracy", "binary_accuracy", "get", "mean_absolute_error"]

Mean = keras.metrics.Mean
accuracy: dict[str, Callable[..., keras.metrics.Metric]] = {  # in the form that fits the targets of the loss
    "sparse_categorical_crossentropy": keras.metrics.SparseCategoricalAccuracy,
    "categorical_crossentropy": keras.metrics.CategoricalAccuracy,
}


def binary_accuracy(name: str) -> keras.metrics.Metric:
    """The share of right answers, read off logits; ``BinaryAccuracy`` takes no threshold of 0, only one of probabilities."""
    return keras.metrics.MeanMetricWrapper(lambda targets, logits: keras.ops.equal(targets > 0.5, logits > 0), name=name)


mean_absolute_error = keras.metrics.MeanAbsoluteError


def get(train: TrainSpec) -> keras.metrics.Metric:
    """What is measured beside the loss; ``compile`` takes it among its ``metrics``."""
    known = {"binary_crossentropy": binary_accuracy, "mean_squared_error": mean_absolute_error} | accuracy
    return known[train.loss](name=train.metric)
