"""The gradient is taken of the batch's summed loss, not of its mean.

S0 sums the losses of a batch so that the cost of the epoch comes out right, and differentiates the same sum. Every gradient
is then as many times as long as the batch has examples, and plain gradient descent takes steps that much longer. Adam divides
the length out again and hides it.

Instead: differentiate the mean of the batch and record its sum. Or keep the sum and divide the learning rate by the batch
size; a last batch that is smaller then still takes shorter steps.

Seen: the losses differ, and the gradients by a factor of the batch's size. With Adam the curves hardly show it: compare
gradients, or train with SGD.
"""

import dataclasses

import tensorflow as tf

import lowlevel
from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._digits import MODEL, TRAIN, digits, fitted
from lowlevel.losses import mean_over_batch as right


def wrong(example_losses: tf.Tensor, sample_weight: tf.Tensor | None = None) -> tf.Tensor:
    """The weighted sum; (batch,) -> ()."""
    return tf.reduce_sum(example_losses if sample_weight is None else example_losses * sample_weight)


def measure() -> Effect:
    """The gradient's length, and digits after 10 epochs of SGD and of Adam."""
    logits = tf.constant([[1.0, -1.0, 0.5]] * 32)
    lengths = []
    for reduction in (wrong, right):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            loss = reduction(tf.nn.sparse_softmax_cross_entropy_with_logits([0] * 32, logits))
        lengths.append(float(tf.norm(tape.gradient(loss, logits))))
    data, numbers = digits(), {"gradient ratio": lengths[0] / lengths[1]}
    for optimizer, rate in (("sgd", 0.05), ("adam", 1e-3)):
        train = dataclasses.replace(TRAIN, optimizer=optimizer, learning_rate=rate)
        for half in ("wrong", "right"):
            trainer = lowlevel.Trainer(MODEL, train)
            if half == "wrong":
                TRAP.plant(trainer)
            _, accuracy = fitted(trainer, data)
            numbers[f"{optimizer} {half}"] = accuracy
    return Effect(
        "gradient {gradient ratio:.0f} times as long in batches of 32; digits right after 10 epochs: SGD at 0.05 "
        "{sgd wrong:.1%}, not {sgd right:.1%}; Adam {adam wrong:.1%}, not {adam right:.1%}".format(**numbers),
        numbers,
    )


def variants(replay):
    """Where the compiled loss takes the mean."""
    if replay.objective.reduction != "sum":
        yield Variant({"reduction": lambda self, example_losses: wrong(example_losses)})


TRAP = Trap(
    name="sum-differentiated",
    text=__doc__,
    source="S0.10",
    met="S0.10",
    kind="loop",
    cause="loss-sum-not-mean",
    replaces="reduction",
    stage="loss",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
