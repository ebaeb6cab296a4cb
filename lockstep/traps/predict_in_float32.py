"""Arrays given to `predict`, `evaluate` or `fit` of a float64 model are cast to float32 on their way in.

The cast goes by the type that Keras has as its default, not by the type of the model or of its input. The result is float64
again, so that nothing shows, but it belongs to inputs of seven digits. Tensors are cast too; a `tf.data` pipeline and
`predict_on_batch` are not.

Instead: hand over a `tf.data.Dataset`, or call the model.

Seen: the stage "batch", or the prediction, differs by about 1e-8 of the inputs, in float64 only.
"""

import keras
import numpy as np
import tensorflow as tf

from lockstep.traps import Effect, Trap


def wrong(model: keras.Model, x: np.ndarray) -> np.ndarray:
    """Predictions."""
    return model.predict(x, verbose=0)


def right(model: keras.Model, x: np.ndarray) -> np.ndarray:
    """Predictions."""
    return model.predict(tf.data.Dataset.from_tensor_slices(x).batch(32), verbose=0)


def identity() -> keras.Model:
    """A float64 model of one weight, which is 1."""
    layer = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones", dtype="float64", name="identity")
    return keras.Sequential([keras.Input((1,), dtype="float64", name="input"), layer], name="net")


def measure() -> Effect:
    """What a net that gives back its input makes of 1 + 2^-40."""
    x, numbers = np.array([[1 + 2.0**-40]]), {}
    for name, half in (("wrong", wrong), ("right", right)):
        given = half(identity(), x)
        numbers[f"{name} above 1"] = float(given[0, 0] - 1)
        numbers[f"{name} bits"] = given.dtype.itemsize * 8
    return Effect(
        "1 + 2^-40 = 1 + 9.09e-13 through a net that changes nothing: 1 + {wrong above 1:.0f}, in {wrong bits} bits, not "
        "1 + {right above 1:.2e}".format(**numbers),
        numbers,
    )


TRAP = Trap(
    name="predict-in-float32",
    text=__doc__,
    source="Keras 3",
    kind="framework",
    cause="dtype",
    wrong=wrong,
    right=right,
    measure=measure,
)
