"""A float64 net with an L2 penalty does not train at all in Keras.

`fit` adds up the loss of the batch, which it has cast to Keras's default type, float32, and the penalties, which have the type
of their weights, and TensorFlow does not add unlike types. The only setting that helps is global.

Instead: cast the penalty to `keras.config.floatx()`, as both wings do (`docs/decisions/0011-penalties-of-float64-nets.md`); the
gradient is float64 all the same.

Seen: before the first step: TypeError.
"""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from lockstep.traps import Effect, Trap


def wrong(factor: float) -> Callable[[tf.Tensor], tf.Tensor]:
    """An L2 penalty."""
    return keras.regularizers.L2(factor)


def right(factor: float) -> Callable[[tf.Tensor], tf.Tensor]:
    """An L2 penalty."""
    penalty = keras.regularizers.L2(factor)
    return lambda weight: tf.cast(penalty(weight), keras.config.floatx())


def trains(penalty: Callable[[tf.Tensor], tf.Tensor]) -> float:
    """The loss of a float64 net on four examples, NaN where it is refused."""
    layer = keras.layers.Dense(1, kernel_initializer="ones", kernel_regularizer=penalty, dtype="float64", name="L1")
    model = keras.Sequential([keras.Input((3,), dtype="float64", name="input"), layer], name="net")
    loss = keras.losses.MeanSquaredError(dtype="float64", name="loss")
    model.compile(keras.optimizers.SGD(name="sgd"), loss, jit_compile=False)
    try:
        return model.fit(np.ones((4, 3)), np.ones((4, 1)), verbose=0).history["loss"][0]
    except TypeError:
        return float("nan")


def measure() -> Effect:
    """The loss at weights 1, 1 and 1 with the factor 0.01: 4 + 0.03."""
    refused, loss = np.isnan(trains(wrong(0.01))), trains(right(0.01))
    return Effect(
        f"trained: {not refused}, not {not np.isnan(loss)} with the loss {loss:.2f}",
        {"wrong refused": refused, "right loss": loss},
    )


TRAP = Trap(
    name="penalty-refused-in-float64",
    text=__doc__,
    source="Keras 3",
    kind="framework",
    cause="dtype",
    wrong=wrong,
    right=right,
    measure=measure,
)
