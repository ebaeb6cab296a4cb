"""The same seed gives other random numbers under XLA.

TensorFlow's stateless functions pick their generator by themselves, and under XLA they pick another one. So dropout masks and
first weights that are drawn inside a compiled function differ from those drawn outside: not by rounding, but altogether.

Instead: draw outside and hand the numbers over, or name the generator, `alg="philox"`.

Seen: the verdict is different: the logits of the first step, where there is dropout, or "weights in".
"""

import numpy as np
import tensorflow as tf

from lockstep.traps import Effect, Trap


def wrong(ones: tf.Tensor) -> tf.Tensor:
    """The mask of a dropout of one half."""
    return tf.nn.experimental.stateless_dropout(ones, rate=0.5, seed=[1, 0])


def right(ones: tf.Tensor) -> tf.Tensor:
    """The mask of a dropout of one half."""
    return tf.nn.experimental.stateless_dropout(ones, rate=0.5, seed=[1, 0], rng_alg="philox")


def measure() -> Effect:
    """The share of 10,000 units that are dropped with XLA or without it, but not both; one half is chance."""
    numbers = {}
    for name, half in (("wrong", wrong), ("right", right)):
        masks = [tf.function(half, jit_compile=jit_compile)(tf.ones(10_000)) for jit_compile in (False, True)]
        numbers[f"{name} share"] = float(np.mean(masks[0] != masks[1]))
    return Effect(
        "with XLA {wrong share:.1%} of a dropout's mask are other units, not {right share:.0%}".format(**numbers), numbers
    )


TRAP = Trap(
    name="xla-draws-otherwise",
    text=__doc__,
    source="TensorFlow",
    met="tensorflow/tensorflow#121243",
    kind="framework",
    cause="dropout-mask",
    wrong=wrong,
    right=right,
    measure=measure,
)
