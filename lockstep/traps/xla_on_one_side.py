"""One side is compiled with XLA and the other is not.

XLA fuses operations and sums in another order, so that no two steps have the same bits. A `tf.function` has no XLA unless it is
asked for; `fit` has it where `jit_compile` says so, and by default beside an accelerator.

Instead: write `jit_compile` on both sides, and the same.

Seen: every stage from the logits of the first step on, by rounding.
"""

import functools

import numpy as np

import highlevel
import lowlevel
from lockstep.traps import Effect, Trap
from lockstep.traps._digits import MODEL, TRAIN, digits
from lockstep.traps._nets import distance


@functools.cache
def weights(wing, jit_compile: bool) -> list[np.ndarray]:
    """After ten epochs of digits with Adam."""
    trainer = wing.Trainer(MODEL, TRAIN, jit_compile=jit_compile)
    trainer.fit(digits())
    return trainer.weights()


def wrong(fitted: bool) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The weights of a loop and of ``fit``; ``fitted``: whether the latter has XLA."""
    return weights(lowlevel, jit_compile=not fitted), weights(highlevel, jit_compile=fitted)


def right(fitted: bool) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The weights of a loop and of ``fit``; ``fitted``: whether the latter has XLA."""
    return weights(lowlevel, jit_compile=fitted), weights(highlevel, jit_compile=fitted)


def measure() -> Effect:
    """How far the weights of the loop and of ``fit`` are apart after ten epochs."""
    numbers = {f"{name} difference": distance(*half(fitted=True)) for name, half in (("wrong", wrong), ("right", right))}
    return Effect(
        "digits after 10 epochs of Adam: weights differ by {wrong difference:.1e}, not {right difference:.0f}".format(**numbers),
        numbers,
    )


TRAP = Trap(
    name="xla-on-one-side",
    text=__doc__,
    source="TensorFlow",
    met="keras-team/keras#19341",
    kind="framework",
    wrong=wrong,
    right=right,
    measure=measure,
)
