"""Batch normalisation runs as for inference while the net is trained.

`model(x)` without `training=True`, in a loop of one's own, normalises by the moving mean and variance, which start at 0 and 1 and
are then never updated: the layer does nothing but scale and shift. `fit` passes `training=True` by itself.

Instead: `model(x, training=True)` within the tape, and `training=False` to evaluate and predict.

Seen: outputs differ at the first step; the moving statistics stay as they were.
"""

import keras
import tensorflow as tf

from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._forms import at_all, places
from lockstep.traps._small_nets import classifier
from lockstep.traps._steps import compared, rows

KIND = keras.layers.BatchNormalization


def wrong(self: keras.layers.BatchNormalization, inputs: tf.Tensor, training: bool | None = None, mask=None) -> tf.Tensor:
    """Normalised by the moving statistics; (batch, units) -> (batch, units)."""
    return type(self).call(self, inputs, training=False, mask=mask)


def right(self: keras.layers.BatchNormalization, inputs: tf.Tensor, training: bool | None = None, mask=None) -> tf.Tensor:
    """Normalised by the batch's own mean and variance; (batch, units) -> (batch, units)."""
    return type(self).call(self, inputs, training=training, mask=mask)


def measure() -> Effect:
    """Digits after 44 steps."""
    numbers = compared(normalized(), {"network.layers.1.call": wrong}, *rows())
    return Effect(
        "330 digits after 44 steps of SGD: weights up to {weights:.2f} off; loss of the evaluated net {wrong loss:.4f}, not "
        "{right loss:.4f}".format(**numbers),
        numbers,
    )


def normalized() -> keras.Model:
    """The net for digits with batch normalisation between."""
    return classifier(KIND(momentum=0.9, name="norm"))


def variants(replay):
    """Where the net has such layers."""
    if list(places(replay, KIND)):
        yield Variant(at_all(replay, KIND, "call", wrong))


TRAP = Trap(
    name="batchnorm-in-inference",
    text=__doc__,
    source="Keras, training=True",
    kind="loop",
    cause="batchnorm-mode",
    stage="logits",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
