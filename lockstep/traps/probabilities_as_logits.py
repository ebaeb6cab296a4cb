"""Probabilities are handed to a loss that expects logits.

S4 takes softmax of the net's logits for use. Whoever gives these probabilities to the same loss, to score a trained net or to
train it, has softmax taken twice. For ten classes the loss lies between 1.4612, for a net that is certain and right, and
2.4612, for one that is certain and wrong; an untrained net has about log 10 either way, so the first figure raises no
suspicion.

Instead: give the loss the logits. Where only probabilities are left, use a loss that expects them, `-log p`.

Seen: logits are right and example losses differ. In training the gradient of the first step by the logits is a tenth as long,
for ten classes. Where the model ends linear, the same numbers are called softmax in the net.
"""

import keras
import tensorflow as tf

import lowlevel
from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._digits import MODEL, TRAIN, digits, fitted
from lockstep.traps._forms import ends_linear, of_logits, on_outputs, otherwise
from lowlevel.losses import sparse_categorical_crossentropy as right


def wrong(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """The loss on logits, of probabilities; labels (batch,), logits (batch, classes) -> (batch,)."""
    return right(labels, tf.nn.softmax(logits))


def measure() -> Effect:
    """A net well trained on digits, scored by both halves and by Keras; certain nets; the first gradient."""
    x, y = digits()
    labels = y[:, 0]
    trainer = lowlevel.Trainer(MODEL, TRAIN)
    untrained = tf.constant(trainer.predict(x))
    fitted(trainer, (x, y))
    logits = tf.constant(trainer.predict(x))
    certain = 100 * tf.one_hot(labels, 10)
    in_keras = keras.losses.SparseCategoricalCrossentropy(from_logits=True, name="scored")
    numbers = {"keras trained": float(in_keras(labels, trainer.predict_proba(x)))}
    lengths = {}
    for name, loss in (("wrong", wrong), ("right", right)):
        numbers[f"{name} trained"] = float(tf.reduce_mean(loss(labels, logits)))
        numbers[f"{name} certain"] = float(tf.reduce_mean(loss(labels, certain)))
        numbers[f"{name} untrained"] = float(tf.reduce_mean(loss(labels, untrained)))
        with tf.GradientTape() as tape:
            tape.watch(untrained)
            total = tf.reduce_mean(loss(labels, untrained))
        lengths[name] = float(tf.norm(tape.gradient(total, untrained)))
    numbers["gradient ratio"] = lengths["wrong"] / lengths["right"]
    return Effect(
        "a trained net's loss {wrong trained:.4f}, in Keras {keras trained:.4f}, not {right trained:.4f}; a certain and right "
        "one's {wrong certain:.4f}, not {right certain:.4f}; gradients of the first step {gradient ratio:.3f} times "
        "as long".format(**numbers),
        numbers,
    )


def variants(replay):
    """Where the model itself ends in softmax, or in sigmoid for binary labels, and its loss expects that."""
    if of_logits(replay) is False and not ends_linear(replay):
        # Keras would take the logits from under the softmax; tf.identity hides them from it.
        yield Variant({"objective": otherwise(replay.objective, from_logits=True), "loss": on_outputs(tf.identity)})


TRAP = Trap(
    name="probabilities-as-logits",
    text=__doc__,
    source="S4.8",
    met="exelban/tensorflow-cifar-10#6",
    kind="loop",
    cause="probabilities-as-logits",
    replaces="loss",
    stage="example losses",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
