"""A net of plain Keras for the digits, with the same first weights every time, and how far two lists of weights are apart."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np


def net(optimizer: Any, *, hidden: Any = "relu", between: Sequence[Any] = (), loss: Any = None, **options: Any) -> Any:
    """400 inputs, 25 units, 10 logits, compiled without XLA.

    Args:
        optimizer: with a name, so that no counter of names advances.
        hidden: activation of the 25 units.
        between: further layers before the logits, with names.
        loss: sparse categorical cross-entropy from logits where left out.
        options: of ``compile``.
    """
    first, second = (keras.initializers.GlorotUniform(seed) for seed in (1, 2))
    layers = [
        keras.layers.Dense(25, activation=hidden, kernel_initializer=first, name="L1"),
        *between,
        keras.layers.Dense(10, kernel_initializer=second, name="L2"),
    ]
    model = keras.Sequential([keras.Input((400,), name="input"), *layers], name="net")
    loss = loss or keras.losses.SparseCategoricalCrossentropy(from_logits=True, name="loss")
    model.compile(optimizer, loss, jit_compile=False, **options)
    return model


def distance(left: Sequence[np.ndarray], right: Sequence[np.ndarray]) -> float:
    """The largest difference of any weight."""
    return max(float(np.abs(a - b).max()) for a, b in zip(left, right, strict=True))


def ulps(left: Any, right: Any) -> int:
    """The largest distance of two float32 arrays, counted in the float32 numbers between them."""
    ordered = [np.asarray(one, np.float32).view(np.int32).astype(np.int64) for one in (left, right)]
    ordered = [np.where(one < 0, -(2**31) - one, one) for one in ordered]
    return int(np.abs(ordered[0] - ordered[1]).max())
