"""The reference: the person's own compiled model, trained by the real ``fit``, from its own weights or from the loop's.

One call of ``fit`` takes all steps. A callback returns to Python around each of them: before it, to move the model to the
weights that the loop had there, if asked to; after it, to read what the step left.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from shared.errors import InputError

Values = list[np.ndarray]


@dataclass(frozen=True)
class Batch:
    """What one step gets: its rows, counted from 0, and the epoch that it belongs to, counted from 1."""

    epoch: int
    rows: np.ndarray
    x: np.ndarray
    y: np.ndarray


@dataclass(frozen=True)
class Step:
    """What one step of ``fit`` left: its loss, and all variables after it."""

    loss: np.ndarray
    weights: Values  # of Reference.weights
    others: Values = field(repr=False)  # of Reference.others


class Reference:
    """A compiled model and everything in it that training moves.

    Args:
        model: compiled; built, or built here from the first batch.
        weights: those that the loop has too.
    """

    def __init__(self, model: keras.Model, weights: Sequence[keras.Variable]) -> None:
        self.model, self.weights = model, list(weights)
        mine = {id(weight) for weight in self.weights}
        self.others = [variable for variable in model.variables if id(variable) not in mine]
        if model.optimizer is not None and not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
        self.slots = list(model.optimizer.variables)
        self.start = [self.read(group) for group in (self.weights, self.others, self.slots)]
        self.former = self.start
        self._loss = tf.Variable(np.nan, dtype=tf.float32, trainable=False)

    @staticmethod
    def read(variables: Sequence[keras.Variable]) -> Values:
        """Copies of variables."""
        return [np.array(variable.value.numpy()) for variable in variables]

    @staticmethod
    def write(variables: Sequence[keras.Variable], values: Sequence[np.ndarray]) -> None:
        """Set variables."""
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)

    def begin(self, weights: Values) -> None:
        """Start from those weights instead, in the types of the model; ``end`` puts the model back all the same."""
        self.former = self.start
        self.start = [[value.astype(own.dtype) for value, own in zip(weights, self.start[0], strict=True)], *self.start[1:]]

    def end(self) -> None:
        """Put the model back to where it was before the audit."""
        self.start = self.former
        self.restore()

    def restore(self, weights: Values | None = None) -> None:
        """Put everything back to the start; the weights to ``weights`` where given."""
        for variables, values in zip((self.weights, self.others, self.slots), self.start, strict=True):
            self.write(variables, values)
        if weights is not None:
            self.write(self.weights, weights)
        self.model.reset_metrics()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Within, ``fit`` returns to Python after each step and leaves the step's loss in a variable."""
        model, optimizer, steps = self.model, self.model.optimizer, self.model.steps_per_execution
        scale_loss = optimizer.scale_loss

        def watched_scale_loss(loss):
            self._loss.assign(tf.cast(loss, tf.float32))
            return scale_loss(loss)

        optimizer.scale_loss = watched_scale_loss
        model.steps_per_execution, model.train_function = 1, None
        stopping = model.stop_training
        log = logging.getLogger("tensorflow")
        log.addFilter(_not_of_retracing)
        try:
            yield
        finally:
            log.removeFilter(_not_of_retracing)
            del optimizer.scale_loss
            model.steps_per_execution, model.train_function = steps, None
            model.stop_training = stopping
            self.restore()

    def run(self, batches: Sequence[Batch], at: Sequence[Values] | None = None, start: Values | None = None) -> list[Step]:
        """Take the steps, within ``watched``.

        Args:
            at: the weights from which each step is taken; those that the last step left where None.
            start: the weights from which the first step is taken where ``at`` is None.
        """
        self.restore(start)
        around = _Around(self, at)
        self.model.fit(pipeline(batches), epochs=1, steps_per_epoch=len(batches), shuffle=False, verbose=0, callbacks=[around])
        return around.steps


class _Around(keras.callbacks.Callback):
    """What is done before and after each step of ``fit``."""

    def __init__(self, reference: Reference, at: Sequence[Values] | None) -> None:
        super().__init__()
        self.reference, self.at = reference, at
        self.steps: list[Step] = []

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self.model.reset_metrics()
        self.reference._loss.assign(np.nan)
        if self.at is not None:
            self.reference.write(self.reference.weights, self.at[batch])

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        mine = self.reference
        loss = mine._loss.numpy()
        if np.isnan(loss) and logs and "loss" in logs:  # a train_step of the model's own
            loss = np.float32(logs["loss"])
        self.steps.append(Step(loss, mine.read(mine.weights), mine.read(mine.others)))


def _not_of_retracing(record: logging.LogRecord) -> bool:
    """TensorFlow warns of graphs that are made again and again; here that is meant."""
    return "triggered tf.function retracing" not in record.getMessage()


def pipeline(batches: Sequence[Batch]) -> tf.data.Dataset:
    """The batches in order, the number of their rows left open, as ``fit`` leaves it."""
    first = batches[0]
    signature = tuple(tf.TensorSpec((None, *part.shape[1:]), part.dtype) for part in (first.x, first.y))
    return tf.data.Dataset.from_generator(lambda: ((batch.x, batch.y) for batch in batches), output_signature=signature)


def perturbed(values: np.ndarray, eps: float, run: int) -> np.ndarray:
    """Every number moved by about its last bit, ``eps`` times itself, up or down at random; integers and zeros stay."""
    if values.dtype.kind != "f":
        return values
    up = np.random.Generator(np.random.PCG64([run, values.size])).random(values.shape) < 0.5
    return (values * np.where(up, 1 + eps, 1 - eps).astype(values.dtype)).astype(values.dtype)


def compiled(model: Any) -> keras.Model:
    """The model, if it is one that ``fit`` would train.

    Raises:
        InputError: no Keras model, not compiled, or not built and without an input shape.
    """
    if not isinstance(model, keras.Model):
        raise InputError(f"The reference is a compiled keras.Model. Received: {type(model).__name__}. Pass the model itself.")
    if not model.compiled or model.optimizer is None:
        raise InputError(
            "The reference is a compiled model. Received: one without compile(). Call model.compile(optimizer, loss)."
        )
    if not model.built:
        raise InputError(
            "The reference must have its weights. Received: a model that is not built. Give it a keras.Input, or call it once."
        )
    return model
