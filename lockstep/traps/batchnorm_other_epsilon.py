"""Batch normalisation adds another epsilon to the variance.

Keras has 1e-3, PyTorch 1e-5, and `tf.nn.batch_normalization` takes whatever is given, often 1e-8. Where the variance of a unit is
of the order of 1 the difference hardly shows; where it is small, epsilon decides how far the unit is stretched.

Instead: the layer's own `epsilon`.

Seen: outputs differ at the first step, most for units that vary least.
"""

import tensorflow as tf

from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._forms import at_all, places
from lockstep.traps._steps import compared, rows
from lockstep.traps.batchnorm_in_inference import KIND, normalized

USUAL = (1e-3, 1e-5, 1e-4, 1e-6, 1e-7, 1e-8, 0.0)


def wrong(x: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor) -> tf.Tensor:
    """Normalised with PyTorch's epsilon; (batch, units) -> (batch, units)."""
    return (x - mean) / tf.sqrt(variance + 1e-5)


def right(x: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor) -> tf.Tensor:
    """Normalised with Keras's epsilon; (batch, units) -> (batch, units)."""
    return (x - mean) / tf.sqrt(variance + 1e-3)


def measure() -> Effect:
    """A value one deviation from the mean where the variance is small, and digits after 44 steps."""
    numbers = compared(normalized(), {"network.layers.1.epsilon": 1e-5}, *rows())
    for name, half in (("wrong", wrong), ("right", right)):
        numbers[f"{name} value"] = float(half(tf.constant(0.03), 0.0, tf.constant(0.0009)))
    return Effect(
        "0.03 of variance 0.0009 becomes {wrong value:.4f}, not {right value:.4f}; 330 digits after 44 steps with 1e-5 for 1e-3: "
        "weights up to {weights:.4f} off".format(**numbers),
        numbers,
    )


def variants(replay):
    """Where the net has such layers."""
    own = [layer.epsilon for _, layer in places(replay, KIND)]
    for value in USUAL if own else ():
        if own != [value] * len(own):
            given = ", ".join(f"{one:g}" for one in dict.fromkeys(own))
            yield Variant(at_all(replay, KIND, "epsilon", value), f"epsilon {value:g}, not {given}")


TRAP = Trap(
    name="batchnorm-other-epsilon",
    text=__doc__,
    source="Keras against PyTorch",
    kind="loop",
    cause="batchnorm-epsilon",
    stage="logits",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
