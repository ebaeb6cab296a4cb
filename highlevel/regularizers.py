"""Twin: lowlevel/regularizers.py. Penalties on large weights, as Keras's objects."""

import keras

from shared.spec import L1L2Spec

__all__ = ["Penalty", "get", "l1", "l1_l2", "l2"]

Penalty = keras.regularizers.Regularizer

l1 = keras.regularizers.L1
l2 = keras.regularizers.L2
l1_l2 = keras.regularizers.L1L2


class _InFloatx(keras.regularizers.Regularizer):
    """A penalty cast to ``floatx``: Keras adds it to the loss, which is of that type in float64 nets too, and refuses to mix."""

    def __init__(self, penalty: keras.regularizers.Regularizer) -> None:
        self.penalty = penalty

    def __call__(self, x):
        return keras.ops.cast(self.penalty(x), keras.config.floatx())


def get(spec: L1L2Spec | None, dtype: str) -> keras.regularizers.Regularizer | None:
    """The penalty that a spec describes, for weights of ``dtype``."""
    if spec is None:
        return None
    both = spec.l1 and spec.l2
    penalty = l1_l2(spec.l1, spec.l2) if both else l1(spec.l1) if spec.l1 else l2(spec.l2)
    return penalty if dtype == "float32" else _InFloatx(penalty)
