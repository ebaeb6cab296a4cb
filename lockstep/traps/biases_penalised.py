"""The biases are regularised too, where the model regularises its kernels only.

`[tf.nn.l2_loss(v) for v in model.trainable_variables]` takes all that is trained: the biases, and the gamma and beta of batch
normalisation. `kernel_regularizer=` takes the kernel alone.

Instead: add up `model.losses`, or name the kernels.

Seen: where biases start from zero, the first step has the right loss and the right gradients. From the second on both are off.
"""

import keras
import tensorflow as tf

from lockstep.auditing.replay import flattened
from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._steps import compared, rows
from lockstep.traps.penalty_left_out import regularized, right


def wrong(model: keras.Model) -> list[tf.Tensor]:
    """What is added to the loss: all penalties, and those of the biases by the regularisers of their kernels, () each."""
    return right(model) + [layer.kernel_regularizer(layer.bias) for layer in _halfway(model)]


def everything(model: keras.Model) -> list[tf.Tensor]:
    """What is added to the loss: a penalty for each trained weight by the model's one regulariser, () each."""
    (regularizer,) = _regularizers(model)
    return [regularizer(weight.value) for weight in model.trainable_variables]


def measure() -> Effect:
    """Digits after 44 steps, L2 of 0.01."""
    numbers = compared(regularized(), {"penalties": lambda self: wrong(self.model)}, *rows())
    return Effect(
        "330 digits after 44 steps of SGD, L2 of 0.01: weights up to {weights:.4f} off; loss with the kernels' penalties "
        "{wrong loss:.4f}, not {right loss:.4f}".format(**numbers),
        numbers,
    )


def variants(replay):
    """Where a layer has a regularised kernel and a free bias; where one regulariser stands for the whole model, on everything."""
    layers = _halfway(replay.model)
    if layers:
        yield Variant({"penalties": lambda self: wrong(self.model)}, "the biases of the regularised layers")
    if len(_regularizers(replay.model)) == 1 and len(replay.model.losses) + len(layers) < len(replay.model.trainable_variables):
        yield Variant({"penalties": lambda self: everything(self.model)}, "all that is trained")


def _halfway(model):
    """Layers whose kernel is regularised and whose bias is not."""
    return [
        one
        for one in flattened(model)
        if getattr(one, "kernel_regularizer", None)
        and getattr(one, "bias", None) is not None
        and not getattr(one, "bias_regularizer", None)
    ]


def _regularizers(model):
    """One of each kind and rate that the kernels have."""
    found = {}
    for layer in flattened(model):
        if getattr(layer, "kernel_regularizer", None):
            found[str((type(layer.kernel_regularizer), layer.kernel_regularizer.get_config()))] = layer.kernel_regularizer
    return list(found.values())


TRAP = Trap(
    name="biases-penalised",
    text=__doc__,
    source="TensorFlow, trainable_variables",
    kind="loop",
    cause="regularizer-on-bias",
    stage="loss",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
