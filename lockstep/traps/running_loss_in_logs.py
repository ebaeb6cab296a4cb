"""`logs["loss"]` in `on_train_batch_end` is taken for the loss of the batch.

It is the mean over all examples of the epoch so far. Late in an epoch it hardly moves whatever the batch does, and a loop that
prints each batch's own loss seems to differ from `fit` from the second step on.

Instead: compare running means on both sides, or take the means apart again: the sum so far minus the sum before.

Seen: the loss of the first step agrees and those after it do not, while the weights do.
"""

import keras
import numpy as np

from lockstep.traps import Effect, Trap
from lockstep.traps._digits import digits
from lockstep.traps._nets import net


class Listener(keras.callbacks.Callback):
    """Writes down ``logs["loss"]`` after every batch."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[float] = []

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Keras calls this."""
        self.heard.append((logs or {})["loss"])


def wrong(model: keras.Model, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The loss of each batch of 32 of an epoch."""
    listener = Listener()
    model.fit(x, y, shuffle=False, verbose=0, callbacks=[listener])
    return np.array(listener.heard)


def right(model: keras.Model, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The loss of each batch of 32 of an epoch."""
    seen = np.minimum(32 * np.arange(1, len(x) // 32 + 2), len(x))[: -(-len(x) // 32)]
    sums = wrong(model, x, y) * seen
    return np.diff(sums, prepend=0) / np.diff(seen, prepend=0)


def measure() -> Effect:
    """Digits sorted by class: the loss of the last batch, and how much it varies over the last ten."""
    numbers = {}
    for name, half in (("wrong", wrong), ("right", right)):
        losses = half(net(keras.optimizers.SGD(0.05, name="sgd")), *digits())
        numbers[f"{name} last"], numbers[f"{name} first"] = losses[-1], losses[0]
        numbers[f"{name} range"] = np.ptp(losses[-10:])
    return Effect(
        "digits sorted by class: last batch of the epoch {wrong last:.3f}, not {right last:.3f}; the last ten vary by "
        "{wrong range:.3f}, not {right range:.3f}".format(**numbers),
        numbers,
    )


TRAP = Trap(
    name="running-loss-in-logs",
    text=__doc__,
    source="Keras 3",
    met="tensorflow/tensorflow#58098",
    kind="framework",
    cause="epoch-metric-running",
    wrong=wrong,
    right=right,
    measure=measure,
)
