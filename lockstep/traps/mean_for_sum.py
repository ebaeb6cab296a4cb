"""The loop takes the mean of the batch's losses, where the model was compiled with their sum.

`reduction="sum"` is chosen for distributed training, or so that the learning rate belongs to one example. A loop that ends in
`tf.reduce_mean` out of habit then takes steps that are shorter by the size of a batch.

Instead: `tf.reduce_sum`, or compile the model with the mean; then multiply the learning rate by the batch size.

Seen: the loss is smaller by the number of examples of its batch, and so are the gradients. Where plain SGD is given full batches
only and the loop returns no loss, it cannot be told from a smaller learning rate.
"""

import tensorflow as tf

from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._small_nets import classifier, on_logits
from lockstep.traps._steps import compared, rows
from lowlevel.losses import mean_over_batch


def wrong(example_losses: tf.Tensor) -> tf.Tensor:
    """The mean; (batch,) -> ()."""
    return mean_over_batch(example_losses)


def right(example_losses: tf.Tensor) -> tf.Tensor:
    """The sum; (batch,) -> ()."""
    return tf.reduce_sum(example_losses)


PARTS = {"reduction": lambda self, example_losses: wrong(example_losses)}


def measure() -> Effect:
    """Digits after 44 steps; both losses are sums over 330 examples."""
    model = classifier(loss=on_logits("sum"))
    model.optimizer.learning_rate = 0.003
    numbers = compared(model, PARTS, *rows())
    return Effect("330 digits after 44 steps of SGD: loss {wrong loss:.1f}, not {right loss:.1f}".format(**numbers), numbers)


def variants(replay):
    """Where the compiled loss takes the sum."""
    if replay.objective.reduction == "sum":
        yield Variant(PARTS)


TRAP = Trap(
    name="mean-for-sum",
    text=__doc__,
    source="Keras, reduction",
    kind="loop",
    cause="loss-mean-not-sum",
    stage="loss",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
