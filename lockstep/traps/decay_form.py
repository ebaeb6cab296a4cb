"""Weight decay is applied in another way: not times the learning rate, after the update, or not to biases.

The paper of AdamW has a decay that does not depend on the learning rate. Many recipes spare biases and the weights of
normalisations, which Keras does only where `exclude_from_weight_decay` is called.

Instead: `w -= lr * decay * w`, for all weights, before the rule.

Seen: the weights differ after the first step: all, or the biases alone. Biases that start at 0 show nothing until they have
moved. A decay after the update differs by `lr * decay` times a step, which is often less than rounding.
"""

import keras
import tensorflow as tf

from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._updates import effect
from lowlevel.optimizers import Optimizer

right = Optimizer.update


def wrong(self: Optimizer, gradients: list[tf.Tensor], weights: list[tf.Variable]) -> None:
    """The decay is not multiplied by the learning rate."""
    shares = [weight * self.train.weight_decay * (1 - tf.cast(self.rate(), weight.dtype)) for weight in weights]
    right(self, gradients, weights)
    for weight, share in zip(weights, shares, strict=True):
        weight.assign_sub(share)


def after(self: Optimizer, gradients: list[tf.Tensor], weights: list[tf.Variable]) -> None:
    """The decay is taken of the weights that the rule leaves."""
    starts = [weight.read_value() for weight in weights]
    right(self, gradients, weights)
    for weight, start in zip(weights, starts, strict=True):
        share = self.train.weight_decay * tf.cast(self.rate(), weight.dtype)
        weight.assign((weight + start * share) * (1 - share))


def kernels_only(self: Optimizer, gradients: list[tf.Tensor], weights: list[tf.Variable]) -> None:
    """Vectors do not decay."""
    shares = [weight * self.train.weight_decay * tf.cast(self.rate(), weight.dtype) for weight in weights]
    right(self, gradients, weights)
    for weight, share in zip(weights, shares, strict=True):
        if weight.shape.rank < 2:
            weight.assign_add(share)


def measure() -> Effect:
    """On digits."""
    return effect(variants, keras.optimizers.AdamW(1e-3, weight_decay=0.1, name="adamw"))


def variants(replay):
    """Where the reference has a decay."""
    if replay.train and replay.train.weight_decay:
        yield Variant({"optimizer.update": wrong}, "not times the learning rate")
        yield Variant({"optimizer.update": kernels_only}, "biases and other vectors do not decay")
        yield Variant({"optimizer.update": after}, "after the update")


TRAP = Trap(
    name="decay-form",
    text=__doc__,
    source="AdamW paper",
    kind="loop",
    cause="decay-form",
    stage="weights out",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
