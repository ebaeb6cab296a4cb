"""A loss object gets float64 logits and computes in float32.

The dtype of a loss is Keras's default type unless it is written out; what it is called with does not count. In a float64 net
whose loss is made without `dtype`, the gradients have float32's precision from the loss down, and all else looks like float64.

Instead: `keras.losses.SparseCategoricalCrossentropy(from_logits=True, dtype="float64")`, and the dtype of every layer too.

Seen: the example losses are float32, and the gradients differ by about 1e-8.
"""

import keras
import numpy as np

from lockstep.traps import Effect, Trap


def wrong() -> keras.losses.Loss:
    """The loss of a float64 net."""
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True, name="loss")


def right() -> keras.losses.Loss:
    """The loss of a float64 net."""
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True, dtype="float64", name="loss")


def measure() -> Effect:
    """The loss of logits 0.1 and 0.2, against the logarithm."""
    true, numbers = float(np.log1p(np.exp(-0.1))), {}
    for name, half in (("wrong", wrong), ("right", right)):
        given = half()(np.array([1]), np.array([[0.1, 0.2]]))
        numbers[f"{name} error"] = abs(float(given) - true)
        numbers[f"{name} bits"] = given.dtype.size * 8
    return Effect(
        "float64 logits: a loss of {wrong bits} bits, off by {wrong error:.1e}, not of {right bits}, off by "
        "{right error:.1e}".format(**numbers),
        numbers,
    )


TRAP = Trap(
    name="loss-in-float32",
    text=__doc__,
    source="Keras 3",
    met="keras-team/keras-core#922",
    kind="framework",
    cause="dtype",
    wrong=wrong,
    right=right,
    measure=measure,
)
