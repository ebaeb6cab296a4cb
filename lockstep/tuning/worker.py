"""One net of a search: in this process, or in a worker's.

A process that has used TensorFlow must not be forked, since the child would hang. So workers are fresh processes (joblib's loky
starts them), and each imports TensorFlow for itself. The number of threads may change bits where a batch is large, so workers
compute with as many as this process would.
"""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from shared.errors import InputError
from shared.records import History
from shared.spec import ModelSpec, TrainSpec

Threads = tuple[int, int]
_SETTLING = threading.Lock()  # a worker of Dask may have several threads


def threads() -> Threads:
    """TensorFlow's threads in this process, between operations and inside one. 0 is its default, also before its import."""
    tf = sys.modules.get("tensorflow")
    if tf is None:
        return 0, 0
    setting = tf.config.threading
    return setting.get_inter_op_parallelism_threads(), setting.get_intra_op_parallelism_threads()


def trainer_of(wing: str) -> Any:
    """The ``Trainer`` class of a wing, imported now.

    Raises:
        InputError: another name than ``low`` or ``high``.
    """
    check_wing(wing)
    if wing == "low":
        from lowlevel import Trainer as Low

        return Low
    from highlevel import Trainer as High

    return High


def check_wing(wing: str) -> None:
    """Raise ``InputError`` for another name than ``low`` or ``high``."""
    if wing not in ("low", "high"):
        raise InputError(f"wing says which wing trains. Received: wing={wing!r:.40}. Use 'low' or 'high'.")


def trained(wing: str, model: ModelSpec, train: TrainSpec, data: tuple[np.ndarray, ...]) -> History:
    """The curves of one training; ``data`` is x, y and what is held out of them.

    Without XLA: a search trains many nets for a few epochs each, and compiling a net takes longer than that. What XLA compiles
    also stays in the process until it ends.
    """
    x, y, x_held, y_held = data
    return trainer_of(wing)(model, train, jit_compile=False).fit((x, y), validation_data=(x_held, y_held))


@contextmanager
def deaf_children() -> Iterator[None]:
    """Processes that are started inside ignore Ctrl-C. It reaches them all, and the one that started them answers it."""
    usual = signal.getsignal(signal.SIGINT)
    if usual is None or threading.current_thread() is not threading.main_thread():  # not ours to change
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # what is ignored stays so in a new program
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)


def trained_in_worker(setting: Threads, wing: str, model: ModelSpec, train: TrainSpec, data: tuple[np.ndarray, ...]) -> History:
    """``trained``, in a process that was started for it."""
    with _SETTLING:
        _settle(setting)
    return trained(wing, model, train, data)


def _settle(setting: Threads) -> None:
    """Make this worker compute as the process that started it does."""
    if "tensorflow" not in sys.modules:
        from lockstep.commands.terminal import quiet_import

        with quiet_import():
            import tensorflow as tf
        if setting != threads():
            tf.config.threading.set_inter_op_parallelism_threads(setting[0])
            tf.config.threading.set_intra_op_parallelism_threads(setting[1])
    if setting != threads():
        raise InputError(
            "Workers compute with as many threads as the process that started them, or bits could differ. "
            f"Received: workers at work with {threads()}, and {setting} asked for. Start a new process."
        )
