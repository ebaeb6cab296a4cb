"""Gradients are added, not subtracted.

`w += lr * g`, or a loss that is a likelihood whose sign was forgotten: all weights climb. Or one layer does, where its update
was written by hand.

Instead: `w -= lr * g`, with a loss that is to become small.

Seen: the weights differ after the first step: their changes have the other sign. The loss rises.
"""

import keras
import tensorflow as tf

from lockstep.auditing.replay import Replay
from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._updates import effect, layers

right = Replay.gradients


def wrong(self: Replay, gradients: list[tf.Tensor], layer: frozenset[int] | None = None) -> list[tf.Tensor]:
    """What the optimiser is given; all of them, or those of one layer, have the other sign."""
    return [-one if layer is None or at in layer else one for at, one in enumerate(gradients)]


def measure() -> Effect:
    """On digits."""
    return effect(variants, keras.optimizers.SGD(0.05, name="sgd"))


def variants(replay):
    """Everywhere: all weights, or those of one layer."""
    yield Variant({"gradients": wrong}, "all weights")
    groups = layers(replay)
    if len(groups) > 1:
        for name, numbers in groups.items():
            yield Variant({"gradients": climbing(frozenset(numbers))}, f"layer {name}")


def climbing(layer: frozenset[int]):
    """The part for one layer."""
    return lambda self, gradients: wrong(self, gradients, layer)


TRAP = Trap(
    name="gradient-ascent",
    text=__doc__,
    source="loops",
    kind="loop",
    cause="gradient-ascent",
    stage="weights out",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
