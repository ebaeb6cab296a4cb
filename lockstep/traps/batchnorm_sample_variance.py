"""The variance in batch normalisation is divided by n - 1, not by n.

PyTorch normalises with n and keeps its moving variance with n - 1; `torch.var`, and `np.var` with `ddof=1`, have n - 1
everywhere. Keras has n in both places. In a batch of 32 the moving variance is then 3% larger, in a last batch of two twice as
large.

Instead: `tf.math.reduce_variance` or `np.var`, which divide by n.

Seen: with the moving variance alone, losses and gradients are right, and `model.weights` must be given to the audit to see it.
"""

import keras
import tensorflow as tf

from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._forms import at_all, places
from lockstep.traps._steps import compared, rows
from lockstep.traps.batchnorm_in_inference import KIND, normalized


def wrong(self: keras.layers.BatchNormalization, inputs: tf.Tensor, mask=None) -> tuple[tf.Tensor, tf.Tensor]:
    """Mean and variance over the batch, the variance divided by n - 1; (batch, ..., units) -> (units,) twice."""
    mean, variance = right(self, inputs, mask)
    count = tf.cast(tf.size(inputs) / tf.size(mean), variance.dtype)
    return mean, variance * count / (count - 1)


def right(self: keras.layers.BatchNormalization, inputs: tf.Tensor, mask=None) -> tuple[tf.Tensor, tf.Tensor]:
    """Mean and variance over the batch, the variance divided by n; (batch, ..., units) -> (units,) twice."""
    return type(self)._moments(self, inputs, mask)


def moving_only(self: keras.layers.BatchNormalization, inputs: tf.Tensor, training: bool | None = None, mask=None) -> tf.Tensor:
    """Normalised with n, while the moving variance is kept with n - 1, as in PyTorch."""
    before = tf.convert_to_tensor(self.moving_variance.value)
    outputs = type(self).call(self, inputs, training=training, mask=mask)
    if training:
        _, variance = wrong(self, inputs, mask)
        self.moving_variance.assign(before * self.momentum + variance * (1 - self.momentum))
    return outputs


def measure() -> Effect:
    """Digits after 44 steps, with n - 1 in both places and in the moving variance alone."""
    model = normalized()
    numbers = compared(model, {"network.layers.1._moments": wrong}, *rows())
    numbers["moving"] = compared(model, {"network.layers.1.call": moving_only}, *rows())["weights"]
    return Effect(
        "330 digits after 44 steps of SGD: trained or moving numbers up to {weights:.4f} off, with the moving variance alone "
        "{moving:.4f}".format(**numbers),
        numbers,
    )


def variants(replay):
    """Where the net has such layers."""
    if list(places(replay, KIND)):
        yield Variant(at_all(replay, KIND, "call", moving_only), "in the moving variance")
        yield Variant(at_all(replay, KIND, "_moments", wrong), "in the moving variance and to normalise")


TRAP = Trap(
    name="batchnorm-sample-variance",
    text=__doc__,
    source="PyTorch, BatchNorm",
    kind="loop",
    cause="batchnorm-variance",
    stage="weights out",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
