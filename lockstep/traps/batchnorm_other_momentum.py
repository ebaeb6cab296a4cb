"""The moving statistics of batch normalisation keep another share of the old value.

Keras keeps 0.99, the courses and older TensorFlow 0.9 or 0.999. PyTorch's `momentum=0.1` is the share of the new value: its
counterpart is 0.9, and 0.1 taken over as it stands keeps a tenth. A loop in which nothing assigns the moving statistics keeps
all of them.

Instead: `moving = momentum * moving + (1 - momentum) * batch` with the layer's own momentum.

Seen: losses and gradients are right; only the moving statistics differ, so give the audit `model.weights`. With the trainable
weights alone nothing shows until the net is evaluated.
"""

import tensorflow as tf

from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._forms import at_all, places
from lockstep.traps._steps import compared, rows
from lockstep.traps.batchnorm_in_inference import KIND, normalized

USUAL = (0.9, 0.99, 0.999, 0.95, 0.1, 0.01)


def wrong(moving: tf.Tensor, batch: tf.Tensor, momentum: float) -> tf.Tensor:
    """The next moving statistic; ``momentum`` is taken for the share of the new value, as in PyTorch."""
    return (1 - momentum) * moving + momentum * batch


def right(moving: tf.Tensor, batch: tf.Tensor, momentum: float) -> tf.Tensor:
    """The next moving statistic; ``momentum`` is the share of the old value."""
    return momentum * moving + (1 - momentum) * batch


def measure() -> Effect:
    """A statistic after ten equal batches, and digits after 44 steps with 0.99 for 0.9."""
    numbers = compared(normalized(), {"network.layers.1.momentum": 0.99}, *rows())
    for name, half in (("wrong", wrong), ("right", right)):
        moving = tf.constant(0.0)
        for _ in range(10):
            moving = half(moving, tf.constant(1.0), 0.9)
        numbers[f"{name} moving"] = float(moving)
    return Effect(
        "ten batches of mean 1 bring 0 to {wrong moving:.4f}, not {right moving:.4f}; digits after 44 steps with 0.99 for 0.9: "
        "loss of the evaluated net {wrong loss:.4f}, not {right loss:.4f}".format(**numbers),
        numbers,
    )


def variants(replay):
    """Where the net has such layers: the usual values, PyTorch's meaning, and none kept or all."""
    own = [layer.momentum for _, layer in places(replay, KIND)]
    values = dict.fromkeys((*USUAL, *(round(1 - value, 6) for value in own), 1.0, 0.0))
    for value in values if own else ():
        if own != [value] * len(own):
            yield Variant(at_all(replay, KIND, "momentum", value), f"momentum {value:g}, not {', '.join(map(str, _once(own)))}")


def _once(values: list[float]) -> list[float]:
    return list(dict.fromkeys(values))


TRAP = Trap(
    name="batchnorm-other-momentum",
    text=__doc__,
    source="Keras against PyTorch",
    kind="loop",
    cause="batchnorm-momentum",
    stage="weights out",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
