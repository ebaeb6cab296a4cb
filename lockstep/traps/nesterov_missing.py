"""Nesterov's look-ahead is left out.

`nesterov=True` was set on one side only, or the loop updates with the momentum itself: `w + m` and not `w + mu m - lr g`.

Instead: `w += mu * m - lr * g` after `m = mu * m - lr * g`, or PyTorch's `nesterov=True`.

Seen: the weights differ after the first step, whose change is `lr g` and not `(1 + mu) lr g`.
"""

import keras
import tensorflow as tf

from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._updates import changed, effect
from lowlevel.optimizers import SGD

right = SGD.rule


def wrong(self: SGD, w: tf.Variable, g: tf.Tensor, *slots: tf.Variable, t: tf.Tensor, learning_rate: tf.Tensor):
    """New weight and slots; without the look-ahead."""
    return right(changed(self, nesterov=False), w, g, *slots, t=t, learning_rate=learning_rate)


def measure() -> Effect:
    """On digits."""
    return effect(variants, keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True, name="sgd"))


def variants(replay):
    """Where the reference looks ahead."""
    if replay.train and replay.train.nesterov:
        yield Variant({"optimizer.train.nesterov": False})


TRAP = Trap(
    name="nesterov-missing",
    text=__doc__,
    source="loops",
    kind="loop",
    cause="nesterov-missing",
    stage="weights out",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
