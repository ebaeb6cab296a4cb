"""Dropout is not applied while the net is trained.

`model(x)` without `training=True` skips it, in a loop of one's own as in use. The net then trains without what the model has
against overfitting, and its training loss looks better than that of `fit`.

Instead: `model(x, training=True)` within the tape.

Seen: outputs differ at the first step, and nothing random is left in them.
"""

import keras
import tensorflow as tf

from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._forms import at_all, places
from lockstep.traps._small_nets import classifier
from lockstep.traps._steps import compared, rows

KIND = (
    keras.layers.Dropout,
    keras.layers.AlphaDropout,
    keras.layers.GaussianDropout,
    keras.layers.GaussianNoise,
)


def wrong(self: keras.layers.Layer, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
    """Nothing is dropped; any shape."""
    return inputs


def right(self: keras.layers.Layer, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
    """What the layer does; any shape."""
    return type(self).call(self, inputs, training=training)


def measure() -> Effect:
    """Digits after 44 steps with half of the hidden units dropped."""
    numbers = compared(dropping(), {"network.layers.1.call": wrong}, *rows())
    return Effect(
        "330 digits after 44 steps of SGD, half of the units dropped: weights up to {weights:.2f} off; loss of the evaluated net "
        "{wrong loss:.4f}, not {right loss:.4f}".format(**numbers),
        numbers,
    )


def dropping() -> keras.Model:
    """The net for digits with dropout of a half between."""
    return classifier(keras.layers.Dropout(0.5, seed=1, name="drop"))


def variants(replay):
    """Where the net has such layers."""
    if list(places(replay, KIND)):
        yield Variant(at_all(replay, KIND, "call", wrong))


TRAP = Trap(
    name="dropout-left-out",
    text=__doc__,
    source="Keras, training=True",
    kind="loop",
    cause="dropout-mode",
    stage="logits",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
