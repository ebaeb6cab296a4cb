"""A net with batch normalisation is judged after few steps, when its moving statistics still are those it began with.

Keras's momentum is 0.99, so that after 32 steps three quarters of a moving mean and variance are still the 0 and 1 that they
began as. The net that is evaluated is then not the one that was trained, and the loss of `evaluate` is far above the loss of
training on the same rows.

Instead: for a few hundred steps or less a momentum that suits them, such as 0.9; or evaluate after more.

Seen: training agrees on both sides. Evaluation is bad on both, and differs where only one side has set the momentum.
"""

import keras
import numpy as np

from lockstep.traps import Effect, Trap
from lockstep.traps._digits import digits
from lockstep.traps._nets import net


def wrong() -> keras.layers.Layer:
    """Batch normalisation for a training of 32 steps."""
    return keras.layers.BatchNormalization(name="norm")


def right() -> keras.layers.Layer:
    """Batch normalisation for a training of 32 steps."""
    return keras.layers.BatchNormalization(momentum=0.9, name="norm")


def measure() -> Effect:
    """Loss and accuracy on the rows trained on, with moving statistics and with the rows' own."""
    x, y = digits()
    order, numbers = np.random.default_rng(0).permutation(len(x)), {}
    for name, half in (("wrong", wrong), ("right", right)):
        model = net(keras.optimizers.Adam(name="adam"), between=[half()], metrics=["accuracy"])
        model.fit(x[order], y[order], shuffle=False, verbose=0)
        numbers[f"{name} loss"], numbers[f"{name} accuracy"] = model.evaluate(x, y, verbose=0)
        numbers[f"{name} own"] = float(model.loss(y, model(x, training=True)))
    return Effect(
        "after 32 steps: loss {wrong loss:.2f}, not {right loss:.2f}; with the rows' own statistics {right own:.2f}; accuracy "
        "{wrong accuracy:.1%}, not {right accuracy:.1%}".format(**numbers),
        numbers,
    )


TRAP = Trap(
    name="moving-statistics-lag",
    text=__doc__,
    source="Keras 3",
    met="keras-team/keras#7265",
    kind="framework",
    cause="batchnorm-momentum",
    wrong=wrong,
    right=right,
    measure=measure,
)
