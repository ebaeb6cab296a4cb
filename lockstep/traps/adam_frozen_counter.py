"""Adam's step counter never advances: t stays 1.

The Adam of Dive into Deep Learning's TensorFlow version gets `t` as 1 and leaves it there; a Python number that is counted up
inside a `tf.function` freezes in the same way, since the function is traced once. The correction of the first step is then
applied for ever: 0.316 times the learning rate, where the right factor falls to 0.15 by step 10 and goes to 1 after thousands
of steps.

Instead: count in a `tf.Variable` that the step itself advances.

Seen: the first step is right, and the weights differ after the second. The moments follow only later, through the gradients.
"""

import math

import tensorflow as tf

import lowlevel
from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._digits import MODEL, TRAIN, digits, fitted
from lockstep.traps._updates import is_adam
from lowlevel.optimizers import Adam

right = Adam.constants


def wrong(self: Adam, rate: tf.Tensor, dtype: tf.DType) -> dict[str, tf.Tensor]:
    """What the rule is told; ``t`` never gets beyond 1."""
    given = right(self, rate, dtype)
    return given | {"t": tf.minimum(given["t"], 1)}


def measure() -> Effect:
    """The factor on the learning rate at steps 1, 10 and 1,000, and digits after 10 epochs."""
    numbers = {}
    for step in (1, 10, 1000):
        numbers[f"right factor {step}"] = math.sqrt(1 - 0.999**step) / (1 - 0.9**step)
    for name in ("wrong", "right"):
        trainer = lowlevel.Trainer(MODEL, TRAIN)
        if name == "wrong":
            TRAP.plant(trainer)
        numbers[f"{name} loss"], numbers[f"{name} accuracy"] = fitted(trainer, digits())
    return Effect(
        "factor on the rate {right factor 1:.3f}, not {right factor 10:.3f} at step 10 and {right factor 1000:.3f} at 1,000; "
        "digits after 10 epochs: loss {wrong loss:.4f}, not {right loss:.4f}".format(**numbers),
        numbers,
    )


def variants(replay):
    """Where the optimiser is an Adam."""
    if is_adam(replay):
        yield Variant({"optimizer.constants": wrong})


TRAP = Trap(
    name="adam-frozen-counter",
    text=__doc__,
    source="d2l.ai, Adam",
    met="d2l.ai, Adam",
    kind="loop",
    cause="adam-frozen-counter",
    replaces="optimizer.constants",
    stage="weights out",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
