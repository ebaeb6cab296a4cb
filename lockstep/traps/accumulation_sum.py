"""Gradients that are gathered over several batches are summed, not averaged.

`gradient_accumulation_steps` of Keras takes the mean of the batches that it gathers. In PyTorch `backward()` adds, and the
loss has to be divided by the number of batches by hand.

Instead: divide the loss, or the sum of the gradients, by the number of batches.

Seen: the weights differ after the first update, whose change is as many times as long. Adam divides the number out again;
with plain gradient descent a learning rate that is as many times as large does the same.
"""

import keras
import tensorflow as tf

from lockstep.auditing.replay import Replay
from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._updates import effect

right = Replay.gradients


def wrong(self: Replay, gradients: list[tf.Tensor], steps: int = 4) -> list[tf.Tensor]:
    """What the optimiser is given, so that its means are sums."""
    return [one * steps for one in gradients]


def measure() -> Effect:
    """On digits."""
    return effect(variants, keras.optimizers.SGD(0.05, gradient_accumulation_steps=4, name="sgd"))


def variants(replay):
    """Where the reference gathers gradients."""
    steps = replay.train and replay.train.gradient_accumulation_steps
    if steps:
        yield Variant({"gradients": lambda self, gradients: wrong(self, gradients, steps)}, f"over {steps} batches")


TRAP = Trap(
    name="accumulation-sum",
    text=__doc__,
    source="PyTorch",
    kind="loop",
    cause="accumulation-sum",
    stage="weights out",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
