"""`compile(jit_compile="auto")`, the default, means XLA on a machine with an accelerator and no XLA on one without.

XLA rounds differently. So one and the same script gives other bits on another machine for this reason alone, and a loop of
one's own in a plain `tf.function` equals `fit` on a CPU and not beside a GPU.

Instead: write `jit_compile=True` or `jit_compile=False`, and the same in the loop. Lockstep's `"auto"` asks for
the size of the net alone, on every machine and on both sides.

Seen: the verdict is round-off where one side has XLA and the other has not (`lockstep compare digits --sides
epoch-xla,epoch`).
"""

import dataclasses

import keras
import numpy as np
import tensorflow as tf

import highlevel
from lockstep.traps import Effect, Trap
from lockstep.traps._digits import MODEL, TRAIN, digits


def wrong(model: keras.Model) -> bool:
    """Whether XLA compiles the model's steps, by default."""
    model.compile(optimizer=keras.optimizers.SGD(0.05, name="sgd"), loss="mse")
    return bool(model.jit_compile)


def right(model: keras.Model) -> bool:
    """Whether XLA compiles the model's steps, as written."""
    model.compile(optimizer=keras.optimizers.SGD(0.05, name="sgd"), loss="mse", jit_compile=False)
    return bool(model.jit_compile)


def measure() -> Effect:
    """What the default means on this machine, and how far XLA carries the weights of digits after one epoch of Adam."""
    accelerators = len(tf.config.list_physical_devices()) - len(tf.config.list_physical_devices("CPU"))
    numbers: dict[str, float] = {"accelerators": accelerators}
    for name, half in (("wrong", wrong), ("right", right)):
        numbers[f"{name} XLA"] = half(highlevel.build(MODEL))
    weights = []
    for jit_compile in (False, True):
        trainer = highlevel.Trainer(MODEL, dataclasses.replace(TRAIN, epochs=1), jit_compile=jit_compile)
        trainer.fit(digits())
        weights.append(trainer.weights())
    numbers["difference"] = max(np.abs(a - b).max() for a, b in zip(*weights, strict=True))
    return Effect(
        "accelerators here: {accelerators}; XLA by default: {wrong XLA}, as written: {right XLA}; with XLA the weights of digits "
        "differ by {difference:.1e} after an epoch".format(**numbers),
        numbers,
    )


TRAP = Trap(
    name="jit-auto-without-xla",
    text=__doc__,
    source="Keras 3",
    met="keras-team/keras#22512",
    kind="framework",
    wrong=wrong,
    right=right,
    measure=measure,
)
