"""Every layer has the policy mixed_float16, and no loss is scaled.

`compile` wraps the optimiser in a `LossScaleOptimizer` where the *model's* own policy is mixed_float16, which it is when that
policy is global. Where only the layers have it, nothing is wrapped and nothing warns. Gradients below 3e-8 are then 0 in
float16.

Instead: wrap the optimiser yourself: `keras.optimizers.LossScaleOptimizer(optimizer)`.

Seen: gradients that are 0 on one side. With losses of the usual size hardly at all.
"""

import keras
import numpy as np

import highlevel
from lockstep.traps import Effect, Trap
from lockstep.traps._digits import digits
from shared import ModelSpec


def wrong() -> keras.optimizers.Optimizer:
    """For a net of mixed layers."""
    return keras.optimizers.Adam(name="adam")


def right() -> keras.optimizers.Optimizer:
    """For a net of mixed layers."""
    return keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(name="adam"), name="scaling")


def measure() -> Effect:
    """How many of 4,010 weights an epoch of digits changes where the loss is small."""
    x, y = digits()
    numbers: dict[str, float] = {}
    for name, half in (("wrong", wrong), ("right", right)):
        model = highlevel.build(ModelSpec.mlp(400, 10, dtype="mixed_float16"), seed=1)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, name="loss")
        model.compile(half(), loss, loss_weights=1e-6, jit_compile=False)
        numbers[f"{name} wrapped"] = isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
        before = model.get_weights()
        model.fit(x, y, shuffle=False, verbose=0)
        numbers[f"{name} moved"] = sum(int(np.sum(a != b)) for a, b in zip(before, model.get_weights(), strict=True))
    return Effect(
        "a loss of about 2e-6: an epoch moves {wrong moved} of 4,010 weights, not {right moved:,}".format(**numbers), numbers
    )


TRAP = Trap(
    name="layers-without-loss-scale",
    text=__doc__,
    source="Keras 3",
    kind="framework",
    wrong=wrong,
    right=right,
    measure=measure,
)
