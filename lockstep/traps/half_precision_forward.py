"""The forward pass runs in half precision, where the model computes in float32.

`keras.mixed_precision.set_global_policy("mixed_bfloat16")`, a cast of the inputs or an autocast context makes products and
activations half precision: 8 significant bits of bfloat16, 11 of float16, for 24 of float32. It is meant for accelerators. The
curves look alike; no step agrees to more than two or three digits.

Instead: leave the types alone, or give the model the same policy.

Seen: the first loss differs in the third digit and so do the gradients; all of them, and none by much.
"""

import keras
import tensorflow as tf

from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._forms import places
from lockstep.traps._small_nets import classifier
from lockstep.traps._steps import compared, rows

TYPES = ("bfloat16", "float16")


def wrong(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
    """A dense layer in bfloat16; x (batch, inputs), kernel (inputs, units) -> bfloat16 (batch, units)."""
    x, kernel, bias = (tf.cast(value, tf.bfloat16) for value in (x, kernel, bias))
    return x @ kernel + bias


def right(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
    """A dense layer in the type that it is given; x (batch, inputs), kernel (inputs, units) -> (batch, units)."""
    return x @ kernel + bias


def measure() -> Effect:
    """Digits after 44 steps in either type."""
    numbers: dict[str, float] = {}
    for kind in TYPES:
        found = compared(classifier(), _layers(kind, 2), *rows())
        numbers |= {f"{kind} {name}": value for name, value in found.items()}
    return Effect(
        "330 digits after 44 steps of SGD: weights up to {bfloat16 weights:.5f} off in bfloat16 and {float16 weights:.5f} in "
        "float16; loss {bfloat16 wrong loss:.5f} and {float16 wrong loss:.5f}, not {float16 right loss:.5f}".format(**numbers),
        numbers,
    )


def variants(replay):
    """Where the model computes in float32: in all layers or all but the last, as Keras's layers do it or by hand; inputs only."""
    if {layer.compute_dtype for layer in replay.network.layers} != {"float32"}:
        return
    count = len(replay.network.layers)
    for kind in TYPES:
        for layers, where in ((count, "all layers"), (count - 1, "all layers but the last")):
            if not layers:
                continue
            forms = {f"{kind} in {where}": _layers(kind, layers)}
            calls = {f"network.layers.{at}.call": _by_hand for at, _ in places(replay, keras.layers.Dense) if at < layers}
            if calls:  # adds up the gradient of the bias in half precision, which Keras's layer does not
                forms[f"{kind} in {where}, the bias added with +"] = _layers(kind, layers) | calls
            if kind == "bfloat16":  # a graph makes one operation of product, bias and activation, which rounds once less
                forms |= {f"{detail}, in a graph": parts | {"network.forward": _graph} for detail, parts in forms.items()}
            for detail, parts in forms.items():
                yield Variant(parts, detail, lone=True)
        rounded = {"inputs": lambda self, x, kind=kind: tf.cast(tf.cast(x, kind), tf.float32)}
        yield Variant(rounded, f"inputs rounded to {kind}", lone=True)


def _graph(self, x):
    return tf.function(lambda x: self.model(x, training=True))(x)


def _by_hand(self, inputs, training=None):
    outputs = inputs @ tf.cast(self.kernel, inputs.dtype)
    return self.activation(outputs + tf.cast(self.bias, inputs.dtype) if self.use_bias else outputs)


def _layers(kind, count):
    """The parts that let the first ``count`` layers compute in a type; their weights stay float32."""
    return {f"network.layers.{at}._dtype_policy": keras.DTypePolicy(f"mixed_{kind}") for at in range(count)}


TRAP = Trap(
    name="half-precision-forward",
    text=__doc__,
    source="Keras, mixed precision",
    kind="loop",
    cause="dtype",
    stage="logits",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
