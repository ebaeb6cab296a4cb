"""The means of the batches are added up and divided by the size of a batch, not by how many batches there were.

S3 adds `minibatch_cost / minibatch_size` for every batch, and the cost of a batch is already a mean. The result is the true
cost times steps / batch size: nearly right for the signs by chance, since 1,056 of 1,080 pictures make 33 batches of 32, and
wrong for any other size. With it the cost depends on how much data there is.

Instead: add up sums, and divide once, by the number of examples.

Seen: the running loss differs from the first step on, weights and gradients do not. The ratio is steps / batch size.
"""

import tensorflow as tf

from lockstep.auditing.replay import Replay
from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._costs import epoch_cost, equal_losses
from lowlevel.metrics import Mean

right = Mean.add
right_figures = Replay.figures


def wrong(self: Mean, total: tf.Tensor, count: tf.Tensor) -> None:
    """Add the mean of a batch, divided by its size once more; divide by nothing at the end."""
    self.total.assign_add(tf.cast(total / count / count, tf.float32))
    self.count.assign(1.0)


def measure() -> Effect:
    """1,080 examples in full batches of 32 and of 64; the true cost is 1."""
    numbers = {f"ratio {size}": epoch_cost(wrong, equal_losses(1080, size, drop_remainder=True)) for size in (32, 64)}
    numbers["printed"] = 0.742591  # S3, after the first epoch
    numbers["true"] = numbers["printed"] / numbers["ratio 32"]
    return Effect(
        "33 batches of 32: {ratio 32:.4f} times the truth, 16 of 64: {ratio 64:.4f}; the first cost that S3 prints, {printed}, "
        "was {true:.6f}".format(**numbers),
        numbers,
    )


def variants(replay):
    """The same at the end of an epoch, and other divisors."""
    for name, divisor in DIVISORS.items():
        yield Variant({"figures": _divided(divisor)}, f"the batches' means are added up and divided by {name}")


DIVISORS = {
    "the size of a batch": lambda epoch: epoch.batch_size,
    "nothing": lambda epoch: 1,
    "the number of examples": lambda epoch: epoch.sizes.sum(),
}


def _divided(divisor):
    """The figures with that divisor."""

    def figures(self, epoch):
        return right_figures(self, epoch) | {"loss": float(epoch.losses.sum() / divisor(epoch))}

    return figures


TRAP = Trap(
    name="cost-divided-by-batch-size",
    text=__doc__,
    source="S3.2",
    met="S3.2",
    kind="loop",
    cause="epoch-loss-scaling",
    replaces="mean_loss.add",
    stage="running metric",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
