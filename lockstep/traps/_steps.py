"""The small training in steps that most loop traps are measured on: wrong and right, from equal weights, on equal batches."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from lockstep.auditing.loop import Loop
from lockstep.traps._digits import digits

BATCH = 32


def rows(count: int = 330) -> tuple[np.ndarray, np.ndarray]:
    """x float32 (count, 400), labels int64 (count,), classes mixed; the last batch of 330 has ten rows."""
    x, y = digits()
    order = np.random.default_rng(7).permutation(len(x))[:count]
    return x[order].astype("float32"), y[order, 0].astype("int64")


def net(optimizer: Any = None, hidden: Sequence[int] = (25, 15), **compiling: Any) -> keras.Model:
    """A compiled 400-25-15-10 net with linear outputs, from fixed weights; Adam where no optimiser is given."""
    layers = [
        keras.layers.Dense(units, activation, kernel_initializer=keras.initializers.GlorotUniform(seed), name=f"L{seed}")
        for seed, (units, activation) in enumerate([*((size, "relu") for size in hidden), (10, "linear")], start=1)
    ]
    model = keras.Sequential([keras.Input((400,), name="x"), *layers], name="net")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, name="loss")
    model.compile(**{"optimizer": optimizer or keras.optimizers.Adam(1e-3, name="adam"), "loss": loss} | compiling)
    return model


def compared(
    model: keras.Model, parts: Mapping[str, Any], x: np.ndarray, y: np.ndarray, steps: int = 44, batch_size: int = BATCH
) -> dict[str, float]:
    """Train twice; ``{"wrong loss", "right loss", "weights"}``.

    The losses are those that the model itself has on all rows after the last step, ``weights`` is the largest difference
    between the two nets' weights then.
    """
    numbers, ends = {}, {}
    for name, planted in (("wrong", (parts,)), ("right", ())):
        loop = Loop(model, *planted, batch_size=batch_size, x=x, y=y)
        for start in _starts(len(x), steps, batch_size):
            loop.step(x[start : start + batch_size], y[start : start + batch_size])
        numbers[f"{name} loss"] = float(loop.model.evaluate(x, y, batch_size=len(x), verbose=0))
        ends[name] = loop.model.get_weights()
    numbers["weights"] = max(float(np.abs(a - b).max()) for a, b in zip(ends["wrong"], ends["right"], strict=True))
    return numbers


def _starts(count: int, steps: int, batch_size: int) -> list[int]:
    epoch = list(range(0, count, batch_size))
    return [epoch[at % len(epoch)] for at in range(steps)]
