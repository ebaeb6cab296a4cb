"""Twin: lowlevel/layers.py. Keras's layers, with every argument that a spec fixes written out."""

from collections.abc import Callable

import keras

from highlevel import activations, initializers, regularizers
from shared.spec import ActivationSpec, BatchNormalizationSpec, DenseSpec, DropoutSpec, LayerSpec, ModelSpec

__all__ = ["Activation", "BatchNormalization", "Dense", "Dropout", "Layer", "get"]

_Seeds = tuple[int | None, ...]


def Dense(spec: DenseSpec, seeds: _Seeds, model: ModelSpec) -> keras.layers.Dense:
    """``keras.layers.Dense``."""
    return keras.layers.Dense(
        spec.units,
        activation=activations.get(spec.activation),
        use_bias=spec.use_bias,
        kernel_initializer=initializers.get(spec.kernel_initializer)(seeds[0]),
        bias_initializer=initializers.get(spec.bias_initializer)(seeds[1]),
        kernel_regularizer=regularizers.get(spec.kernel_regularizer, model.variable_dtype),
        bias_regularizer=regularizers.get(spec.bias_regularizer, model.variable_dtype),
        name=spec.name,
        dtype=model.dtype,
    )


def Activation(spec: ActivationSpec, seeds: _Seeds, model: ModelSpec) -> keras.layers.Activation:
    """``keras.layers.Activation``."""
    return keras.layers.Activation(activations.get(spec.activation), name=spec.name, dtype=model.dtype)


def BatchNormalization(spec: BatchNormalizationSpec, seeds: _Seeds, model: ModelSpec) -> keras.layers.BatchNormalization:
    """``keras.layers.BatchNormalization``."""
    return keras.layers.BatchNormalization(momentum=spec.momentum, epsilon=spec.epsilon, name=spec.name, dtype=model.dtype)


def Dropout(spec: DropoutSpec, seeds: _Seeds, model: ModelSpec) -> keras.layers.Dropout:
    """``keras.layers.Dropout``."""
    return keras.layers.Dropout(spec.rate, seed=seeds[0], name=spec.name, dtype=model.dtype)


Layer = keras.layers.Layer


def get(spec: LayerSpec, inputs: int, seeds: _Seeds, model: ModelSpec) -> keras.layers.Layer:
    """The layer that a spec describes, built on ``inputs`` columns, which draws its first weights."""
    kind: dict[str, Callable] = {
        "Dense": Dense,
        "Activation": Activation,
        "BatchNormalization": BatchNormalization,
        "Dropout": Dropout,
    }
    layer = kind[spec.CLASS_NAME](spec, seeds, model)
    layer.build((None, inputs))
    return layer
