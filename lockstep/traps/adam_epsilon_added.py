"""Adam's epsilon is added to the weight, not to the root that it guards.

A bracket is missing in the Adam of Dive into Deep Learning's TensorFlow version: `lr * m / sqrt(v) + eps`. The root stands
unguarded, so a weight whose gradient has always been exactly 0 becomes 0 / 0, which is NaN, and every other weight drifts
upwards by epsilon a step. A pixel that is 0 in all of the first batch is enough.

Instead: `lr * m / (sqrt(v) + eps)`.

Seen: the weights differ after the first step, and are NaN where a gradient was 0.
"""

import numpy as np
import tensorflow as tf

import lowlevel
from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._digits import MODEL, TRAIN, digits
from lockstep.traps._updates import corrected, is_adam
from lowlevel.optimizers import Adam

right = Adam.rule


def wrong(self: Adam, w: tf.Variable, g: tf.Tensor, *slots: tf.Variable, t: tf.Tensor, learning_rate: tf.Tensor):
    """New weight and moments; the bracket is missing."""
    _, m, v = right(self, w, g, *slots, t=t, learning_rate=learning_rate)
    return w - m * corrected(self, t, learning_rate) / tf.sqrt(v) + self.train.epsilon, m, v


def measure() -> Effect:
    """How many of the 10,575 weights are NaN after the first step on 32 digits."""
    x, y = digits()
    numbers = {}
    for name in ("wrong", "right"):
        trainer = lowlevel.Trainer(MODEL, TRAIN)
        if name == "wrong":
            TRAP.plant(trainer)
        trainer.train_on_batch(x[:32], y[:32])
        numbers[f"{name} NaN"] = sum(int(np.isnan(weight).sum()) for weight in trainer.weights())
    return Effect(
        "after the first step on 32 digits {wrong NaN:,} of 10,575 weights are NaN, not {right NaN}".format(**numbers), numbers
    )


def variants(replay):
    """Where the optimiser is an Adam."""
    if is_adam(replay):
        yield Variant({"optimizer.rule": wrong})


TRAP = Trap(
    name="adam-epsilon-added",
    text=__doc__,
    source="d2l.ai, Adam",
    met="d2l.ai, Adam",
    kind="loop",
    cause="adam-epsilon-added",
    replaces="optimizer.rule",
    stage="weights out",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
