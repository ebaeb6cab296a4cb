"""Twin: highlevel/regularizers.py. Penalties on large weights, added to the loss.

A Python factor reaches TensorFlow as float32, so in float64 nets it is rounded on its way; Keras's is too. Each sum reads its
variable anew: the gradient of one reading for both would be added up in another order.
"""

from collections.abc import Callable

import tensorflow as tf

from shared.spec import L1L2Spec

__all__ = ["Penalty", "get", "l1", "l1_l2", "l2"]

Penalty = Callable[[tf.Variable], tf.Tensor]


def l1(factor: float) -> Penalty:
    """``factor * sum(|w|)``; w a variable of any shape -> (). Keras: ``keras.regularizers.L1``."""
    return lambda w: tf.cast(factor, w.dtype) * tf.reduce_sum(tf.abs(w))


def l2(factor: float) -> Penalty:
    """``factor * sum(w^2)``; w a variable of any shape -> (). Keras: ``keras.regularizers.L2``."""
    return lambda w: tf.cast(factor, w.dtype) * tf.reduce_sum(tf.square(w))


def l1_l2(factor_1: float, factor_2: float) -> Penalty:
    """``factor_1 * sum(|w|) + factor_2 * sum(w^2)``. Keras: ``keras.regularizers.L1L2``."""
    # from 0, as Keras does: the place of each sum decides in which order the gradients are added up
    return lambda w: tf.zeros((), w.dtype) + l1(factor_1)(w) + l2(factor_2)(w)


def get(spec: L1L2Spec | None) -> Penalty | None:
    """The penalty that a spec describes."""
    if spec is None:
        return None
    if spec.l1 and spec.l2:
        return l1_l2(spec.l1, spec.l2)
    return l1(spec.l1) if spec.l1 else l2(spec.l2)
