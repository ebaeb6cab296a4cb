"""Biases are not updated.

The list of weights that is handed to the tape or to the optimiser holds the kernels only; or the biases are plain tensors,
made with `tf.zeros`, and no variables.

Instead: update every trainable weight: `model.trainable_variables`.

Seen: the biases differ after the first step, and the kernels agree as long as biases have hardly moved. The loop never
changes them.
"""

import keras

from lockstep.auditing.replay import Replay
from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._updates import effect

right = Replay.kept


def wrong(self: Replay) -> list[int]:
    """Numbers of the weights that stay: the biases."""
    return [at for at, weight in enumerate(self.model.trainable_variables) if weight.path.split("/")[-1] == "bias"]


def vectors(self: Replay) -> list[int]:
    """All vectors, also those of a batch normalisation."""
    return [at for at, weight in enumerate(self.trainable) if weight.shape.rank < 2]


def measure() -> Effect:
    """On digits."""
    return effect(variants, keras.optimizers.SGD(0.05, name="sgd"))


def variants(replay):
    """Where some weights are biases, and some are not."""
    biases, flat = wrong(replay), vectors(replay)
    if 0 < len(biases) < len(replay.trainable):
        yield Variant({"kept": wrong}, "all biases")
    if len(biases) < len(flat) < len(replay.trainable):
        yield Variant({"kept": vectors}, "all vectors")


TRAP = Trap(
    name="bias-not-updated",
    text=__doc__,
    source="loops",
    kind="loop",
    cause="bias-not-updated",
    stage="weights out",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
