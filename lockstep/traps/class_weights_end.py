"""`class_weight` names some classes only, and training fails: with a pipeline, not with arrays.

For arrays, a class that is not named weighs 1. For a `tf.data` pipeline Keras makes a table that ends at the highest class
that is named and looks every label up in it. A label beyond its end is an error on a CPU.

Instead: name all classes, those that weigh 1 too.

Seen: InvalidArgumentError at the first batch.
"""

import keras
import numpy as np
import tensorflow as tf

from lockstep.traps import Effect, Trap


def wrong(classes: int) -> dict[int, float]:
    """Weights by class, where class 0 is to weigh 2."""
    return {0: 2.0}


def right(classes: int) -> dict[int, float]:
    """Weights by class, where class 0 is to weigh 2."""
    return {0: 2.0} | dict.fromkeys(range(1, classes), 1.0)


def loss(class_weight: dict[int, float], pipeline: bool) -> float:
    """Of five examples of five classes, with equal logits; NaN where training fails."""
    layer = keras.layers.Dense(5, kernel_initializer="zeros", name="L1")
    model = keras.Sequential([keras.Input((3,), name="input"), layer], name="net")
    crossentropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True, name="loss")
    model.compile(keras.optimizers.SGD(0.05, name="sgd"), crossentropy, run_eagerly=True)
    x, y = np.ones((5, 3)), np.arange(5)
    given = (tf.data.Dataset.from_tensor_slices((x, y)).batch(5),) if pipeline else (x, y)
    try:
        return model.fit(*given, class_weight=class_weight, shuffle=False, verbose=0).history["loss"][0]
    except tf.errors.InvalidArgumentError:
        return float("nan")


def measure() -> Effect:
    """By both halves, as arrays and as a pipeline."""
    numbers = {"wrong fails": np.isnan(loss(wrong(5), pipeline=True)), "wrong arrays": loss(wrong(5), pipeline=False)}
    numbers |= {"right pipeline": loss(right(5), pipeline=True), "right arrays": loss(right(5), pipeline=False)}
    return Effect(
        "a pipeline fails: {wrong fails}; arrays give the loss {wrong arrays:.4f}. All classes named: {right pipeline:.4f} and "
        "{right arrays:.4f}".format(**numbers),
        numbers,
    )


TRAP = Trap(
    name="class-weights-end",
    text=__doc__,
    source="Keras 3",
    met="keras-team/keras#23071",
    kind="framework",
    wrong=wrong,
    right=right,
    measure=measure,
)
