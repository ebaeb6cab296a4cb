"""Whether oneDNN is used is left to each machine.

TensorFlow switches its oneDNN kernels on where the processor has the instructions for them. They round differently, so that
the same script without XLA gives other bits on an older processor, and beside a process for which somebody has set
`TF_ENABLE_ONEDNN_OPTS`. The variable is read once, when TensorFlow starts.

Instead: set `TF_ENABLE_ONEDNN_OPTS` to 0 or 1 before TensorFlow is imported, and the same on both sides.

Seen: the logits of the first step differ by rounding.
"""

import functools

import numpy as np

from lockstep.traps import Effect, Trap
from lockstep.traps._apart import apart

Weights = dict[str, list[list[float]]]  # of a training or two each, by all rows in one batch or by batches of 32


def trained(threads: int) -> Weights:
    """All digits after 10 steps of full batch, twice, and a fifth of them after 10 epochs; in a process of its own."""
    import keras
    import tensorflow as tf

    from lockstep.traps._digits import digits
    from lockstep.traps._nets import net
    from shared import load_digits

    tf.config.threading.set_intra_op_parallelism_threads(threads)

    def once(x: np.ndarray, y: np.ndarray, batch_size: int) -> list[float]:
        model = net(keras.optimizers.Adam(name="adam"), hidden="tanh")
        model.fit(x, y, epochs=10, batch_size=batch_size, shuffle=False, verbose=0)
        return np.concatenate([weight.ravel() for weight in model.get_weights()]).tolist()

    given = load_digits()
    full = given.x_train, given.y_train, len(given.x_train)
    return {"full": [once(*full), once(*full)], "batches": [once(*digits(), 32)]}


@functools.cache
def weights(onednn: str, threads: int) -> Weights:
    """Trained in a process with these settings."""
    return apart(trained, threads, TF_ENABLE_ONEDNN_OPTS=onednn)


def difference(left: list[float], right: list[float]) -> float:
    """The largest difference of any weight."""
    return float(np.abs(np.subtract(left, right)).max())


def wrong() -> float:
    """How far two sides are apart, one on a machine with oneDNN and one without."""
    return difference(weights("1", 2)["full"][0], weights("0", 2)["full"][0])


def right() -> float:
    """How far two sides are apart that have it both."""
    return difference(*weights("1", 2)["full"])


def measure() -> Effect:
    """Weights of digits after ten steps of Adam."""
    numbers = {"wrong difference": wrong(), "right difference": right()}
    return Effect(
        "digits after 10 full batches: weights differ by {wrong difference:.1e}, not {right difference:.0f}".format(**numbers),
        numbers,
    )


TRAP = Trap(
    name="onednn-changes-numbers",
    text=__doc__,
    source="TensorFlow",
    met="tensorflow/tensorflow#62876",
    kind="framework",
    wrong=wrong,
    right=right,
    measure=measure,
)
