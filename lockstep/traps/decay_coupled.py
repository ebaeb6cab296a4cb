"""Weight decay is added to the gradient.

PyTorch's `Adam(weight_decay=...)` and an L2 penalty add `decay * w` to the gradient, so that it goes through the moments and is
divided by their root. AdamW shrinks the weights beside the rule. With plain gradient descent both are the same.

Instead: `w -= lr * decay * w` before the rule, as AdamW does.

Seen: the weights differ after the first step.
"""

import keras
import tensorflow as tf

from lockstep.auditing.replay import Replay
from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._updates import effect, number
from lowlevel import clipping
from shared.spec import TrainSpec
from shared.spec.train import CLIPPING

right = Replay.gradients


def wrong(self: Replay, gradients: list[tf.Tensor], decay: float = 0.004) -> list[tf.Tensor]:
    """What the optimiser is given; the decay is in it."""
    return [one + decay * weight for one, weight in zip(gradients, self.trainable, strict=True)]


def after_clipping(self: Replay, gradients: list[tf.Tensor], decay: float) -> list[tf.Tensor]:
    """Clipped gradients, with the decay in them."""
    return wrong(self, clipping.get(self.train)(gradients), decay)


def measure() -> Effect:
    """On digits."""
    return effect(variants, keras.optimizers.AdamW(1e-3, weight_decay=0.1, name="adamw"))


def variants(replay):
    """Where the reference has a decay and its rule is not plain gradient descent."""
    train = replay.train
    if not train or not train.weight_decay or (train.optimizer == "sgd" and not train.momentum and not clips(train)):
        return
    decay, without = train.weight_decay, {"optimizer.train.weight_decay": None}
    yield Variant({"gradients": lambda self, gradients: wrong(self, gradients, decay), **without}, f"decay {number(decay)}")
    if clips(train):
        alone = {"gradients": lambda self, gradients: after_clipping(self, gradients, decay), "optimizer.clip": list}
        yield Variant(alone | without, f"decay {number(decay)}, after clipping")


def clips(train: TrainSpec) -> bool:
    """Whether gradients are clipped."""
    return any(getattr(train, name) is not None for name in CLIPPING)


TRAP = Trap(
    name="decay-coupled",
    text=__doc__,
    source="PyTorch",
    kind="loop",
    cause="decay-coupled",
    stage="weights out",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
