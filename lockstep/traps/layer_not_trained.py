"""A layer is not trained, or only the last one is.

A layer was left frozen after a transfer of weights, is missing in the list of variables, or gets no gradient since `.numpy()`,
`tf.stop_gradient` or `detach()` cut it off. (A loop that updates nothing at all is another fault: `no-update`.)

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
    """Where there are several layers: all but the last, and each one."""
    groups = layers(replay)
    if len(groups) > 2:  # of two layers, all but the last is the first
        yield Variant({"kept": wrong}, "all layers but the last")
    if len(groups) > 1:
        for name, numbers in groups.items():
            yield Variant({"kept": staying(numbers)}, f"layer {name}")


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
