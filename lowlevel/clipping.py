"""Twin: highlevel/clipping.py. Three ways to keep a large gradient from making a large step.

Each takes the gradients of all weights and the most that they may be, and gives gradients of the same shapes and dtypes.
"""

from collections.abc import Callable
from functools import partial

import tensorflow as tf

from shared.spec import TrainSpec

__all__ = ["by_global_norm", "by_norm", "by_value", "get"]

_Gradients = list[tf.Tensor]


def by_norm(gradients: _Gradients, most: float) -> _Gradients:
    """``g most / max(|g|, most)``, each gradient by its own Euclidean norm. Keras: ``clipnorm``."""
    norms = [tf.sqrt(tf.reduce_sum(g * g, keepdims=True)) for g in gradients]
    return [(g * most) / tf.maximum(norm, most) for g, norm in zip(gradients, norms, strict=True)]


def by_value(gradients: _Gradients, most: float) -> _Gradients:
    """``max(-most, min(g, most))``, number by number. Keras: ``clipvalue``."""
    return [tf.clip_by_value(g, -most, most) for g in gradients]


def by_global_norm(gradients: _Gradients, most: float) -> _Gradients:
    """``g most min(1 / |all|, 1 / most)``, ``|all|`` the norm of all gradients as one vector. Keras: ``global_clipnorm``.

    ``most * (1 / most)`` can round to one ULP below 1, and then gradients that need no clipping change in the last bit too.
    Source: Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural networks (2013).
    """
    norm = tf.sqrt(tf.reduce_sum(tf.stack([tf.reduce_sum(tf.square(g)) for g in gradients])))
    scale = most * tf.minimum(1.0 / norm, 1.0 / most)
    scale += norm - norm  # 0, or NaN where the norm is no finite number: such a step shall be seen
    return [g * scale for g in gradients]


def get(train: TrainSpec) -> Callable[[_Gradients], _Gradients]:
    """The clipping that a spec asks for, as a function of the gradients; without any, they stay as they are."""
    for rule, most in ((by_norm, train.clipnorm), (by_value, train.clipvalue), (by_global_norm, train.global_clipnorm)):
        if most is not None:
            return partial(rule, most=most)
    return lambda gradients: gradients
