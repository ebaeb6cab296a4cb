"""Adagrad's accumulator starts at 0.

The paper and PyTorch start at 0, Keras at 0.1, so that a first small gradient does not make a step of the full learning rate.

Instead: start at `initial_accumulator_value`, 0.1 in Keras; PyTorch has the argument too.

Seen: the weights differ after the first step, in which every weight moves by about the learning rate.
"""

import keras
import numpy as np

from lockstep.auditing.replay import Replay
from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._updates import effect

right = Replay.first_slots


def wrong(self: Replay, slots: list[np.ndarray]) -> list[np.ndarray]:
    """The optimiser's variables before the first step; the accumulators lack what they start with."""
    accumulators = {id(slot) for (_, name), slot in self.optimizer.slots.items() if name == "accumulator"}
    start = self.train.initial_accumulator_value
    return [value - start if id(slot) in accumulators else value for slot, value in zip(self.slots, slots, strict=True)]


def measure() -> Effect:
    """On digits."""
    return effect(variants, keras.optimizers.Adagrad(0.01, name="adagrad"))


def variants(replay):
    """Where the reference starts elsewhere."""
    if replay.train and replay.train.optimizer == "adagrad" and replay.train.initial_accumulator_value:
        yield Variant({"first_slots": wrong})


TRAP = Trap(
    name="adagrad-initial-accumulator",
    text=__doc__,
    source="PyTorch",
    kind="loop",
    cause="adagrad-initial-accumulator",
    stage="weights out",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
