"""Two nets get the same seed, one has a dropout more, and their first weights are expected to be the same.

After `set_random_seed`, Keras draws one whole number for every random initialiser that has no seed of its own, in the order of
construction, and one for every such dropout too. So a dropout that is put in, or taken out, gives all later layers other
first weights: the comparison is then of other nets, not of dropout.

Instead: hand the weights over (`set_weights`); or give the dropout a seed of its own.

Seen: the stage "weights in", in the layers after the dropout.
"""

import random

import keras
import numpy as np

from lockstep.traps import Effect, Trap


def wrong() -> keras.layers.Layer:
    """A dropout between two layers."""
    return keras.layers.Dropout(0.5, name="dropout")


def right() -> keras.layers.Layer:
    """A dropout between two layers."""
    return keras.layers.Dropout(0.5, seed=7, name="dropout")


def first_weights(*between) -> list[np.ndarray]:
    """Of two layers of 4 units, as after ``set_random_seed(1)``, whose part in it is Python's generator."""
    state = random.getstate()
    try:
        random.seed(1)
        layers = [keras.layers.Dense(4, name="L1"), *(make() for make in between), keras.layers.Dense(4, name="L2")]
        return keras.Sequential([keras.Input((4,), name="input"), *layers], name="net").get_weights()
    finally:
        random.setstate(state)


def measure() -> Effect:
    """How far the kernels before and after the dropout are from those of a net without one."""
    plain, numbers = first_weights(), {}
    for name, half in (("wrong", wrong), ("right", right)):
        for at, left, other in zip(("before", "", "after"), first_weights(half), plain, strict=False):
            numbers[f"{name} {at}"] = float(np.abs(left - other).max())
    return Effect(
        "first weights before the dropout differ by {wrong before:.0f}, after it by {wrong after:.2f}, not "
        "{right after:.0f}".format(**numbers),
        {name: value for name, value in numbers.items() if not name.endswith(" ")},
    )


TRAP = Trap(
    name="dropout-shifts-seeds",
    text=__doc__,
    source="Keras 3",
    kind="framework",
    cause="initial-weights",
    wrong=wrong,
    right=right,
    measure=measure,
)
