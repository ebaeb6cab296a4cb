"""Twin: lowlevel/layers.py. Keras's layers, with every argument that a spec fixes written out."""

import keras

from highlevel import activations, initializers
from shared.spec import DenseSpec

__all__ = ["Dense", "dense"]

Dense = keras.layers.Dense


def dense(spec: DenseSpec, inputs: int, seeds: tuple[int | None, int | None], dtype: str) -> keras.layers.Dense:
    """The layer that a spec describes, built on ``inputs`` columns, which draws its first weights."""
    layer = Dense(
        spec.units,
        activation=activations.get(spec.activation),
        kernel_initializer=initializers.get(spec.kernel_initializer)(seeds[0]),
        bias_initializer=initializers.get(spec.bias_initializer)(seeds[1]),
        name=spec.name,
        dtype=dtype,
    )
    layer.build((None, inputs))
    return layer
