"""`tf.nn.l2_loss` is half the sum of squares, and Keras's L2 regulariser is the whole sum.

The half makes the gradient come out as the weight itself. A loop with `decay * tf.nn.l2_loss(kernel)` regularises half as much as
`keras.regularizers.L2(decay)`. PyTorch's `weight_decay` and most textbooks have the half too. Who halves the rate of the model
and forgets the loop, or corrects it twice, has the double.

Instead: `decay * tf.reduce_sum(tf.square(kernel))`.

Seen: the loss is off by half the penalties, and the gradients of the regularised weights by the rate times the weight.
"""

import tensorflow as tf

from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._steps import compared, rows
from lockstep.traps.penalty_left_out import regularized


def wrong(kernel: tf.Tensor, decay: float) -> tf.Tensor:
    """The penalty of a kernel, with a half; any shape -> ()."""
    return decay * tf.nn.l2_loss(kernel)


def right(kernel: tf.Tensor, decay: float) -> tf.Tensor:
    """The penalty of a kernel, as Keras has it; any shape -> ()."""
    return decay * tf.reduce_sum(tf.square(kernel))


HALF = {"penalty": lambda self, value: 0.5 * value}
DOUBLE = {"penalty": lambda self, value: 2.0 * value}


def measure() -> Effect:
    """The penalty of one kernel, and digits after 44 steps."""
    kernel = tf.constant([[1.0, -2.0], [3.0, 0.0]])
    numbers = compared(regularized(), HALF, *rows())
    numbers |= {"wrong penalty": float(wrong(kernel, 0.01)), "right penalty": float(right(kernel, 0.01))}
    return Effect(
        "weights 1, -2, 3 and 0 at 0.01: penalty {wrong penalty:.2f}, not {right penalty:.2f}; 330 digits after 44 steps: loss "
        "with penalties {wrong loss:.4f}, not {right loss:.4f}".format(**numbers),
        numbers,
    )


def variants(replay):
    """Where the model has penalties."""
    if replay.model.losses:
        yield Variant(HALF, "half of each penalty")
        yield Variant(DOUBLE, "twice each penalty")


TRAP = Trap(
    name="penalty-halved",
    text=__doc__,
    source="TensorFlow, l2_loss",
    kind="loop",
    cause="regularizer-halved",
    stage="loss",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
