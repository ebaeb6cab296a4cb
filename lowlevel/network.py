"""Twin: highlevel/network.py. Layers in a row: what goes in at the first comes out of the last as logits."""

from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf

from lowlevel import layers
from shared.seeds import initializer_seeds
from shared.spec import ModelSpec

__all__ = ["Network", "build", "spec_of", "summary"]


@dataclass(frozen=True)
class Network:
    """A stack of layers. Keras: ``keras.Sequential``."""

    spec: ModelSpec
    layers: tuple[layers.Dense, ...]

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """Logits; x (batch, inputs) -> (batch, classes)."""
        for layer in self.layers:
            x = layer(x)
        return x

    @property
    def weights(self) -> list[tf.Variable]:
        """All variables in Keras's order: kernel, bias, layer by layer."""
        return [variable for layer in self.layers for variable in (layer.kernel, layer.bias)]


def build(spec: ModelSpec, seed: int = 0) -> Network:
    """The net that a spec describes; equal seeds give equal first weights in both wings."""
    stack, inputs = [], spec.inputs
    for layer, seeds in zip(spec.layers, initializer_seeds(spec, seed), strict=True):
        stack.append(layers.dense(layer, inputs, seeds, spec.dtype))
        inputs = layer.units
    return Network(spec, tuple(stack))


def spec_of(network: Network) -> ModelSpec:
    """The spec that ``build`` would need to make this net again."""
    return network.spec


def summary(network: Network, print_fn: Callable[[str], None] = print) -> None:
    """Print each layer with its output shape and how many parameters it has."""
    print_fn(f'Model: "{network.spec.name}"')
    print_fn(f"{'Layer (type)':<24}{'Output Shape':<20}{'Param #':>12}")
    total = 0
    for spec, layer in zip(network.spec.layers, network.layers, strict=True):
        parameters = int(tf.size(layer.kernel) + tf.size(layer.bias))
        total += parameters
        print_fn(f"{f'{spec.name} (Dense)':<24}{f'(None, {spec.units})':<20}{parameters:>12,}")
    print_fn(f"Total params: {total:,}")
