"""Gradients are clipped in another way: not at all, number by number, each by its own norm, or all by their common norm.

Keras has `clipvalue`, `clipnorm` (each gradient by itself) and `global_clipnorm`; PyTorch's `clip_grad_norm_` is the last of
these, and `clip_grad_value_` the first.

Instead: take the same kind and the same threshold on both sides.

Seen: the weights differ after the first step whose gradients exceed the threshold, and agree at steps where none does. Adam
hides a factor that all gradients share for long.
"""

from functools import partial

import keras
import tensorflow as tf

from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._updates import effect, number
from lowlevel import clipping

KINDS = {"clipvalue": clipping.by_value, "clipnorm": clipping.by_norm, "global_clipnorm": clipping.by_global_norm}
THRESHOLDS = (1.0, 5.0, 0.5, 0.1, 10.0)

right = clipping.by_global_norm


def wrong(gradients: list[tf.Tensor], most: float) -> list[tf.Tensor]:
    """The gradients as they are."""
    return list(gradients)


def measure() -> Effect:
    """On digits."""
    return effect(variants, keras.optimizers.SGD(0.05, global_clipnorm=0.5, name="sgd"))


def variants(replay):
    """Another kind at the same threshold, or none; where the reference has none, the usual ones."""
    if not replay.train:
        return
    given = {kind: getattr(replay.train, kind) for kind in KINDS}
    was = next((f"{kind} {number(most)}" for kind, most in given.items() if most is not None), "none")
    thresholds = [most for most in given.values() if most is not None]
    for most in thresholds:
        yield Variant({"optimizer.clip": partial(wrong, most=most)}, f"none, not {was}")
    for kind, rule in KINDS.items():
        for most in thresholds or THRESHOLDS:
            if given[kind] is None:
                yield Variant({"optimizer.clip": partial(rule, most=most)}, f"{kind} {number(most)}, not {was}")


TRAP = Trap(
    name="gradient-clipping",
    text=__doc__,
    source="loops",
    kind="loop",
    cause="gradient-clipping",
    stage="weights out",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
