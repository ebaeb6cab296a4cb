"""The sum of a batch's losses is divided by the configured batch size, also in the last, smaller batch.

`tf.nn.compute_average_loss(losses, global_batch_size=BATCH)` and `loss.sum() / batch_size` do it. The examples of the last batch
then count less than all others: ten rows in a batch of 32 count 10 / 32.

Instead: divide by the number of rows that the batch has, `tf.shape(x)[0]`; that is what `fit` does.

Seen: all steps are right but those of the partial batch, whose loss and gradients are smaller by the share of rows that it has.
"""

import tensorflow as tf

from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._small_nets import classifier
from lockstep.traps._steps import BATCH, compared, rows
from lowlevel.losses import mean_over_batch


def wrong(example_losses: tf.Tensor, batch_size: int) -> tf.Tensor:
    """The sum divided by the size of full batches; (batch,) -> ()."""
    return tf.reduce_sum(example_losses) / batch_size


def right(example_losses: tf.Tensor, batch_size: int) -> tf.Tensor:
    """The sum divided by the size of this batch; (batch,) -> ()."""
    return mean_over_batch(example_losses)


PARTS = {"reduction": lambda self, example_losses: wrong(example_losses, self.batch_size)}


def measure() -> Effect:
    """What the last batch of 330 rows reports where each loss is 1, and digits after 44 steps, four of them partial."""
    numbers = compared(classifier(), PARTS, *rows()) | {"share": float(wrong(tf.ones(330 % BATCH), BATCH))}
    return Effect(
        "ten losses of 1 in batches of 32: {share:.4f}, not 1; 330 digits after 44 steps: loss {wrong loss:.4f}, not "
        "{right loss:.4f}".format(**numbers),
        numbers,
    )


def variants(replay):
    """Where the mean is taken and the last batch is smaller."""
    if replay.objective.reduction != "sum" and replay.examples % replay.batch_size:
        yield Variant(PARTS, f"divided by {replay.batch_size}")


TRAP = Trap(
    name="fixed-divisor",
    text=__doc__,
    source="TensorFlow, compute_average_loss",
    kind="loop",
    cause="last-batch-weighting",
    stage="loss",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
