"""Pictures and labels run through two pipelines and are put together again batch by batch.

S3 batches x and y each by itself and pairs the batches with `zip`. As it stands there they keep in step, for both have one
length and neither is shuffled. But nothing holds them together: shuffle both, as one should, and every picture gets some
other's label; give one fewer elements, and `zip` stops at the shorter without a word.

Instead: make one pipeline of pairs first, then shuffle and batch the pairs. Unequal lengths are then an error.

Seen: the stage "batch" differs, in the labels where the rows are right.
"""

import dataclasses
from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from lockstep.traps import Effect, Trap, Variant


def wrong(x: np.ndarray, y: np.ndarray, batch_size: int) -> Iterable[tuple[tf.Tensor, tf.Tensor]]:
    """Pairs of batches, each half shuffled and batched by itself."""
    pictures = tf.data.Dataset.from_tensor_slices(x).shuffle(len(x), seed=1).batch(batch_size, drop_remainder=True)
    labels = tf.data.Dataset.from_tensor_slices(y).shuffle(len(y), seed=2).batch(batch_size, drop_remainder=True)
    return zip(pictures, labels, strict=False)


def right(x: np.ndarray, y: np.ndarray, batch_size: int) -> Iterable[tuple[tf.Tensor, tf.Tensor]]:
    """Batches of pairs, shuffled as pairs."""
    return tf.data.Dataset.from_tensor_slices((x, y)).shuffle(len(x), seed=1).batch(batch_size)


def measure() -> Effect:
    """How many of 1,080 rows keep their own label, and what becomes of 1,080 rows with 1,000 labels."""
    rows, numbers = np.arange(1080), {}
    for name, half in (("wrong", wrong), ("right", right)):
        numbers[f"{name} own"] = sum(int(np.sum(x == y)) for x, y in half(rows, rows, 32))
        try:
            numbers[f"{name} batches"] = len(list(half(rows, rows[:1000], 32)))
        except ValueError:
            numbers[f"{name} batches"] = 0
    return Effect(
        "shuffled, {wrong own} of 1,080 rows has its own label, not {right own}; 1,080 rows with 1,000 labels give "
        "{wrong batches} batches, not {right batches} and an error".format(**numbers),
        numbers,
    )


def variants(replay):
    """Where the loop makes its own batches."""
    for shift in (1, -1, replay.batch_size) if replay.own_batches else ():
        rows = f"{abs(shift)} row{'s' if abs(shift) > 1 else ''}"
        yield Variant({"batch": _shifted(shift)}, f"labels stand {rows} {'before' if shift > 0 else 'after'} their own")


def _shifted(shift):
    """Every row has the label of one that stands so many further on."""

    def batch(self, batches, step):
        right = batches[step]
        return dataclasses.replace(right, y=self.y[(right.rows + shift) % len(self.y)])

    return batch


TRAP = Trap(
    name="batched-apart",
    text=__doc__,
    source="S3.2",
    met="S3.2",
    kind="loop",
    cause="labels-misaligned",
    stage="batch",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
