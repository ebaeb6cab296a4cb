"""`enable_op_determinism` is called on one side only, in the belief that it just holds the numbers still.

It picks other kernels, so the numbers are others, and Keras then refuses XLA: `compile(jit_compile=True)` goes on without it,
with a warning. And there is no way back but a new process. On a CPU the small nets here repeat to the bit without it.

Instead: call it on both sides or on neither, first of all, and say which with every figure.

Seen: gradients differ by rounding; with XLA written on both sides, as in the trap xla-on-one-side.
"""

import warnings

import keras
import numpy as np
import tensorflow as tf

from lockstep.traps import Effect, Trap
from lockstep.traps._apart import apart
from lockstep.traps._digits import digits
from lockstep.traps._nets import distance, net


def wrong() -> tuple[list[np.ndarray], bool]:
    """Weights after an epoch of digits, and whether XLA is used where it is asked for; in a process of its own."""
    tf.config.experimental.enable_op_determinism()
    return right()


def right() -> tuple[list[np.ndarray], bool]:
    """Weights after an epoch of digits, and whether XLA is used where it is asked for."""
    model = net(keras.optimizers.Adam(name="adam"))
    model.fit(*digits(), shuffle=False, verbose=0)
    weights = model.get_weights()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.compile(model.optimizer, model.loss, jit_compile=True)
    return weights, bool(model.jit_compile)


def both() -> dict[str, float]:
    """The right half twice, then the wrong one."""
    (first, xla), (second, _), (third, none) = right(), right(), wrong()
    found = {"right repeated": distance(first, second), "wrong difference": distance(first, third)}
    return found | {"right XLA": xla, "wrong XLA": none}


def measure() -> Effect:
    """How far an epoch goes astray, and what becomes of XLA."""
    numbers = apart(both)
    return Effect(
        "weights of digits differ by {wrong difference:.1e} after an epoch, without it they repeat with a difference of "
        "{right repeated:.0f}; jit_compile=True is then {wrong XLA}, not {right XLA}".format(**numbers),
        numbers,
    )


TRAP = Trap(
    name="determinism-changes-numbers",
    text=__doc__,
    source="TensorFlow",
    met="keras-team/keras#20315",
    kind="framework",
    wrong=wrong,
    right=right,
    measure=measure,
)
