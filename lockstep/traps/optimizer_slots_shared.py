"""Weights of equal shape share their slots.

The slots are kept in a dict under the name or the shape of the weight, and two weights have one name: the moments of both run
into one, updated in turn.

Instead: keep a slot for each weight, in a list beside the weights, or under a name that no other weight has.

Seen: after the first step the first of the weights of a shape is right, and the others are not.
"""

import keras
import tensorflow as tf

from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._updates import effect
from lowlevel.optimizers import Optimizer


def right(self: Optimizer) -> dict[tuple[int, str], tf.Variable]:
    """The slots by number of the weight and name of the slot."""
    return dict(self.slots)


def wrong(self: Optimizer) -> dict[tuple[int, str], tf.Variable]:
    """The slots by number of the weight and name of the slot; those of the first weight of each shape for all others."""
    first: dict[tuple[str, str], tf.Variable] = {}
    return {(at, name): first.setdefault((name, str(slot.shape)), slot) for (at, name), slot in self.slots.items()}


def measure() -> Effect:
    """On digits, with two layers of 25 units."""
    return effect(variants, keras.optimizers.Adam(1e-3, name="adam"), units=(25, 25))


def variants(replay):
    """Where two weights have one shape, and there are slots."""
    if replay.train and replay.optimizer.slots:
        shared = wrong(replay.optimizer)
        if any(shared[key] is not slot for key, slot in replay.optimizer.slots.items()):
            yield Variant({"optimizer.slots": shared})


TRAP = Trap(
    name="optimizer-slots-shared",
    text=__doc__,
    source="loops",
    kind="loop",
    cause="optimizer-slots-shared",
    stage="weights out",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
