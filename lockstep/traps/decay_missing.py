"""Weight decay is left out.

Keras's AdamW decays by 0.004 without being asked, PyTorch's by 0.01, and Adam not at all.

Instead: `w -= lr * decay * w` before the rule.

Seen: the weights differ after the first step, most where they are large; biases that are 0 agree.
"""

import keras
import tensorflow as tf

from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._updates import effect


def wrong(w: tf.Tensor, decay: float, learning_rate: tf.Tensor) -> tf.Tensor:
    """The weight to which the rule is applied."""
    return w


def right(w: tf.Tensor, decay: float, learning_rate: tf.Tensor) -> tf.Tensor:
    """The weight to which the rule is applied; decayed."""
    return w - w * decay * learning_rate


def measure() -> Effect:
    """On digits."""
    return effect(variants, keras.optimizers.AdamW(1e-3, weight_decay=0.1, name="adamw"))


def variants(replay):
    """Where the reference has a decay."""
    if replay.train and replay.train.weight_decay:
        yield Variant({"optimizer.train.weight_decay": None})


TRAP = Trap(
    name="decay-missing",
    text=__doc__,
    source="loops",
    kind="loop",
    cause="decay-missing",
    stage="weights out",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
