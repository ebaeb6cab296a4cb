"""Twin: highlevel/network.py. Layers in a row: what goes in at the first comes out of the last as logits."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import tensorflow as tf

from lowlevel import layers
from shared.seeds import layer_seeds
from shared.spec import ModelSpec

__all__ = ["Network", "build", "spec_of", "summary"]


@dataclass(frozen=True)
class Network:
    """A stack of layers. Keras: ``keras.Sequential``."""

    spec: ModelSpec
    layers: tuple[layers.Layer, ...]

    def __call__(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Logits; x (batch, inputs) -> (batch, classes), in the type in which the net computes."""
        for at in range(len(self.layers)):
            x = tf.cast(x, self.spec.compute_dtype)
            # In a graph TensorFlow fuses and reorders what a layer does, which rounds otherwise than one operation after the
            # other. As a graph of its own the layer has the same bits in eager code too.
            x = self.graphs[at, training](x) if tf.executing_eagerly() else self.layer(at, x, training)
        return x

    def layer(self, at: int, x: tf.Tensor, training: bool) -> tf.Tensor:
        """The layer at that place; x (batch, columns) -> (batch, columns)."""
        # The scopes are Keras's: where a gradient has three terms or more, TensorFlow adds them in the order of their names.
        with tf.name_scope(f"{self.spec.name}_1/{self.spec.layers[at].name}_1"):
            return self.layers[at](x, training)

    @cached_property
    def graphs(self) -> dict[tuple[int, bool], Callable[[tf.Tensor], tf.Tensor]]:
        """Every layer, in training and not, compiled when it is first called; batches of any size."""
        return {
            (at, training): tf.function(
                partial(self.layer, at, training=training),
                input_signature=[tf.TensorSpec((None, columns), self.spec.compute_dtype)],
                autograph=False,
            )
            for at, (_, columns) in enumerate(self.spec.stack)
            for training in (False, True)
        }

    @property
    def weights(self) -> list[tf.Variable]:
        """All variables in Keras's order: kernel, bias, layer by layer."""
        return [variable for layer in self.layers for variable in layer.weights]

    @property
    def trainable_weights(self) -> list[tf.Variable]:
        """Those that a gradient changes."""
        return [variable for layer in self.layers for variable in layer.trainable]

    @property
    def seeds(self) -> list[tf.Variable]:
        """The state of each Dropout: int64 (2,), seed and count of calls."""
        return [layer.seed for layer in self.layers if isinstance(layer, layers.Dropout)]

    def penalties(self) -> list[tf.Tensor]:
        """What the regularisers add to the loss, each of shape ()."""
        return [penalty for layer in self.layers for penalty in layer.penalties()]


def build(spec: ModelSpec, seed: int = 0) -> Network:
    """The net that a spec describes; equal seeds give equal first weights in both wings.

    >>> [tuple(weight.shape) for weight in build(ModelSpec.mlp(4, 3, 2)).weights]
    [(4, 3), (3,), (3, 2), (2,)]
    """
    seeds = layer_seeds(spec, seed)
    stack = [layers.get(layer, inputs, own, spec) for (layer, inputs), own in zip(spec.stack, seeds, strict=True)]
    return Network(spec, tuple(stack))


def spec_of(network: Network) -> ModelSpec:
    """The spec that ``build`` would need to make this net again."""
    return network.spec


def summary(network: Network, print_fn: Callable[[str], None] = print) -> None:
    """Print each layer with its output shape and how many parameters it has."""
    print_fn(f'Model: "{network.spec.name}"')
    print_fn(f"{'Layer (type)':<28}{'Output Shape':<16}{'Param #':>12}")
    for (spec, inputs), layer in zip(network.spec.stack, network.layers, strict=True):
        shape = f"(None, {spec.outputs(inputs)})"
        print_fn(f"{f'{spec.name} ({spec.CLASS_NAME})':<28}{shape:<16}{_count(layer.weights):>12,}")
    total, trainable = _count(network.weights), _count(network.trainable_weights)
    print_fn(f"Total params: {total:,}")
    print_fn(f"Trainable params: {trainable:,}")
    print_fn(f"Non-trainable params: {total - trainable:,}")


def _count(variables) -> int:
    return sum(variable.shape.num_elements() for variable in variables)
