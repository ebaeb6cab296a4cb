"""Logits of shape (classes, examples) go to a loss that reads rows as examples, so softmax runs over the examples.

S0 works with one column an example and hands its (6, m) logits and labels as they are to a loss that wants (m, 6). Nothing
complains. The loss of an example then depends on which others stand in its batch, and a batch of one has loss 0. Along the
last bias this loss is flat, since softmax over the examples takes away what all of them have. Yet TensorFlow gives a gradient
there: it presumes that every row of labels has the sum 1, and these have the sum k, the number of examples of the class. What
comes out is 1 - k whatever the logits are, and the bias grows for ever, fastest for the most frequent class.

Instead: transpose logits and labels before they go to the loss.

Seen: the example losses differ, and there are as many as classes. The gradient of the last bias depends on the labels alone.
"""

import numpy as np
import tensorflow as tf

import lowlevel
from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._forms import categorical, columns, of_logits, one_hot
from lowlevel.losses import categorical_crossentropy as right
from shared import ModelSpec, TrainSpec


def wrong(targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """A loss for each class, from its logits over the batch; targets and logits (batch, classes) -> (classes,)."""
    return tf.nn.softmax_cross_entropy_with_logits(tf.transpose(targets), tf.transpose(logits))


def measure() -> Effect:
    """Untrained losses, a batch of one, the last bias' gradient, and what is learned of 6 uneven classes."""
    targets = tf.one_hot(np.arange(32) % 6, 6)
    logits = tf.random.stateless_normal((32, 6), seed=[1, 0])
    train = TrainSpec(optimizer="sgd", learning_rate=0.1, epochs=10, loss="categorical_crossentropy")
    x, y = _uneven()
    numbers = {}
    for name, loss in (("wrong", wrong), ("right", right)):
        numbers[f"{name} untrained"] = float(tf.reduce_sum(loss(targets, tf.zeros((32, 6)))) / 32)
        numbers[f"{name} single"] = float(tf.reduce_sum(loss(targets[:1], logits[:1])))
        bias = tf.zeros(6)
        with tf.GradientTape() as tape:
            tape.watch(bias)
            total = tf.reduce_sum(loss(targets, logits + bias))
        numbers[f"{name} gradient"] = float(tape.gradient(total, bias)[0])
        numbers[f"{name} slope"] = float(tf.reduce_sum(loss(targets, logits + 0.01 * tf.one_hot(0, 6))) - total) / 0.01
        trainer = lowlevel.Trainer(ModelSpec.mlp(6, 6), train)
        trainer.loss = loss
        trainer.fit((x, y))
        numbers[f"{name} bias"] = trainer.weights()[1].max()
        numbers[f"{name} accuracy"] = np.mean(trainer.predict(x).argmax(axis=1) == y)
    return Effect(
        "untrained, 32 examples of 6 classes: cost {wrong untrained:.4f}, not {right untrained:.4f}; gradient "
        "{wrong gradient:.0f} of a bias along which the loss is flat; uneven classes: largest bias {wrong bias:.0f}, not "
        "{right bias:.0f}; {wrong accuracy:.1%} right, not {right accuracy:.1%}".format(**numbers),
        numbers,
    )


def _uneven() -> tuple[np.ndarray, np.ndarray]:
    """600 rows of 6 noisy columns and their labels, 3 of 4 of which are class 0."""
    generator = np.random.default_rng(0)
    y = generator.choice(6, 600, p=[0.75, 0.05, 0.05, 0.05, 0.05, 0.05])
    return 2 * np.eye(6)[y] + generator.normal(size=(600, 6)), y


def over_examples(targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Softmax along the wrong axis alone: a loss for each example, by the true gradient; (batch, classes) -> (batch,)."""
    return -tf.reduce_sum(targets * tf.nn.log_softmax(logits, axis=0), axis=-1)


def variants(replay):
    """Where the loss is one of classes and takes logits: the losses' mean, their sum by examples, their sum; softmax(axis=0)."""
    if not (categorical(replay) and of_logits(replay)):
        return
    summed, classes = replay.objective.reduction == "sum", columns(replay)
    forms = {
        "the mean of the classes' losses": lambda self: 1 / classes if summed else 1,
        "the sum of the classes' losses, divided by the examples": lambda self: 1 / self.size if summed else classes / self.size,
        "the sum of the classes' losses": lambda self: 1 if summed else classes,
    }
    for detail, factor in forms.items():
        yield Variant({"loss": _part(replay, wrong, factor)}, detail)
    yield Variant({"loss": _part(replay, over_examples, lambda self: 1)}, "softmax along axis 0")


def _part(replay, form, factor):
    return lambda self, y, outputs: factor(self) * form(one_hot(replay, y), outputs)


TRAP = Trap(
    name="classes-as-rows",
    text=__doc__,
    source="S0.11",
    met="S0.11",
    kind="loop",
    cause="softmax-over-examples",
    replaces="loss",
    stage="example losses",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
