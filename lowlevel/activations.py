"""Twin: highlevel/activations.py. The functions between the layers, as formulas."""

import tensorflow as tf

__all__ = ["get", "linear", "relu", "sigmoid", "tanh"]


def linear(z: tf.Tensor) -> tf.Tensor:
    """``z`` itself. Keras: ``keras.activations.linear``."""
    return z


def relu(z: tf.Tensor) -> tf.Tensor:
    """``max(0, z)``. Keras: ``keras.activations.relu``."""
    return tf.nn.relu(z)


def sigmoid(z: tf.Tensor) -> tf.Tensor:
    """``1 / (1 + exp(-z))``. Keras: ``keras.activations.sigmoid``."""
    return tf.nn.sigmoid(z)


def tanh(z: tf.Tensor) -> tf.Tensor:
    """``(exp(z) - exp(-z)) / (exp(z) + exp(-z))``. Keras: ``keras.activations.tanh``."""
    return tf.math.tanh(z)


def get(name: str):
    """The function of that name; shapes in and out are equal."""
    return {"linear": linear, "relu": relu, "sigmoid": sigmoid, "tanh": tanh}[name]
