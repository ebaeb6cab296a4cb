"""Logits are handed to a loss that expects probabilities.

`from_logits` is False unless it is set. A net that ends linear then has its outputs taken for probabilities: Keras cuts them off
at 1e-7 and just below 1 and takes the logarithm. Where a logit lies outside of 0 and 1, as most do, its gradient is 0, and the
net hardly learns.

Instead: `from_logits=True`, or softmax (sigmoid for binary labels) in the last layer.

Seen: the loss of the first step is far too large, up to 16.1, the logarithm of 1e-7; many gradients are exactly 0.
"""

import keras
import tensorflow as tf

from lockstep.auditing.replay import example_losses
from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._forms import ends_linear, of_logits, otherwise
from lockstep.traps._small_nets import classifier, on_logits
from lockstep.traps._steps import compared, rows


def wrong(objective: keras.losses.Loss, y: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Losses of the examples, as Keras computes them from probabilities; logits (batch, classes) -> (batch,)."""
    return example_losses(otherwise(objective, from_logits=False), y, logits)


def right(objective: keras.losses.Loss, y: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Losses of the examples, from logits; (batch, classes) -> (batch,)."""
    return example_losses(otherwise(objective, from_logits=True), y, logits)


def measure() -> Effect:
    """The loss of one example, and digits after 44 steps."""
    objective = on_logits()
    numbers = compared(classifier(), {"objective": otherwise(objective, from_logits=False)}, *rows())
    for name, half in (("wrong", wrong), ("right", right)):
        numbers[f"{name} single"] = float(half(objective, tf.constant([0]), tf.constant([[-0.5, 0.2, 0.3]]))[0])
    return Effect(
        "logits -0.5, 0.2 and 0.3 of class 0: loss {wrong single:.2f}, not {right single:.2f}; 330 digits after 44 steps: "
        "{wrong loss:.4f}, not {right loss:.4f}".format(**numbers),
        numbers,
    )


def variants(replay):
    """Where the compiled loss expects logits; and where it expects probabilities, of a net that ends linear."""
    if of_logits(replay):
        yield Variant({"objective": otherwise(replay.objective, from_logits=False)}, "from_logits=False")
    elif of_logits(replay) is False and ends_linear(replay):
        detail = "it is the model that does, its last layer being linear, and the loop takes logits for logits"
        yield Variant({"objective": otherwise(replay.objective, from_logits=True)}, detail)


TRAP = Trap(
    name="logits-as-probabilities",
    text=__doc__,
    source="Keras, from_logits",
    kind="loop",
    cause="logits-as-probabilities",
    stage="example losses",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
