"""The running averages of the weights are not put in their place.

With `use_ema=True` and `ema_overwrite_frequency=n` Keras replaces the weights by their averages after every n steps. A loop
that keeps no averages, or never puts them back, goes on with the weights as they are.

Instead: after every n-th step `w.assign(average)`.

Seen: the weights differ after step n.
"""

import keras
import tensorflow as tf

from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._updates import effect


def wrong(w: tf.Tensor, average: tf.Tensor, step: int, every: int) -> tf.Tensor:
    """The weight after step number ``step``."""
    return w


def right(w: tf.Tensor, average: tf.Tensor, step: int, every: int) -> tf.Tensor:
    """The weight after step number ``step``, or its average."""
    return average if step % every == 0 else w


def measure() -> Effect:
    """On digits."""
    return effect(variants, keras.optimizers.SGD(0.05, use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=5, name="sgd"))


def variants(replay):
    """Where the reference overwrites its weights."""
    if replay.train and replay.train.ema_overwrite_frequency:
        yield Variant({"optimizer.train.ema_overwrite_frequency": None})


TRAP = Trap(
    name="ema-missing",
    text=__doc__,
    source="loops",
    kind="loop",
    cause="ema-missing",
    stage="weights out",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
