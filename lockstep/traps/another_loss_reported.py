"""The loop returns another number than the loss that it minimises.

The sum of the batch where the mean is differentiated, the loss without its penalties, or `train_loss.result()`, the running mean
of all steps so far, as TensorFlow's own tutorials have it. The training is right and the curve is another one.

Instead: return the number of which the gradients were taken.

Seen: the losses differ from the first step on (the running mean from the second), and the weights agree throughout.
"""

import numpy as np
import tensorflow as tf

from lockstep.auditing.loop import Loop
from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._steps import rows
from lockstep.traps.penalty_left_out import regularized
from lowlevel.losses import mean_over_batch


def wrong(loss: tf.Tensor, example_losses: tf.Tensor) -> tf.Tensor:
    """The sum of the batch; loss (), example losses (batch,) -> ()."""
    return tf.reduce_sum(example_losses)


def right(loss: tf.Tensor, example_losses: tf.Tensor) -> tf.Tensor:
    """The loss that is minimised; loss (), example losses (batch,) -> ()."""
    return loss


def running(loss: tf.Tensor, before: list[np.ndarray]) -> tf.Tensor:
    """The mean of all losses so far, from those means before it."""
    return loss if not before else before[-1] + (loss - before[-1]) / (len(before) + 1)


def measure() -> Effect:
    """What is reported of digits at the first step, by a net with L2."""
    x, y = rows(32)
    parts = {variant.detail: variant.parts for variant in variants(Loop(regularized()).replay)} | {"right": {}}
    numbers = {name: float(Loop(regularized(), planted).step(x, y)) for name, planted in parts.items()}
    return Effect(
        "32 digits, the first step: the sum {the sum of the batch:.3f}, without penalties {the loss without penalties:.4f}, not "
        "{right:.4f}".format(**numbers),
        numbers,
    )


def variants(replay):
    """The sum, or the mean where the model has the sum; without penalties where there are any; the running mean."""
    if replay.objective.reduction == "sum":
        yield Variant({"reported": lambda self, loss, losses: mean_over_batch(losses)}, "the mean of the batch")
    else:
        yield Variant({"reported": lambda self, loss, losses: wrong(loss, losses)}, "the sum of the batch")
    if replay.model.losses:
        yield Variant({"reported": lambda self, loss, losses: self.reduction(losses)}, "the loss without penalties")
    yield Variant({"reported": lambda self, loss, losses: running(loss, self.reports)}, "the mean of all steps so far")


TRAP = Trap(
    name="another-loss-reported",
    text=__doc__,
    source="TensorFlow, custom training loops",
    kind="loop",
    cause="loss-reported",
    stage="loss",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
