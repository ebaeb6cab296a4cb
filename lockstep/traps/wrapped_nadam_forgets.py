"""The state of a Nadam inside a `LossScaleOptimizer` is saved from the wrapper's list of variables.

Nadam keeps a product of its momenta, one number, outside of the slots. Keras loses track of it where the optimiser is wrapped,
as mixed float16 has it: `optimizer.variables` and the weight file do not hold it, and after restoring it is 1 again. Nothing
warns.

Instead: save and restore the number yourself (`optimizer.inner_optimizer._u_product`), or use Adam in float16.

Seen: the weights differ after the first step after restoring.
"""

import keras
import numpy as np
import tensorflow as tf

from lockstep.traps import Effect, Trap


def wrong(optimizer: keras.optimizers.Optimizer) -> list[keras.Variable]:
    """All state."""
    return optimizer.variables


def right(optimizer: keras.optimizers.Optimizer) -> list[keras.Variable]:
    """All state."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    return [*optimizer.variables, *(one for one in [inner._u_product] if one is not inner.variables[-1])]


def restored(half, wrapped: bool) -> float:
    """How far one more step of a restored optimiser leads from that of the one that was saved, after three steps."""
    pairs = []
    for _ in range(2):
        weight, optimizer = keras.Variable(np.ones(3), dtype="float32", name="weight"), keras.optimizers.Nadam(0.1, name="nadam")
        if wrapped:
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=1.0, name="scaling")
        optimizer.build([weight])
        pairs.append((weight, optimizer))
    (weight, optimizer), (twin, other) = pairs
    gradients = [tf.constant([0.1, 0.2, -0.3]) * step for step in (1.0, 2.0, 3.0, 4.0)]
    for gradient in gradients[:3]:
        optimizer.apply([gradient], [weight])
    for left, right_ in zip([twin, *half(other)], [weight, *half(optimizer)], strict=True):
        left.assign(right_)
    for one, its in ((optimizer, weight), (other, twin)):
        one.apply([gradients[3]], [its])
    return float(np.abs(weight.numpy() - twin.numpy()).max())


def measure() -> Effect:
    """One step after three and a restoration, at the rate 0.1."""
    numbers = {"wrong wrapped": restored(wrong, wrapped=True), "wrong plain": restored(wrong, wrapped=False)}
    numbers["right wrapped"] = restored(right, wrapped=True)
    return Effect(
        "the step after restoring is off by {wrong wrapped:.3f} at the rate 0.1, not {right wrapped:.0f}; without the wrapper "
        "by {wrong plain:.0f}".format(**numbers),
        numbers,
    )


TRAP = Trap(
    name="wrapped-nadam-forgets",
    text=__doc__,
    source="Keras 3",
    kind="framework",
    wrong=wrong,
    right=right,
    measure=measure,
)
