"""`drop_remainder=True` throws the last, smaller batch away in every epoch.

S3 batches 1,080 pictures by 32 with it and never shuffles: the same 24 pictures, 2 in 100, are left out of every epoch. Where
the rows are sorted by class the last class loses most. Of fewer rows than one batch nothing is left, and a loop over no
batches trains nothing and reports nothing.

Instead: keep the partial batch and divide by its own size. Where all batches must have one shape, shuffle before batching, so
that other rows are left out each time.

Seen: `lockstep.compare` stops with "sides out of step" at the end of the first epoch: one side ends it while the other takes
a step.
"""

from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from lockstep.traps import Effect, Trap, Variant


def wrong(x: np.ndarray, y: np.ndarray, batch_size: int) -> Iterable[tuple[tf.Tensor, tf.Tensor]]:
    """Pairs of batches, full ones only."""
    return tf.data.Dataset.from_tensor_slices((x, y)).batch(batch_size, drop_remainder=True)


def right(x: np.ndarray, y: np.ndarray, batch_size: int) -> Iterable[tuple[tf.Tensor, tf.Tensor]]:
    """Pairs of batches; the last may be smaller."""
    return tf.data.Dataset.from_tensor_slices((x, y)).batch(batch_size)


def measure() -> Effect:
    """Which of 1,080 rows three epochs of batches of 32 see, and how many batches 31 rows make."""
    rows, numbers = np.arange(1080), {}
    for name, half in (("wrong", wrong), ("right", right)):
        batches = half(rows, rows, 32)
        seen = {int(row) for _ in range(3) for x, _ in batches for row in x}
        numbers[f"{name} unseen"] = len(rows) - len(seen)
        numbers[f"{name} batches of 31"] = len(list(half(rows[:31], rows[:31], 32)))
    return Effect(
        "of 1,080 rows in batches of 32 no epoch sees {wrong unseen}, not {right unseen}; 31 rows make {wrong batches of 31} "
        "batches, not {right batches of 31}".format(**numbers),
        numbers,
    )


def variants(replay):
    """Where the loop makes its own batches, and the last one is smaller."""
    if replay.own_batches and len(replay.x) % replay.batch_size and len(replay.x) > replay.batch_size:
        yield Variant({"batch": _full})


def _full(self, batches, step):
    """Batches of full size only, epoch after epoch."""
    size = self.batch_size
    epoch, at = divmod(step, len(self.x) // size)
    return self.rows(np.arange(at * size, (at + 1) * size), epoch + 1)


TRAP = Trap(
    name="remainder-dropped",
    text=__doc__,
    source="S3.2",
    met="S3.2",
    kind="loop",
    cause="drop-remainder",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
