"""A weighted loss is taken for a weighted mean.

Keras multiplies each example's loss by its weight and divides by the number of examples, not by the sum of the weights.
Weights of 2 throughout double the loss and every gradient, and weights whose mean is not 1 change the learning rate. What is
usual elsewhere, scikit-learn among it, is the weighted mean.

Instead: divide by the number of examples in a loop that is to equal `fit`. Where a weighted mean is meant, use
`reduction="mean_with_sample_weight"`, or weights whose mean is 1.

Seen: the example losses agree and the loss differs, by the mean of the weights.
"""

import keras
import tensorflow as tf

from lockstep.traps import Effect, Trap
from lowlevel.losses import mean_over_batch as right


def wrong(example_losses: tf.Tensor, sample_weight: tf.Tensor) -> tf.Tensor:
    """The loss of a batch, as a loop that is to equal ``fit`` would take it; (batch,), (batch,) -> ()."""
    return tf.reduce_sum(example_losses * sample_weight) / tf.reduce_sum(sample_weight)


def measure() -> Effect:
    """Two examples with losses 1 and 4 that both weigh 2."""
    losses, weights = tf.constant([1.0, 4.0]), tf.constant([2.0, 2.0])
    numbers = {"wrong": float(wrong(losses, weights)), "right": float(right(losses, weights))}
    for name, reduction in (("keras", "sum_over_batch_size"), ("keras mean", "mean_with_sample_weight")):
        loss = keras.losses.MeanSquaredError(reduction=reduction, name="loss")
        numbers[name] = float(loss([[1.0], [2.0]], [[0.0], [0.0]], sample_weight=weights))
    return Effect(
        "losses 1 and 4, both of weight 2: {wrong:.1f}, not {right:.1f}; Keras gives {keras:.1f}, and {keras mean:.1f} with "
        "mean_with_sample_weight".format(**numbers),
        numbers,
    )


TRAP = Trap(
    name="weights-not-in-divisor",
    text=__doc__,
    source="Keras 3",
    kind="framework",
    wrong=wrong,
    right=right,
    measure=measure,
)
