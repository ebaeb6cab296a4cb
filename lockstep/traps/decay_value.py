"""Weight decay has another value, or is there where the reference has none.

Keras's AdamW has 0.004, PyTorch's 0.01, the papers 0.1 or 0.05; `Adam` has none in either.

Instead: pass `weight_decay` on both sides.

Seen: the weights differ after the first step, most where they are large; biases that are 0 agree.
"""

import keras
import tensorflow as tf

from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._updates import effect, number

VALUES = (0.01, 0.004, 1e-4, 5e-4, 1e-3, 0.05, 0.1)


def wrong(w: tf.Tensor, learning_rate: tf.Tensor) -> tf.Tensor:
    """The weight to which the rule is applied, with PyTorch's decay."""
    return w - w * 0.01 * learning_rate


def right(w: tf.Tensor, learning_rate: tf.Tensor) -> tf.Tensor:
    """The weight to which the rule is applied, with Keras's decay."""
    return w - w * 0.004 * learning_rate


def measure() -> Effect:
    """On digits."""
    return effect(variants, keras.optimizers.AdamW(1e-3, name="adamw"))


def variants(replay):
    """The usual values, where the rate does not hide them."""
    if replay.train:
        decay = replay.train.weight_decay
        was = "none" if decay is None else number(decay)
        for value in VALUES:
            if decay is None or abs(value - decay) > 1e-6:
                yield Variant({"optimizer.train.weight_decay": value}, f"{number(value)}, not {was}")


TRAP = Trap(
    name="decay-value",
    text=__doc__,
    source="PyTorch",
    kind="loop",
    cause="decay-value",
    stage="weights out",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
