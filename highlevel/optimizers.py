"""Twin: lowlevel/optimizers.py. Keras's optimisers, with every setting of the spec written out."""

import keras

from shared.spec import TrainSpec

__all__ = ["SGD", "Adam", "Optimizer", "get"]

Optimizer = keras.optimizers.Optimizer
SGD = keras.optimizers.SGD
Adam = keras.optimizers.Adam


def get(train: TrainSpec) -> keras.optimizers.Optimizer:
    """The optimiser that a spec describes, not yet built."""
    if train.optimizer == "sgd":
        return SGD(train.learning_rate, momentum=train.momentum, nesterov=train.nesterov)
    return Adam(train.learning_rate, beta_1=train.beta_1, beta_2=train.beta_2, epsilon=train.epsilon)
