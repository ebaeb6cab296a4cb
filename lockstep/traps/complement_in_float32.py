"""1 - beta is computed in float32, where beta has already been rounded.

0.999 in float32 is off by 1.3e-8, which is little. Against 1 - 0.999 it is 1.3e-5, and the subtraction, itself exact, brings
it out: a hundred times the rounding of a float32. Keras's Adam computes 1 - beta in Python's double and rounds the result; its
Lion computes it in the weight's type.

Instead: `tf.constant(1 - 0.999)`: subtract first, round once.

Seen: the slots after the first step: the second moment is off by the relative amount.
"""

import tensorflow as tf

from lockstep.traps import Effect, Trap


def wrong(beta: float) -> tf.Tensor:
    """1 - beta in float32."""
    return 1 - tf.constant(beta, tf.float32)


def right(beta: float) -> tf.Tensor:
    """1 - beta in float32."""
    return tf.constant(1 - beta, tf.float32)


def measure() -> Effect:
    """Relative error of 1 - 0.999 and of 1 - 0.9."""
    numbers = {}
    for name, half in (("wrong", wrong), ("right", right)):
        for beta, called in ((0.9, "first"), (0.999, "second")):
            numbers[f"{name} {called}"] = abs(float(half(beta)) / (1 - beta) - 1)
    return Effect(
        "1 - 0.999 is off by {wrong second:.1e} of itself, not {right second:.1e}; 1 - 0.9 by {wrong first:.1e}, not "
        "{right first:.1e}".format(**numbers),
        numbers,
    )


TRAP = Trap(
    name="complement-in-float32",
    text=__doc__,
    source="TensorFlow",
    kind="framework",
    cause="dtype",
    wrong=wrong,
    right=right,
    measure=measure,
)
