"""Binary cross-entropy, averaged over the classes, where one of six classes is right.

S3 asks of each class for itself whether it is the one, and averages the six answers. The classes do not compete, five of six
answers are "no" for every example, and each answer's gradient is divided by six. A net that has learned nothing but that a
class is right one time in six already has the loss 0.4506. S3's printed cost after 190 epochs, 0.455648, is 0.4418 once its
division by the batch size is undone: hardly better than that.

Instead: categorical cross-entropy, `-log softmax(logits)` of the right class.

Seen: the example losses differ; untrained they are log 2 whatever the number of classes, where they should be log of that
number.
"""

import keras
import numpy as np
import tensorflow as tf

import lowlevel
from lockstep.auditing.replay import example_losses
from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._forms import categorical, columns, of_logits, one_hot
from lowlevel.losses import categorical_crossentropy as right
from shared import ModelSpec, TrainSpec, load_digits


def wrong(targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """The mean over the classes of each one's binary loss; targets and logits (batch, classes) -> (batch,)."""
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(targets, logits), axis=-1)


def measure() -> Effect:
    """The notes' labels and logits, an untrained net, knowing frequencies alone, and the digits 0 to 5 after 10 epochs."""
    labels = tf.constant([[0.0, 1.0], [0.0, 0.0], [1.0, 0.0]], tf.float64)
    logits = tf.constant([[0.6, 0.4], [0.4, 0.6], [0.4, 0.6]], tf.float64)
    targets = tf.eye(6, dtype=tf.float64)
    numbers = {
        "frequencies alone": float(tf.reduce_mean(wrong(targets, tf.fill((6, 6), tf.math.log(tf.constant(0.2, tf.float64))))))
    }
    given = load_digits()
    x, y = given.x_train[:3000:5], given.y_train[:3000:5]
    for name, loss in (("wrong", wrong), ("right", right)):
        numbers[f"{name} printed"] = float(tf.reduce_mean(loss(tf.transpose(labels), tf.transpose(logits))))
        numbers[f"{name} untrained"] = float(tf.reduce_mean(loss(targets, tf.zeros((6, 6), tf.float64))))
        train = TrainSpec(optimizer="sgd", learning_rate=0.05, epochs=10, seed=1234, loss="categorical_crossentropy")
        trainer = lowlevel.Trainer(ModelSpec.mlp(400, 25, 12, 6), train)
        trainer.loss = loss
        trainer.fit((x, y))
        numbers[f"{name} accuracy"] = float(np.mean(trainer.predict(x).argmax(axis=1) == y[:, 0]))
    return Effect(
        "the notes' labels and logits: {wrong printed:.7f}, not {right printed:.7f}; untrained, 6 classes: "
        "{wrong untrained:.4f}, not {right untrained:.4f}; digits 0 to 5 right after 10 epochs of SGD: {wrong accuracy:.1%}, not "
        "{right accuracy:.1%}".format(**numbers),
        numbers,
    )


def variants(replay):
    """Where the loss is one of classes: their mean or their sum, of logits or of probabilities."""
    if not categorical(replay):
        return
    probabilities = keras.losses.BinaryCrossentropy(name="binary")  # with logits under a softmax it takes these

    def of_probabilities(change):
        return lambda targets, outputs: example_losses(probabilities, targets, change(outputs))

    if of_logits(replay):
        forms = {"of logits": wrong, "of softmax of the logits": of_probabilities(tf.nn.softmax)}
    else:
        forms = {"of probabilities": of_probabilities(tf.identity)}
        if hasattr(replay.network.layers[-1], "activation"):
            forms["of the logits under the softmax, as Keras takes them"] = of_probabilities(lambda outputs: outputs)
    for detail, form in forms.items():
        for what, factor in (("mean", 1), ("sum", columns(replay))):
            yield Variant({"loss": _part(replay, form, factor)}, f"{detail}, {what} over the classes")


def _part(replay, form, factor):
    return lambda self, y, outputs: factor * form(one_hot(replay, y), outputs)


TRAP = Trap(
    name="binary-for-six-classes",
    text=__doc__,
    source="S3.2",
    met="S3.2",
    kind="loop",
    cause="binary-for-categorical",
    replaces="loss",
    stage="example losses",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
