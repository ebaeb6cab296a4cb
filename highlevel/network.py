"""Twin: lowlevel/network.py. Layers in a row, as ``keras.Sequential``."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from highlevel import layers
from shared.errors import InputError
from shared.seeds import layer_seeds
from shared.spec import (
    ACTIVATIONS,
    INITIALIZERS,
    ActivationSpec,
    BatchNormalizationSpec,
    DenseSpec,
    DropoutSpec,
    L1L2Spec,
    LayerSpec,
    ModelSpec,
)

__all__ = ["Network", "build", "spec_of", "summary"]

Network = keras.Sequential


def build(spec: ModelSpec, seed: int = 0) -> keras.Sequential:
    """The net that a spec describes; equal seeds give equal first weights in both wings.

    >>> [tuple(weight.shape) for weight in build(ModelSpec.mlp(4, 3, 2)).weights]
    [(4, 3), (3,), (3, 2), (2,)]
    """
    seeds = layer_seeds(spec, seed)
    stack = [layers.get(layer, inputs, own, spec) for (layer, inputs), own in zip(spec.stack, seeds, strict=True)]
    # A name and a dtype for the input too: unnamed objects would advance Keras's global name counters.
    return Network([keras.Input((spec.inputs,), dtype=spec.variable_dtype, name="_x"), *stack], name=spec.name)


def spec_of(network: keras.Sequential) -> ModelSpec:
    """The spec that ``build`` would need to make this net again, read off a ``keras.Sequential``.

    Raises:
        InputError: a layer, activation, initialiser or setting that specs do not have.

    >>> stack = [keras.layers.Dense(3, "relu", name="L1"), keras.layers.Dense(2, name="L2")]
    >>> spec_of(keras.Sequential([keras.Input((4,)), *stack], name="net")) == ModelSpec.mlp(4, 3, 2)
    True
    """
    return ModelSpec(
        inputs=network.input_shape[-1],
        layers=tuple(_layer_spec(layer) for layer in network.layers),
        dtype=network.layers[0].dtype_policy.name,
        name=network.name,
    )


def _layer_spec(layer: keras.layers.Layer) -> LayerSpec:
    if type(layer) is keras.layers.Dense:
        return DenseSpec(
            units=layer.units,
            activation=_name(layer.activation.__name__, ACTIVATIONS),
            use_bias=layer.use_bias,
            kernel_initializer=_initializer(layer.kernel_initializer),
            bias_initializer=_initializer(layer.bias_initializer) if layer.use_bias else "zeros",
            kernel_regularizer=_regularizer(layer.kernel_regularizer),
            bias_regularizer=_regularizer(layer.bias_regularizer) if layer.use_bias else None,
            name=layer.name,
        )
    if type(layer) is keras.layers.Activation:
        return ActivationSpec(activation=_name(layer.activation.__name__, ACTIVATIONS), name=layer.name)
    if type(layer) is keras.layers.BatchNormalization and layer.center and layer.scale and not layer.renorm:
        return BatchNormalizationSpec(momentum=layer.momentum, epsilon=layer.epsilon, name=layer.name)
    if type(layer) is keras.layers.Dropout and layer.noise_shape is None:
        return DropoutSpec(rate=layer.rate, name=layer.name)
    raise InputError(
        "spec_of reads Dense, Activation, Dropout and plain BatchNormalization layers. "
        f"Received: {type(layer).__name__} {layer.name!r}. "
        "Take this layer out, or compare through lockstep.compare with a Side of your own."
    )


def _initializer(initializer: Any) -> str:
    return _name(keras.initializers.serialize(initializer)["class_name"], INITIALIZERS)


def _regularizer(regularizer: Any) -> L1L2Spec | None:
    if regularizer is None:
        return None
    regularizer = getattr(regularizer, "penalty", regularizer)
    if type(regularizer) not in (keras.regularizers.L1, keras.regularizers.L2, keras.regularizers.L1L2):
        raise InputError(
            f"Specs have L1, L2 and L1L2. Received: {type(regularizer).__name__}. Build the net with one of these, or without."
        )
    # L1 keeps its factor as a float32 tensor: the shortest number that rounds to it is the one that was given
    factors = {name: float(str(np.float32(value))) for name, value in regularizer.get_config().items()}
    return L1L2Spec(**factors)


def _name(given: str, known: tuple[str, ...]) -> str:
    """``GlorotUniform`` and ``glorot_uniform`` are one name."""
    plain = given.replace("_", "").lower()
    for name in known:
        if name.replace("_", "") == plain:
            return name
    raise InputError(f"Specs have {', '.join(known)}. Received: {given}. Build the net from one of these.")


def summary(network: keras.Sequential, print_fn: Callable[[str], None] = print) -> None:
    """Print each layer with its output shape and how many parameters it has."""
    network.summary(print_fn=print_fn)
