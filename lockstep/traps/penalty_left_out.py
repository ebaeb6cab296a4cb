"""The penalties of the model's regularisers are not in the loss that the loop minimises.

`kernel_regularizer=` only makes the layer list a penalty; `fit` adds up `model.losses` by itself. A loop that takes the loss
function of labels and outputs, and its gradient, trains without any regularisation.

Instead: `loss = loss_fn(y, model(x)) + tf.add_n(model.losses)`, within the tape.

Seen: the loss is smaller by the penalties, and the gradients of the regularised weights differ in proportion to these weights.
"""

import keras
import tensorflow as tf

from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._small_nets import dense, net
from lockstep.traps._steps import compared, rows


def wrong(model: keras.Model) -> list[tf.Tensor]:
    """What is added to the loss: nothing."""
    return []


def right(model: keras.Model) -> list[tf.Tensor]:
    """What is added to the loss: all penalties, () each."""
    return list(model.losses)


PARTS = {"penalties": lambda self: wrong(self.model)}


def measure() -> Effect:
    """Digits after 44 steps, where both kernels have L2 of 0.01."""
    numbers = compared(regularized(), PARTS, *rows())
    return Effect(
        "330 digits after 44 steps of SGD, L2 of 0.01: loss with penalties {wrong loss:.4f}, not {right loss:.4f}; weights up to "
        "{weights:.3f} off".format(**numbers),
        numbers,
    )


def regularized() -> keras.Model:
    """The net for digits, both kernels with L2 of 0.01."""
    decay = keras.regularizers.L2(0.01)
    return net(dense(1, 25, "relu", kernel_regularizer=decay), dense(2, 10, kernel_regularizer=decay))


def variants(replay):
    """Where the model has penalties."""
    if replay.model.losses:
        yield Variant(PARTS)


TRAP = Trap(
    name="penalty-left-out",
    text=__doc__,
    source="Keras, model.losses",
    kind="loop",
    cause="regularizer-missing",
    stage="loss",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
