"""The number of threads is left to each machine.

TensorFlow splits large products and sums among its threads, and the partial sums are added in another order when there are
more of them. Batches of 32 are too small to be split here; with all rows in one batch the bits depend on the number of
processors.

Instead: `tf.config.threading.set_intra_op_parallelism_threads(n)` before anything else, and the same n on both sides.

Seen: gradients differ by rounding, with large batches only.
"""

from lockstep.traps import Effect, Trap
from lockstep.traps.onednn_changes_numbers import difference, weights


def wrong(batches: str) -> float:
    """How far two sides are apart, one with two threads and one with one; ``batches``: ``"full"`` or ``"batches"``."""
    return difference(weights("1", 2)[batches][0], weights("1", 1)[batches][0])


def right() -> float:
    """How far two sides are apart that have two threads both; in full batches."""
    return difference(*weights("1", 2)["full"])


def measure() -> Effect:
    """Weights of 5,000 digits after 10 steps of full batch, and of 1,000 after 10 epochs of small ones."""
    numbers = {"wrong full": wrong("full"), "right full": right(), "wrong batches": wrong("batches")}
    return Effect(
        "5,000 digits, 10 full batches: weights differ by {wrong full:.1e}, not {right full:.0f}; 10 epochs in batches of 32: by "
        "{wrong batches:.0f}".format(**numbers),
        numbers,
    )


TRAP = Trap(
    name="threads-change-full-batch",
    text=__doc__,
    source="TensorFlow",
    met="tensorflow/community#346",
    kind="framework",
    wrong=wrong,
    right=right,
    measure=measure,
)
