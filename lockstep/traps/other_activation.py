"""A layer has another activation than the model's.

Same names stand for different functions: GELU is exact in Keras, while many codes have its approximation by tanh; leaky ReLU
has the slope 0.3 in Keras's layer, 0.2 in Keras's function and in TensorFlow's, and 0.01 in PyTorch. Or relu is written where the
model has tanh, or forgotten.

Instead: `keras.activations.get(name)`, or the layer's own `activation`.

Seen: the outputs of the layer differ at the first step. Weights from zero, or inputs of one sign, can hide it.
"""

import tensorflow as tf

from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._forms import of_logits
from lockstep.traps._small_nets import dense, net
from lockstep.traps._steps import compared, rows


def wrong(z: tf.Tensor) -> tf.Tensor:
    """GELU by its approximation, ``z (1 + tanh(sqrt(2 / pi) (z + 0.044715 z^3))) / 2``; any shape."""
    return tf.nn.gelu(z, approximate=True)


def right(z: tf.Tensor) -> tf.Tensor:
    """GELU itself, ``z (1 + erf(z / sqrt(2))) / 2``; any shape."""
    return tf.nn.gelu(z, approximate=False)


FORMS = {
    "relu": tf.nn.relu,
    "tanh": tf.math.tanh,
    "sigmoid": tf.nn.sigmoid,
    "linear": tf.identity,
    "gelu": right,
    "gelu by tanh": wrong,
    **{f"leaky relu of slope {slope}": lambda z, slope=slope: tf.nn.leaky_relu(z, slope) for slope in (0.01, 0.1, 0.2, 0.3)},
    "elu": tf.nn.elu,
    "selu": tf.nn.selu,
    "silu": tf.nn.silu,
    "softplus": tf.nn.softplus,
}
LAYERS = ("ReLU", "LeakyReLU", "ELU")  # Keras's layers that are an activation and have no attribute for it
PROBE = [[-3.0, -2.0, -1.0, -0.3, -0.1, 0.1, 0.3, 1.0, 2.0, 3.0]]


def measure() -> Effect:
    """The largest difference of the two forms of GELU, and digits after 44 steps."""
    model = net(dense(1, 25, "gelu"), dense(2, 10))
    numbers = compared(model, {"network.layers.0.activation": wrong}, *rows())
    z = tf.linspace(-4.0, 4.0, 801)
    numbers["gap"] = float(tf.reduce_max(tf.abs(wrong(z) - right(z))))
    line = "GELU by tanh is up to {gap:.5f} off; 330 digits after 44 steps of SGD: weights up to {weights:.5f} off"
    return Effect(line.format(**numbers), numbers)


def variants(replay):
    """Each usual function: in all hidden layers that are not linear, in each layer alone, and in the last one of a regression."""
    found = list(_activations(replay))
    if of_logits(replay) is not None:
        found = [one for one in found if one[0] != len(replay.network.layers) - 1]
    bent = [one for one in found if not _equal(one[3], tf.identity) and one[0] != len(replay.network.layers) - 1]
    groups = [("all hidden layers", bent)] if len(bent) > 1 else []
    groups += [(one[1], [one]) for one in found]
    for where, group in groups:
        for name, function in FORMS.items():
            if not any(_equal(own, function) for *_, own in group):
                parts = {path: _as_call(function) if path.endswith(".call") else function for _, _, path, _ in group}
                yield Variant(parts, f"{name} in {where}", lone=len(group) < len(bent))


def _activations(replay):
    """(number, name, path, function) of everything in the net that is an activation."""
    for at, layer in enumerate(replay.network.layers):
        if callable(vars(layer).get("activation")):
            yield at, layer.name, f"network.layers.{at}.activation", layer.activation
        elif type(layer).__name__ in LAYERS:
            yield at, layer.name, f"network.layers.{at}.call", layer.call


def _as_call(function):
    return lambda self, inputs: function(inputs)


def _equal(one, other):
    """Whether two functions are one, so far as ten numbers can tell."""
    gap = tf.abs(one(tf.constant(PROBE)) - other(tf.constant(PROBE)))
    return float(tf.reduce_max(gap)) < 1e-5


TRAP = Trap(
    name="other-activation",
    text=__doc__,
    source="Keras against PyTorch",
    kind="loop",
    cause="activation-differs",
    stage="logits",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
