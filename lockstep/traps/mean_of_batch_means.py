"""The cost of an epoch is the mean of the batches' means, though the last batch is smaller.

Every batch then weighs the same, so the examples of a smaller last batch weigh more than the others. S0 warns of it: five
losses 0, 1, 2, 3 and 4 in batches of four and one have the mean 2, while the mean of the means 1.5 and 4 is 2.75.

Instead: weigh each batch by its size: add up sums, and divide once, by the number of examples.

Seen: the running loss is right but for rounding up to the last full batch, and differs at the first partial one. Where the
batch size divides the number of examples nothing shows.
"""

import tensorflow as tf

from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._costs import LOSSES, epoch_cost, equal_losses
from lowlevel.metrics import Mean

right = Mean.add


def wrong(self: Mean, total: tf.Tensor, count: tf.Tensor) -> None:
    """Add the mean of a batch, and count it as one."""
    self.total.assign_add(tf.cast(total / count, tf.float32))
    self.count.assign_add(1.0)


def measure() -> Effect:
    """The notes' five losses, and how much an example of the signs' last batch weighs: 24 of 1,080."""
    signs = [losses * (len(losses) < 32) for losses in equal_losses(1080, 32)]  # only the last batch has losses
    numbers = {
        "wrong": epoch_cost(wrong, LOSSES),
        "right": epoch_cost(right, LOSSES),
        "signs weight": epoch_cost(wrong, signs) / epoch_cost(right, signs),
    }
    return Effect(
        "losses 0, 1, 2, 3 and 4 in batches of 4 and 1: cost {wrong:.4g}, not {right:.4g}; of 1,080 examples in batches of 32 "
        "each of the last 24 counts {signs weight:.2f} times".format(**numbers),
        numbers,
    )


def variants(replay):
    """The same at the end of an epoch; the accuracy likewise."""
    yield Variant({"figures": _means})


def _means(self, epoch):
    return {"loss": float(epoch.losses.mean()), "accuracy": float((epoch.hits / epoch.sizes).mean())}


TRAP = Trap(
    name="mean-of-batch-means",
    text=__doc__,
    source="S0.11",
    met="S0.11",
    kind="loop",
    cause="last-batch-weighting",
    replaces="mean_loss.add",
    stage="running metric",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
