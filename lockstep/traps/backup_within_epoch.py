"""`BackupAndRestore` saves every so many batches, and training is expected to go on from there.

What is saved are weights, optimiser and the numbers of epoch and batch. What is read again are the weights, the optimiser and
the epoch: the epoch begins anew, with weights that have already seen part of it. Those batches count twice, and the schedule
and Adam's correction are as many steps ahead.

Instead: `save_freq="epoch"`, the default; then training that was broken off ends in the same bits.

Seen: the first stage after resuming: "weights in", against a side that was not broken off.
"""

import contextlib
import tempfile
from pathlib import Path

import keras
import numpy as np

from lockstep.traps import Effect, Trap
from lockstep.traps._digits import digits
from lockstep.traps._nets import distance, net

EPOCHS = 2


class Stop(keras.callbacks.Callback):
    """Breaks training off after so many batches."""

    def __init__(self, batches: int) -> None:
        super().__init__()
        self.left = batches

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Keras calls this."""
        self.left -= 1
        if not self.left:
            raise InterruptedError


def wrong(folder: str) -> keras.callbacks.Callback:
    """What saves and restores."""
    return keras.callbacks.BackupAndRestore(folder, save_freq=8, delete_checkpoint=False)


def right(folder: str) -> keras.callbacks.Callback:
    """What saves and restores."""
    return keras.callbacks.BackupAndRestore(folder, save_freq="epoch", delete_checkpoint=False)


def resumed(half) -> tuple[list[np.ndarray], int]:
    """Weights and number of steps after a training that was broken off in the second epoch and resumed."""
    with tempfile.TemporaryDirectory() as folder:
        for stop in ([Stop(52)], []):
            model = net(keras.optimizers.Adam(name="adam"))
            callbacks = [half(str(Path(folder, "backup"))), *stop]
            with contextlib.suppress(InterruptedError):
                model.fit(*digits(), epochs=EPOCHS, shuffle=False, verbose=0, callbacks=callbacks)
    return model.get_weights(), int(model.optimizer.iterations.numpy())


def measure() -> Effect:
    """Two epochs of 32 batches, broken off after 52, against two that were not."""
    whole = net(keras.optimizers.Adam(name="adam"))
    whole.fit(*digits(), epochs=EPOCHS, shuffle=False, verbose=0)
    numbers: dict[str, float] = {}
    for name, half in (("wrong", wrong), ("right", right)):
        weights, numbers[f"{name} steps"] = resumed(half)
        numbers[f"{name} difference"] = distance(weights, whole.get_weights())
    return Effect(
        "64 steps, broken off after 52: {wrong steps} steps, not {right steps}; weights differ by {wrong difference:.1e}, not "
        "{right difference:.0f}".format(**numbers),
        numbers,
    )


TRAP = Trap(
    name="backup-within-epoch",
    text=__doc__,
    source="Keras 3",
    kind="framework",
    wrong=wrong,
    right=right,
    measure=measure,
)
