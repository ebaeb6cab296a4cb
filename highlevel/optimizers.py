"""Twin: lowlevel/optimizers.py. Keras's optimisers, with every setting of the spec written out."""

import keras

from shared.spec import TrainSpec

__all__ = ["SGD", "Adam", "Optimizer", "get"]

Optimizer = keras.optimizers.Optimizer
SGD = keras.optimizers.SGD
Adam = keras.optimizers.Adam


def get(train: TrainSpec, dtype: str) -> keras.optimizers.Optimizer:
    """The optimiser that a spec describes, not yet built."""
    name = train.optimizer  # without one, Keras's global name counters would advance
    if name == "sgd":
        return SGD(train.learning_rate, momentum=train.momentum, nesterov=train.nesterov, name=name)
    return Adam(train.learning_rate, beta_1=train.beta_1, beta_2=train.beta_2, epsilon=train.epsilon, name=name)
