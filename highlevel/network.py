"""Twin: lowlevel/network.py. Layers in a row, as ``keras.Sequential``."""

from collections.abc import Callable

import keras

from highlevel import layers
from shared.errors import InputError
from shared.seeds import initializer_seeds
from shared.spec import ACTIVATIONS, INITIALIZERS, DenseSpec, ModelSpec

__all__ = ["Network", "build", "spec_of", "summary"]

Network = keras.Sequential


def build(spec: ModelSpec, seed: int = 0) -> keras.Sequential:
    """The net that a spec describes; equal seeds give equal first weights in both wings."""
    stack, inputs = [], spec.inputs
    for layer, seeds in zip(spec.layers, initializer_seeds(spec, seed), strict=True):
        stack.append(layers.dense(layer, inputs, seeds, spec.dtype))
        inputs = layer.units
    # A name and a dtype for the input too: unnamed objects would advance Keras's global name counters.
    return Network([keras.Input((spec.inputs,), dtype=spec.dtype, name="_x"), *stack], name=spec.name)


def spec_of(network: keras.Sequential) -> ModelSpec:
    """The spec that ``build`` would need to make this net again, read off any ``keras.Sequential`` of Dense layers.

    Raises:
        InputError: a layer, activation or initialiser that specs do not have.
    """
    specs = []
    for layer in network.layers:
        if type(layer) is not keras.layers.Dense or not layer.use_bias:
            raise InputError(
                f"spec_of reads nets of Dense layers with a bias. Received: {type(layer).__name__} {layer.name!r}. "
                "Take this layer out, or compare through lockstep.compare with a Side of your own."
            )
        initializers = [
            _name(keras.initializers.serialize(initializer)["class_name"], INITIALIZERS)
            for initializer in (layer.kernel_initializer, layer.bias_initializer)
        ]
        specs.append(
            DenseSpec(
                units=layer.units,
                activation=_name(layer.activation.__name__, ACTIVATIONS),
                kernel_initializer=initializers[0],
                bias_initializer=initializers[1],
                name=layer.name,
            )
        )
    return ModelSpec(
        inputs=network.input_shape[-1], layers=tuple(specs), dtype=network.layers[0].compute_dtype, name=network.name
    )


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
