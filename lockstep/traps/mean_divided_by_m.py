"""The mean of every batch is added up, and the sum divided by the number of all examples.

S0's first `compute_total_loss` takes the mean of a batch's losses. Its loop adds the means and divides by all m examples at
the end of the epoch. So every loss is divided twice, and the cost that is printed is too small by about the size of a batch.
The net itself learns as it should.

Instead: add up sums, and divide once, by the number of examples.

Seen: the running loss differs from the first step on, weights and gradients do not. The ratio is steps / examples. Where
a loop also differentiates what was divided twice, its gradients are as much too small; plain SGD that returns no loss then looks
like one with a smaller learning rate.
"""

import tensorflow as tf

from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._costs import LOSSES, epoch_cost, equal_losses
from lowlevel.losses import mean_over_batch
from lowlevel.metrics import Mean

right = Mean.add


def wrong(self: Mean, total: tf.Tensor, count: tf.Tensor) -> None:
    """Add the mean of a batch, and count its examples all the same."""
    self.total.assign_add(tf.cast(total / count, tf.float32))
    self.count.assign_add(tf.cast(count, tf.float32))


def measure() -> Effect:
    """The notes' five losses, and the 1,080 training pictures of the signs in batches of 32."""
    numbers = {
        "wrong": epoch_cost(wrong, LOSSES),
        "right": epoch_cost(right, LOSSES),
        "signs ratio": epoch_cost(wrong, equal_losses(1080, 32)) / epoch_cost(right, equal_losses(1080, 32)),
    }
    return Effect(
        "losses 0, 1, 2, 3 and 4 in batches of 4 and 1: cost {wrong:.4g}, not {right:.4g}; 1,080 examples in batches of 32: "
        "{signs ratio:.4f} of the truth".format(**numbers),
        numbers,
    )


def variants(replay):
    """Where the compiled loss takes the mean: divided once more in what is minimised, or only in what is returned."""
    if replay.objective.reduction == "sum":
        return
    counts = {"the rows of the batch": lambda self: self.size, f"all {replay.examples} examples": lambda self: self.examples}
    if replay.examples % replay.batch_size:
        counts[f"the batch size, {replay.batch_size}"] = lambda self: self.batch_size
    for name, count in counts.items():
        minimised = {"reduction": lambda self, losses, count=count: mean_over_batch(losses) / count(self)}
        yield Variant(minimised, f"the mean of a batch is divided by {name}, and then differentiated")
        returned = {"reported": lambda self, loss, losses, count=count: loss / count(self)}
        yield Variant(returned, f"the mean of a batch is divided by {name} in what the loop returns")


TRAP = Trap(
    name="mean-divided-by-m",
    text=__doc__,
    source="S0.11",
    met="amanchadha/coursera-deep-learning-specialization#43",
    kind="loop",
    cause="loss-divided-twice",
    replaces="mean_loss.add",
    stage="running metric",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
