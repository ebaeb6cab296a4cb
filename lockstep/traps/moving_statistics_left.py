"""Weights are copied by `trainable_variables`, and a batch normalisation keeps its untrained statistics.

Moving mean and variance are state that no gradient changes. They stand in `weights` and in `variables`, not in
`trainable_variables`. A copy without them computes in training what the original computes, and something else in use.

Instead: copy `weights`, which holds them too.

Seen: losses and gradients agree at every step; evaluation and prediction do not.
"""

import keras
import numpy as np

from lockstep.traps import Effect, Trap
from lockstep.traps._digits import digits
from lockstep.traps._nets import net


def wrong(model: keras.Model) -> list[keras.Variable]:
    """What is to be copied."""
    return model.trainable_variables


def right(model: keras.Model) -> list[keras.Variable]:
    """What is to be copied."""
    return model.weights


def measure() -> Effect:
    """Logits of a net that was trained for an epoch and of its copy, in use and in training."""
    x, y = digits()
    nets = [net(keras.optimizers.Adam(name="adam"), between=[keras.layers.BatchNormalization(name="norm")]) for _ in range(3)]
    nets[0].fit(x, y, shuffle=False, verbose=0)
    numbers = {}
    for name, half, twin in (("wrong", wrong, nets[1]), ("right", right, nets[2])):
        for left, value in zip(half(twin), half(nets[0]), strict=True):
            left.assign(value)
        for mode, training in (("use", False), ("training", True)):
            numbers[f"{name} {mode}"] = float(np.abs(twin(x, training=training) - nets[0](x, training=training)).max())
    return Effect(
        "logits of the copy differ by {wrong use:.2f} in use, not {right use:.0f}, and by {wrong training:.0f} in "
        "training".format(**numbers),
        numbers,
    )


TRAP = Trap(
    name="moving-statistics-left",
    text=__doc__,
    source="Keras 3",
    met="hiwonjoon/tf-frrn#2",
    kind="framework",
    wrong=wrong,
    right=right,
    measure=measure,
)
