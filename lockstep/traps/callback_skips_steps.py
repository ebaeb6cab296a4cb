"""A callback that is to see every batch sees one in `steps_per_execution`.

`compile(steps_per_execution=k)` runs k steps in one call into TensorFlow, and callbacks are called between calls. What they
log, schedule or stop is k times as coarse, and the number they get is that of the last step of the call, even where the data
ended before it. The weights at the end have the same bits.

Instead: `steps_per_execution=1` where every step counts; or let what is to happen at each step happen in the graph.

Seen: no stage differs. A log has fewer rows.
"""

import keras
import numpy as np

from lockstep.traps import Effect, Trap
from lockstep.traps._digits import digits
from lockstep.traps._nets import distance, net


class Counter(keras.callbacks.Callback):
    """Writes down the number of every batch that it is told of."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[int] = []

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Keras calls this."""
        self.told.append(batch)


def wrong(x: np.ndarray, y: np.ndarray) -> tuple[list[int], list[np.ndarray]]:
    """The numbers that a callback is told in an epoch, and the weights after it."""
    model, counter = net(keras.optimizers.SGD(0.05, name="sgd"), steps_per_execution=10), Counter()
    model.fit(x, y, shuffle=False, verbose=0, callbacks=[counter])
    return counter.told, model.get_weights()


def right(x: np.ndarray, y: np.ndarray) -> tuple[list[int], list[np.ndarray]]:
    """The numbers that a callback is told in an epoch, and the weights after it."""
    model, counter = net(keras.optimizers.SGD(0.05, name="sgd"), steps_per_execution=1), Counter()
    model.fit(x, y, shuffle=False, verbose=0, callbacks=[counter])
    return counter.told, model.get_weights()


def measure() -> Effect:
    """An epoch of 32 batches."""
    (few, left), (all_, other) = wrong(*digits()), right(*digits())
    numbers: dict[str, float] = {
        "wrong calls": len(few),
        "right calls": len(all_),
        "wrong last": few[-1] + 1,
        "right last": all_[-1] + 1,
    }
    numbers["difference"] = distance(left, other)
    return Effect(
        "32 batches: {wrong calls} calls, not {right calls}, the last for batch {wrong last:.0f}, not {right last:.0f}; weights "
        "differ by {difference:.0f}".format(**numbers),
        numbers,
    )


TRAP = Trap(
    name="callback-skips-steps",
    text=__doc__,
    source="Keras 3",
    kind="framework",
    wrong=wrong,
    right=right,
    measure=measure,
)
