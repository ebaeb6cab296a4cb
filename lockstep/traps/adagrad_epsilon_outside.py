"""Adagrad's epsilon is added to the root, not under it.

PyTorch has `sqrt(v) + epsilon`, Keras `sqrt(v + epsilon)`. As long as the accumulator starts at 0.1 the two are hardly apart;
where it starts at 0 they are.

Instead: `lr * g / sqrt(v + epsilon)`.

Seen: the weights differ after the first step, where the accumulator is small or epsilon large.
"""

import keras
import tensorflow as tf

from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._updates import effect
from lowlevel.optimizers import Adagrad

right = Adagrad.rule


def wrong(self: Adagrad, w: tf.Variable, g: tf.Tensor, *slots: tf.Variable, t: tf.Tensor, learning_rate: tf.Tensor):
    """New weight and accumulator; the root stands alone."""
    v = slots[0] + tf.square(g)
    return w - learning_rate * g / (tf.sqrt(v) + self.train.epsilon), v


def measure() -> Effect:
    """On digits, from an accumulator of 1e-6."""
    return effect(variants, keras.optimizers.Adagrad(0.01, initial_accumulator_value=1e-6, name="adagrad"))


def variants(replay):
    """Where the optimiser is Adagrad."""
    if replay.train and replay.train.optimizer == "adagrad":
        yield Variant({"optimizer.rule": wrong})


TRAP = Trap(
    name="adagrad-epsilon-outside",
    text=__doc__,
    source="PyTorch",
    kind="loop",
    cause="adagrad-epsilon-outside",
    stage="weights out",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
