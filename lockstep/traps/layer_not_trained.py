"""A layer is not trained, or only the last one is, or none.

A layer was left frozen after a transfer of weights, is missing in the list of variables, or gets no gradient since `.numpy()`,
`tf.stop_gradient` or `detach()` cut it off. Where nothing at all moves, `apply_gradients` was forgotten or copies are updated.

Instead: look for `None` among the gradients, and update every trainable weight.

Seen: after the first step the weights of the layer differ, and the loop never changes them.
"""

import keras

from lockstep.auditing.replay import Replay
from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._updates import effect, layers

right = Replay.kept


def wrong(self: Replay) -> list[int]:
    """Numbers of the weights that stay: all but the last layer's."""
    *others, _ = layers(self).values()
    return [at for numbers in others for at in numbers]


def measure() -> Effect:
    """On digits."""
    return effect(variants, keras.optimizers.SGD(0.05, name="sgd"))


def variants(replay):
    """Where there are weights: all layers but the last, each layer, all layers."""
    groups = layers(replay)
    if len(groups) > 2:
        yield Variant({"kept": wrong}, "all layers but the last")
    if len(groups) > 1:
        for name, numbers in groups.items():
            yield Variant({"kept": staying(numbers)}, f"layer {name}")
    yield Variant({"kept": lambda self: list(range(len(self.trainable)))}, "no layer is trained")


def staying(numbers: list[int]):
    """The part for one layer."""
    return lambda self: list(numbers)


TRAP = Trap(
    name="layer-not-trained",
    text=__doc__,
    source="loops",
    kind="loop",
    cause="layer-not-trained",
    stage="weights out",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
