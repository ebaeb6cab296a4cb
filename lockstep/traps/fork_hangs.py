"""A process that has used TensorFlow is forked, and the child waits for ever.

A fork copies memory and not threads. In the child, TensorFlow hands the work of any larger operation to threads that are not
there. Small operations still answer, so that it works at first and hangs later. Python's `multiprocessing` forks by default on
Linux up to Python 3.13, and so do pools and data loaders built on it.

Instead: start a fresh process: `subprocess`, or `multiprocessing` with the start methods spawn or forkserver, or joblib's loky.

Seen: nothing; the run does not end.
"""

import os
import signal
import time

from lockstep.traps import Effect, Trap
from lockstep.traps._apart import apart

PATIENCE = 3.0  # seconds; what is waited for takes milliseconds


def product() -> float:
    """The sum over a product of two matrices, which is large enough for threads."""
    import tensorflow as tf

    return float(tf.reduce_sum(tf.ones((300, 300)) @ tf.ones((300, 300))))


def wrong() -> float:
    """Use TensorFlow, then have a child compute the same; 0 where it does not answer. In a process of its own."""
    product()
    child = os.fork()
    if not child:
        os._exit(int(product() != 300.0**3))
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return product() if status == 0 else 0.0
        time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return 0.0


def right() -> float:
    """Use TensorFlow, then have a child compute the same."""
    product()
    return apart(product)


def measure() -> Effect:
    """What comes back from the child, 27,000,000 or nothing."""
    numbers = {"wrong answered": apart(wrong) == 300.0**3, "right answered": right() == 300.0**3}
    return Effect(
        "the child answered within {patience:.0f} seconds: {wrong answered}, not {right answered}".format(
            patience=PATIENCE, **numbers
        ),
        numbers,
    )


TRAP = Trap(
    name="fork-hangs",
    text=__doc__,
    source="TensorFlow",
    met="tensorflow/tensorflow#51832",
    kind="framework",
    wrong=wrong,
    right=right,
    measure=measure,
)
