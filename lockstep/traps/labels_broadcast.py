"""Labels of shape (rows,) meet outputs of shape (rows, 1), and every output is compared with every label.

`tf.square(y - model(x))` broadcasts the two to (rows, rows). Nothing complains, since the mean of that square is a number too.
The net then learns the mean of the labels and nothing else: its loss stops at their variance. Keras's own losses make the shapes
equal before they subtract.

Instead: `tf.squeeze(model(x), -1)`, or labels of shape (rows, 1).

Seen: example losses differ; the net's outputs all go to the mean of the labels.
"""

import keras
import numpy as np
import tensorflow as tf

from lockstep.auditing.replay import example_losses
from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._forms import columns
from lockstep.traps._small_nets import dense, net
from lockstep.traps._steps import compared


def wrong(objective: keras.losses.Loss, y: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
    """Of each output the mean of its losses against all labels; y (batch,), outputs (batch, 1) -> (batch,)."""
    shape = [tf.shape(outputs)[0]] * 2
    targets = tf.reshape(tf.cast(y, outputs.dtype), [1, -1])
    return example_losses(objective, tf.broadcast_to(targets, shape), tf.broadcast_to(outputs, shape))


def right(objective: keras.losses.Loss, y: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
    """Of each output its loss against its own label; y (batch,), outputs (batch, 1) -> (batch,)."""
    return example_losses(objective, tf.reshape(y, [-1, 1]), outputs)


PARTS = {"loss": lambda self, y, outputs: wrong(self.objective, y, outputs)}


def measure() -> Effect:
    """A sum of four columns, learned for 200 steps; its variance is what is left where nothing is learned."""
    x = np.random.default_rng(1).normal(size=(320, 4)).astype("float32")
    y = x.sum(axis=1)
    model = net(dense(1, 1), loss=keras.losses.MeanSquaredError(name="loss"), columns=4)
    numbers = compared(model, PARTS, x, y, steps=60) | {"variance": float(y.var())}
    return Effect(
        "a sum of four columns after 60 steps of SGD: squared error {wrong loss:.4f}, not {right loss:.4f}; the labels' variance "
        "is {variance:.4f}".format(**numbers),
        numbers,
    )


def variants(replay):
    """Where there is one output."""
    if columns(replay) == 1:
        yield Variant(PARTS, "the mean of all rows times rows losses")
        yield Variant(
            {"loss": lambda self, y, outputs: self.size * wrong(self.objective, y, outputs)},
            "the sum of all rows times rows losses, divided by the rows",
        )


TRAP = Trap(
    name="labels-broadcast",
    text=__doc__,
    source="TensorFlow, broadcasting",
    kind="loop",
    cause="labels-shape-broadcast",
    stage="example losses",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
