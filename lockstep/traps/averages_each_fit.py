"""With averages of weights (`use_ema=True`), two calls of `fit` are not one call of twice the length.

When a call ends, `fit` replaces the weights by their averages. The next call goes on from the averages, which no step has led
to. Without averages it does not matter how the epochs are cut into calls.

Instead: train in one call; or let a loop that is to equal several calls put the averages in place at the end of each.

Seen: "weights in" of the first step of the second call.
"""

import keras
import numpy as np

from lockstep.traps import Effect, Trap
from lockstep.traps._digits import digits
from lockstep.traps._nets import distance, net


def wrong(model: keras.Model, x: np.ndarray, y: np.ndarray) -> None:
    """Train two epochs."""
    for epoch in (0, 1):
        model.fit(x, y, epochs=epoch + 1, initial_epoch=epoch, shuffle=False, verbose=0)


def right(model: keras.Model, x: np.ndarray, y: np.ndarray) -> None:
    """Train two epochs."""
    model.fit(x, y, epochs=2, shuffle=False, verbose=0)


def measure() -> Effect:
    """How far two calls are from one, with averages and without."""
    numbers = {}
    for name, use_ema in (("with averages", True), ("without", False)):
        weights = []
        for half in (wrong, right):
            model = net(keras.optimizers.SGD(0.05, use_ema=use_ema, ema_momentum=0.9, name="sgd"))
            half(model, *digits())
            weights.append(model.get_weights())
        numbers[name] = distance(*weights)
    return Effect(
        "weights after two epochs differ by {with averages:.1e}, without averages by {without:.0f}".format(**numbers), numbers
    )


TRAP = Trap(
    name="averages-each-fit",
    text=__doc__,
    source="Keras 3",
    met="keras-team/keras#18949",
    kind="framework",
    wrong=wrong,
    right=right,
    measure=measure,
)
