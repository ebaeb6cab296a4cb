"""Nesterov's look-ahead is there, and the reference has none.

`nesterov=True` stands in many recipes; Keras's default is False, and so is PyTorch's.

Instead: set `nesterov` alike on both sides.

Seen: the weights differ after the first step, whose change is `(1 + mu) lr g` and not `lr g`.
"""

import keras
import tensorflow as tf

from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._updates import changed, effect
from lowlevel.optimizers import SGD

right = SGD.rule


def wrong(self: SGD, w: tf.Variable, g: tf.Tensor, *slots: tf.Variable, t: tf.Tensor, learning_rate: tf.Tensor):
    """New weight and slots; with the look-ahead."""
    return right(changed(self, nesterov=True), w, g, *slots, t=t, learning_rate=learning_rate)


def measure() -> Effect:
    """On digits."""
    return effect(variants, keras.optimizers.SGD(0.05, momentum=0.9, name="sgd"))


def variants(replay):
    """Where the reference has a momentum without it."""
    if replay.train and replay.train.optimizer == "sgd" and replay.train.momentum and not replay.train.nesterov:
        yield Variant({"optimizer.train.nesterov": True})


TRAP = Trap(
    name="nesterov-added",
    text=__doc__,
    source="loops",
    kind="loop",
    cause="nesterov-added",
    stage="weights out",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
