"""The penalties are divided by the number of examples.

Courses write the cost as one bracket, `1 / m * (losses + lambda / 2 * squares)`; whoever does so for a batch divides the
penalties by its size. `(tf.reduce_sum(losses) + tf.add_n(model.losses)) / batch_size` does the same by accident. The
regularisation then depends on the batch size.

Instead: divide the losses only, `tf.reduce_mean(losses) + tf.add_n(model.losses)`; or give the model a smaller rate.

Seen: the loss is smaller by nearly all of the penalties. Where all batches are full, the batch's own size and the configured one
cannot be told apart.
"""

import tensorflow as tf

from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._steps import compared, rows
from lockstep.traps.penalty_left_out import regularized


def wrong(penalty: tf.Tensor, examples: int) -> tf.Tensor:
    """What is added for one penalty; () -> ()."""
    return penalty / examples


def right(penalty: tf.Tensor, examples: int) -> tf.Tensor:
    """What is added for one penalty: itself; () -> ()."""
    return penalty


def measure() -> Effect:
    """Digits after 44 steps in batches of 32."""
    numbers = compared(regularized(), {"penalty": lambda self, value: wrong(value, self.size)}, *rows())
    return Effect(
        "330 digits after 44 steps of SGD, L2 of 0.01: loss with penalties {wrong loss:.4f}, not {right loss:.4f}; weights up to "
        "{weights:.3f} off".format(**numbers),
        numbers,
    )


def variants(replay):
    """Where the model has penalties: by each count of examples, and with a half besides."""
    if not replay.model.losses:
        return
    counts = {"the rows of the batch": lambda self: self.size, f"all {replay.examples} examples": lambda self: self.examples}
    if replay.examples % replay.batch_size:
        counts[f"the batch size, {replay.batch_size}"] = lambda self: self.batch_size
    for name, count in counts.items():
        yield Variant({"penalty": lambda self, value, count=count: wrong(value, count(self))}, f"divided by {name}")
        detail = f"halved and divided by {name}"
        yield Variant({"penalty": lambda self, value, count=count: wrong(0.5 * value, count(self))}, detail)


TRAP = Trap(
    name="penalty-divided",
    text=__doc__,
    source="the courses' cost with L2",
    kind="loop",
    cause="regularizer-divided",
    stage="loss",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
