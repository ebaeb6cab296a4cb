"""Dropout multiplies by its mask and does not divide by the share that is kept.

The first paper on dropout scales the weights at test time instead. Keras, like most codes since, divides in training, so that
nothing is left to do in use. A loop with `h * mask` and a model that is used as it stands have the two halves that do not belong
together: in use every unit is 1 / (1 - rate) times as large as in training.

Instead: `h * mask / (1 - rate)`, or `tf.nn.dropout`.

Seen: outputs differ at the first step. It can be told only where the loop drops the units that the model drops.
"""

import keras
import tensorflow as tf

from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._forms import at_all, places
from lockstep.traps._steps import compared, rows
from lockstep.traps.dropout_left_out import dropping

KIND = keras.layers.Dropout


def wrong(self: keras.layers.Dropout, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
    """Units that are kept keep their size; any shape."""
    outputs = right(self, inputs, training)
    return outputs * (1 - self.rate) if training else outputs


def right(self: keras.layers.Dropout, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
    """Units that are kept grow by 1 / (1 - rate); any shape."""
    return type(self).call(self, inputs, training=training)


def measure() -> Effect:
    """The mean of a thousand ones, and digits after 44 steps with half of the hidden units dropped."""
    model = dropping()
    numbers = compared(model, {"network.layers.1.call": wrong}, *rows())
    for name, half in (("wrong", wrong), ("right", right)):
        numbers[f"{name} mean"] = float(tf.reduce_mean(half(model.layers[1], tf.ones((10, 100)), training=True)))
    return Effect(
        "a thousand ones after dropout of a half: mean {wrong mean:.2f}, not {right mean:.2f}; 330 digits after 44 steps: "
        "loss of the evaluated net {wrong loss:.4f}, not {right loss:.4f}".format(**numbers),
        numbers,
    )


def variants(replay):
    """Where the net has such layers."""
    if list(places(replay, KIND)):
        yield Variant(at_all(replay, KIND, "call", wrong))


TRAP = Trap(
    name="dropout-not-rescaled",
    text=__doc__,
    source="Srivastava et al. 2014",
    kind="loop",
    cause="dropout-scaling",
    stage="logits",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
