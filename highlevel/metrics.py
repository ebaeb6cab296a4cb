"""Twin: lowlevel/metrics.py. Running means over an epoch: Keras adds up the loss itself, and the accuracy through this object."""

import keras

__all__ = ["Mean", "accuracy", "get"]

Mean = keras.metrics.Mean


def accuracy(loss: str) -> keras.metrics.Metric:
    """The share of right answers, in the form that fits the targets of that loss."""
    if loss == "categorical_crossentropy":
        return keras.metrics.CategoricalAccuracy(name="accuracy")
    return keras.metrics.SparseCategoricalAccuracy(name="accuracy")


def get(loss: str) -> keras.metrics.Metric:
    """A new running accuracy; ``compile`` takes it among its ``metrics``."""
    return accuracy(loss)
