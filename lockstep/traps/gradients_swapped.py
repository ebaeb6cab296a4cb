"""Gradients go to the wrong weights of equal shape.

`zip(gradients, weights)` pairs two lists that do not have one order: sorted names put `W10` before `W2`, and a reversed list of
layers fits where the shapes do.

Instead: take the gradients of the very list that is updated: `tape.gradient(loss, weights)`.

Seen: the weights of those layers differ after the first step; all others are right.
"""

from collections.abc import Callable
from itertools import combinations

import keras
import tensorflow as tf

from lockstep.auditing.replay import Replay
from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._updates import effect

MOST = 6  # pairs that are tried

right = Replay.gradients


def wrong(self: Replay, gradients: list[tf.Tensor]) -> list[tf.Tensor]:
    """What the optimiser is given; of equal shapes in reversed order."""
    return reordered(gradients, lambda same: same[::-1])


def reordered(gradients: list[tf.Tensor], order: Callable[[list[int]], list[int]]) -> list[tf.Tensor]:
    """The gradients with another order within each shape."""
    new = list(gradients)
    for same in groups(gradients):
        for at, other in zip(same, order(same), strict=True):
            new[at] = gradients[other]
    return new


def groups(tensors: list[tf.Tensor]) -> list[list[int]]:
    """Numbers of tensors of equal shape, where there are several."""
    shapes: dict[tuple, list[int]] = {}
    for at, tensor in enumerate(tensors):
        shapes.setdefault(tuple(tensor.shape), []).append(at)
    return [same for same in shapes.values() if len(same) > 1]


def measure() -> Effect:
    """On digits, with two layers of 25 units."""
    return effect(variants, keras.optimizers.SGD(0.05, name="sgd"), units=(25, 25))


def variants(replay):
    """Where two weights have one shape: all reversed, all rotated, two of them exchanged."""
    same = groups(replay.trainable)
    if not same:
        return
    if max(map(len, same)) > 2 or len(same) > 1:
        yield Variant({"gradients": wrong}, "all of one shape in reversed order")
    if max(map(len, same)) > 2:
        yield Variant({"gradients": lambda self, gradients: reordered(gradients, lambda same: [*same[1:], same[0]])}, "rotated")
    names = ["/".join(weight.path.split("/")[-2:]) for weight in replay.model.trainable_variables]
    pairs = [pair for numbers in same for pair in combinations(numbers, 2)]
    for left, right_one in pairs[:MOST]:
        yield Variant({"gradients": exchanged(left, right_one)}, f"{names[left]} and {names[right_one]} are exchanged")


def exchanged(left: int, other: int):
    """The part for two weights."""
    return lambda self, gradients: [gradients[{left: other, other: left}.get(at, at)] for at in range(len(gradients))]


TRAP = Trap(
    name="gradients-swapped",
    text=__doc__,
    source="loops",
    kind="loop",
    cause="gradients-swapped",
    stage="weights out",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
