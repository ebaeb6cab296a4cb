"""`tf.summary.scalar` is used as a part of TensorFlow, and TensorFlow 2.21 no longer brings what it needs.

TensorBoard is a package of its own. Without it `tf.summary.scalar` raises at the first call, and Keras's `TensorBoard` callback
after the first batch of `fit`: once model and data stand, not at the start.

Instead: `pip install tensorboard`, and look for it before training begins.

Seen: `TBNotInstalledError`.
"""

import importlib.util

import tensorflow as tf

from lockstep.traps import Effect, Trap


def wrong() -> None:
    """Write the loss of a step down."""
    tf.summary.scalar("loss", 1.0, step=1)


def right() -> None:
    """Write the loss of a step down, where that is possible."""
    if importlib.util.find_spec("tensorboard"):
        tf.summary.scalar("loss", 1.0, step=1)


def measure() -> Effect:
    """What is raised; no writer is open, so nothing is written either way."""
    numbers = {"installed": importlib.util.find_spec("tensorboard") is not None}
    for name, half in (("wrong", wrong), ("right", right)):
        try:
            half()
            numbers[f"{name} raises"] = False
        except Exception:  # its class is not public
            numbers[f"{name} raises"] = True
    return Effect(
        "TensorBoard installed: {installed}; the call raises: {wrong raises}, not {right raises}".format(**numbers), numbers
    )


TRAP = Trap(
    name="tensorboard-missing",
    text=__doc__,
    source="TensorFlow",
    met="stared/livelossplot#152",
    kind="framework",
    wrong=wrong,
    right=right,
    measure=measure,
)
