"""Twin: highlevel/callbacks.py. What may happen between epochs: objects with Keras's hook methods, which ``fit`` calls."""

import os
import warnings
from typing import Any

import numpy as np
import tensorflow as tf

from shared.spec import require

__all__ = ["EarlyStopping", "TensorBoard"]

_SCALAR = tf.compat.v1.SummaryMetadata(plugin_data={"plugin_name": "scalars"})  # the part of TensorBoard that draws curves
_RISING = {"loss": False, "mean_absolute_error": False, "accuracy": True}  # whether more is better


class EarlyStopping:
    """Ends the training when a figure has not become better for ``patience`` epochs. Keras: ``keras.callbacks.EarlyStopping``.

    The model is a trainer, or any object with ``get_weights`` and ``set_weights``. After the training ``best`` is the best figure
    and ``best_epoch`` its epoch, ``stopped_epoch`` the last epoch, or 0 where the training ran to its end. Epochs count from 0.

    Args:
        monitor: the figure's name in ``logs``. Where it is missing, a warning says so and nothing is stopped.
        min_delta: by how much a figure must be better to count.
        patience: how many epochs in a row may pass without a better figure.
        verbose: 1 prints when training is stopped and when weights are put back.
        mode: ``"min"``, ``"max"``, or ``"auto"``, which knows the figures of the trainers by name.
        baseline: a figure that must be beaten too before waiting starts again.
        restore_best_weights: whether the weights of the best epoch are put back at the end.
        start_from_epoch: epochs, from 0, before which nothing is monitored.

    Raises:
        InputError: an unknown mode, or ``"auto"`` for a figure of which it knows nothing.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ):
        known = mode in ("auto", "min", "max")
        require(known, "mode says which figure is the better.", f"mode={mode!r}", "Use one of: auto, min, max.")
        name = monitor.removeprefix("val_")
        rule = "mode='auto' knows the figures loss, accuracy and mean_absolute_error."
        require(mode != "auto" or name in _RISING, rule, f"monitor={monitor!r}", "Use mode='min' or mode='max'.")
        self.monitor, self.patience, self.verbose, self.baseline = monitor, patience, verbose, baseline
        self.restore_best_weights, self.start_from_epoch = restore_best_weights, start_from_epoch
        self.rising = mode == "max" or (mode == "auto" and _RISING[name])
        self.min_delta = abs(min_delta)
        self.model: Any = None
        self.on_train_begin()

    def set_model(self, model: Any) -> None:
        """The model that is to be stopped."""
        self.model = model

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Forget the last training."""
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best: float | None = None
        self.best_weights: list[np.ndarray] | None = None

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Look at the figure, remember the best, stop where the patience is at an end."""
        logs = logs or {}
        current = logs.get(self.monitor)
        if current is None:
            warnings.warn(
                f"EarlyStopping monitors {self.monitor}, of which there is none among: {', '.join(logs)}.", stacklevel=2
            )
            return
        if epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self.best_weights, self.best_epoch = self._weights(), epoch  # also where this figure is not a number
        self.wait += 1
        if self._better(current, self.best):
            self.best, self.best_epoch = current, epoch
            if self.restore_best_weights:
                self.best_weights = self._weights()
            if self._better(current, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: dict | None = None) -> None:
        """Put the best weights back, if that is asked for."""
        if self.stopped_epoch > 0 and self.verbose > 0:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.best_weights is not None:
            if self.verbose > 0:
                print(f"Restoring model weights from the end of the best epoch: {self.best_epoch + 1}.")
            put_back = self.model.set_weights if hasattr(self.model, "set_weights") else self.model.load
            put_back(self.best_weights)

    def _better(self, current: float, reference: float | None) -> bool:
        """Anything is better than nothing; not-a-number is never better than a number, nor is a number better than it."""
        if reference is None:
            return True
        # Keras compares as tensors, so in float32.
        asked = np.float32(current - self.min_delta if self.rising else current + self.min_delta)
        return bool(asked > np.float32(reference) if self.rising else asked < np.float32(reference))

    def _weights(self) -> list[np.ndarray]:
        return self.model.get_weights() if hasattr(self.model, "get_weights") else self.model.weights()


class TensorBoard:
    """Writes the curves for TensorBoard, epoch by epoch. Keras: ``keras.callbacks.TensorBoard``, whose tags these are.

    Two runs stand under ``log_dir``, each made when it has something to hold; steps are epochs, counted from 0:

    - ``train``: ``epoch_loss``, ``epoch_accuracy`` (or ``epoch_mean_absolute_error``), ``epoch_learning_rate``;
    - ``validation``: the first two, and the same as ``evaluation_..._vs_iterations``, whose steps are the optimiser's updates.

    All values are float32. Writing takes TensorFlow alone; only to look at the curves is TensorBoard needed.

    Args:
        log_dir: the folder of the runs.
    """

    def __init__(self, log_dir: str | os.PathLike[str] = "logs"):
        self.log_dir = str(log_dir)
        self._writers: dict[str, Any] = {}

    def set_model(self, model: Any) -> None:
        """The trainer whose curves are written."""
        self.model = model
        self._writers = {}

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Write what the epoch gave, in Keras's order: by name, and the test set's first."""
        optimizer = getattr(self.model.optimizer, "inner", self.model.optimizer)  # inside of a loss scale
        figures = sorted((logs or {}).items())
        train = {name: value for name, value in figures if not name.startswith("val_")}
        validation = {name.removeprefix("val_"): value for name, value in figures if name.startswith("val_")}
        for name, value in validation.items():
            self._write("validation", f"evaluation_{name}_vs_iterations", value, optimizer.updates)
        for name, value in (train | {"learning_rate": optimizer.rate()}).items():
            self._write("train", f"epoch_{name}", value, epoch)
        for name, value in validation.items():
            self._write("validation", f"epoch_{name}", value, epoch)

    def on_train_end(self, logs: dict | None = None) -> None:
        """Close the files."""
        for writer in self._writers.values():
            writer.close()

    def _write(self, run: str, tag: str, value: Any, step: Any) -> None:
        """One number, as ``tf.summary.scalar`` writes it by the package that TensorFlow no longer brings."""
        if run not in self._writers:
            self._writers[run] = tf.summary.create_file_writer(os.path.join(self.log_dir, run))
        with self._writers[run].as_default():
            tf.summary.write(tag, tf.cast(value, tf.float32), step, _SCALAR)
