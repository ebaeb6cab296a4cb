"""Gradients are never set back to 0: they add up over the steps.

PyTorch adds to `.grad` until `zero_grad()` is called; whoever forgets it updates with the sum of all gradients so far. The same
comes of a list of gradients that is made before the loop.

Instead: `optimizer.zero_grad()` in every step. A `tf.GradientTape` gives new gradients each time.

Seen: the first step is right, and the weights differ after the second.
"""

import keras
import tensorflow as tf

from lockstep.auditing.replay import Replay
from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._updates import effect

right = Replay.gradients


def wrong(self: Replay, gradients: list[tf.Tensor], since: int = 0) -> list[tf.Tensor]:
    """The sums of the gradients of all steps from number ``since`` on."""
    return [tf.add_n([one, *(past[at] for past in self.past[since:])]) for at, one in enumerate(gradients)]


def each_epoch(self: Replay, gradients: list[tf.Tensor]) -> list[tf.Tensor]:
    """The sums of the gradients of the epoch so far."""
    return wrong(self, gradients, self.step // self.steps_per_epoch * self.steps_per_epoch)


def measure() -> Effect:
    """On digits."""
    return effect(variants, keras.optimizers.SGD(0.05, name="sgd"))


def variants(replay):
    """Everywhere."""
    yield Variant({"gradients": wrong}, "never")
    if replay.steps_per_epoch > 1:
        yield Variant({"gradients": each_epoch}, "only at the start of an epoch")


TRAP = Trap(
    name="gradients-not-reset",
    text=__doc__,
    source="PyTorch",
    kind="loop",
    cause="gradients-not-reset",
    stage="weights out",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
