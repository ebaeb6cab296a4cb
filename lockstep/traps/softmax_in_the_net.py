"""The net ends in softmax and the loss is told to expect logits.

S4 explains that softmax belongs into the loss, with `from_logits=True`, and the last layer must then be linear. With both,
softmax is taken twice. The second one sees numbers from 0 to 1, so no probability of ten classes can exceed e / (e + 9),
0.23: the loss cannot fall below 1.4612, gradients are small, and learning is slow. Keras notices, warns, and takes the logits
from under the softmax: then its training is the right one. It does not notice where anything stands between the softmax and
the loss, a reshape or a cast.

Instead: end the net with linear logits, and take softmax outside of it where probabilities are wanted.

Seen: the logits differ at the first step; they lie between 0 and 1, and each row has the sum 1. With a model that ends linear,
probabilities handed to a loss on logits are the same numbers and have this name.
"""

import warnings

import keras
import tensorflow as tf

import highlevel
import lowlevel
from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._digits import MODEL, TRAIN, digits, fitted
from lockstep.traps._forms import ends_linear, of_logits, on_outputs, squash
from lowlevel.activations import linear as right


def wrong(z: tf.Tensor) -> tf.Tensor:
    """Probabilities, as the activation of the last layer; (batch, classes) -> (batch, classes)."""
    return tf.nn.softmax(z)


def measure() -> Effect:
    """Loss and accuracy of digits after 10 epochs: both halves in raw TensorFlow, the wrong one also in Keras, twice."""
    data = digits()

    def raw(planted: bool) -> tuple[float, float]:
        trainer = lowlevel.Trainer(MODEL, TRAIN)
        if planted:
            TRAP.plant(trainer)
        return fitted(trainer, data)

    def in_keras(activation) -> tuple[float, float, int]:
        trainer = highlevel.Trainer(MODEL, TRAIN)
        trainer.network.layers[-1].activation = activation
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            results = fitted(trainer, data)
        return *results, len({str(one.message) for one in told if "from_logits" in str(one.message)})

    softmax = keras.activations.softmax
    results = {
        "wrong": raw(planted=True),
        "right": raw(planted=False),
        "keras": in_keras(softmax),
        "keras reshaped": in_keras(lambda z: keras.ops.reshape(softmax(z), (-1, MODEL.outputs))),
    }
    parts = ("loss", "accuracy", "warnings")
    numbers = {f"{name} {part}": value for name, found in results.items() for part, value in zip(parts, found, strict=False)}
    return Effect(
        "digits after 10 epochs: loss {wrong loss:.4f}, not {right loss:.4f}; accuracy {wrong accuracy:.1%}, not "
        "{right accuracy:.1%}; in Keras {keras loss:.4f} and {keras warnings} warning, with a reshape between "
        "{keras reshaped loss:.4f} and {keras reshaped warnings}".format(**numbers),
        numbers,
    )


def variants(replay):
    """Where the compiled loss expects logits; sigmoid twice where labels are binary."""
    if not of_logits(replay):
        return
    again = squash(replay)
    detail = "" if again is tf.nn.softmax else "sigmoid, for binary labels"
    if ends_linear(replay):
        yield Variant({"network.layers.-1.activation": again}, detail)
    else:  # Keras has taken the logits from under the last layer's softmax, if it has one; tf.identity hides them
        last = getattr(replay.network.layers[-1], "activation", None)
        squashed = last in (keras.activations.softmax, keras.activations.sigmoid)
        yield Variant({"loss": on_outputs(tf.identity if squashed else again)}, detail)


TRAP = Trap(
    name="softmax-in-the-net",
    text=__doc__,
    source="S4.8",
    met="mmalekzadeh/dana#1",
    kind="loop",
    cause="double-softmax",
    replaces="network.layers.-1.activation",
    stage="logits",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
