"""The net is given inputs on another scale than the model.

Pixels are divided by 255 in one place and not in the other, or by 256 (S3's version), or twice because the model has a layer for
it; or the batch is standardised by its own mean, which differs from batch to batch. The net trains on and is another one.

Instead: one function that prepares inputs, called by both sides, for use as well as for training.

Seen: all shapes agree; the outputs of the first step differ, and the gradients of the first kernel by the same factor.
"""

import functools

import keras
import tensorflow as tf

from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._forms import at_all, places
from lockstep.traps._small_nets import classifier
from lockstep.traps._steps import compared, rows


def wrong(x: tf.Tensor) -> tf.Tensor:
    """Divided by 255; (batch, ...) -> (batch, ...)."""
    return x / 255.0


def right(x: tf.Tensor) -> tf.Tensor:
    """Inputs as they are; (batch, ...) -> (batch, ...)."""
    return x


def standardized(x: tf.Tensor, axis: int | None) -> tf.Tensor:
    """Mean 0 and deviation 1 over an axis of the batch, or over everything; 0 where nothing varies."""
    centred = x - tf.reduce_mean(x, axis, keepdims=True)
    return tf.math.divide_no_nan(centred, tf.math.reduce_std(x, axis, keepdims=True))


FORMS = {
    "divided by 255": wrong,
    "multiplied by 255": lambda x: x * 255.0,
    "multiplied by 255/256": lambda x: x * (255.0 / 256.0),
    "multiplied by 256/255": lambda x: x * (256.0 / 255.0),
    "divided by 256": lambda x: x / 256.0,
    "2x - 1": lambda x: 2.0 * x - 1.0,
    "x / 127.5 - 1": lambda x: x / 127.5 - 1.0,
    "x - 0.5": lambda x: x - 0.5,
    "the batch standardised": lambda x: standardized(x, None),
    "each column of the batch standardised": lambda x: standardized(x, 0),
}
OWN = (keras.layers.Rescaling, keras.layers.Normalization)


def measure() -> Effect:
    """Digits, whose pixels lie between 0 and 1 already, after 44 steps."""
    numbers = compared(classifier(), {"inputs": lambda self, x: wrong(x)}, *rows())
    return Effect(
        "330 digits divided by 255 once more, after 44 steps of SGD: loss of the net on the true pixels {wrong loss:.4f}, not "
        "{right loss:.4f}".format(**numbers),
        numbers,
    )


def variants(replay):
    """All scales that are usual, on inputs that are no indices; and without the model's own layers for it."""
    layers = replay.network.layers
    if layers and not isinstance(layers[0], keras.layers.Embedding):
        for detail, form in FORMS.items():
            yield Variant({"inputs": lambda self, x, form=form: form(tf.cast(x, tf.float32))}, detail)
        for axis, detail in ((0, "each column standardised over all rows"), (None, "standardised over all rows and columns")):
            yield Variant({"inputs": _over_all(replay, axis)}, detail)
    if list(places(replay, OWN)):
        yield Variant(at_all(replay, OWN, "call", lambda self, inputs: inputs), "the model's own scaling is left out")


def _over_all(replay, axis):
    """Standardised by the statistics of all rows that the person gave, which are taken when they are first asked for."""

    @functools.cache
    def statistics():
        like = replay.x.astype("float32")
        return like.mean(axis, keepdims=True), like.std(axis, keepdims=True)

    def inputs(self, x):
        mean, deviation = statistics()
        return tf.math.divide_no_nan(tf.cast(x, tf.float32) - mean, deviation)

    return inputs


TRAP = Trap(
    name="inputs-scaled-otherwise",
    text=__doc__,
    source="S0.3 against S3",
    kind="loop",
    cause="input-scaling",
    stage="logits",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
