"""A training loop made of a model's own step, taken apart, with other parts planted: what traps are measured and tried on."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from lockstep.auditing.optimizer import copied
from lockstep.auditing.reference import Batch, Reference, Values
from lockstep.auditing.replay import Replay


class Loop:
    """A copy of a compiled model that trains by itself, in eager code; the model stays as it is.

    Args:
        model: compiled and built.
        parts: what deviates, by path; see ``lockstep.auditing.replay``.
        batch_size, x, y: of the training, for parts that ask.

    Attributes:
        model: the copy.
        variables: all its weights, ``tf.Variable``s in the order of ``model.weights``.
    """

    def __init__(self, model: keras.Model, *parts: Mapping[str, Any], batch_size: int = 32, x: Any = (), y: Any = ()) -> None:
        self.model = keras.models.clone_model(model)
        optimizer = copied(model.optimizer, model.trainable_variables, self.model.trainable_variables)
        self.model.compile(optimizer=optimizer, loss=keras.losses.get(model.loss))
        optimizer.build(self.model.trainable_variables)
        state = zip(optimizer.variables, model.optimizer.variables, strict=True) if model.optimizer.built else ()
        for mine, theirs in (*zip(self.model.variables, model.variables, strict=True), *state):
            mine.assign(theirs.value)
        self.reference = Reference(self.model, self.model.weights)
        self.replay = Replay(self.reference, batch_size, np.asarray(x), np.asarray(y))
        self.variables = [weight.value for weight in self.model.weights]
        self.parts = parts
        self._history: list[Values] = []

    def step(self, x: Any, y: Any) -> tf.Tensor:
        """One step; returns the loss that it reports, float32 ()."""
        replay, batch = self.replay, Batch(1, np.empty(0, int), np.asarray(x), np.asarray(y))
        with replay.planted(*self.parts):
            if not self._history:
                self.reference.write(replay.slots, replay.first_slots(self.reference.start[2]))
            self._history.append(self.reference.read(self.reference.weights))
            replay.step = len(self._history) - 1
            self.reference.write(self.reference.weights, replay.seen(self._history, replay.step))
            reported, gradients = replay.backward(batch)
            for weight, value in zip(self.model.trainable_variables, self._trainable(self._history[-1]), strict=True):
                weight.assign(value)
            replay.update(gradients)
            replay.past.append(gradients)
            replay.reports.append(reported)
        return tf.constant(reported)

    def _trainable(self, values: Values) -> Values:
        mine = {id(weight) for weight in self.model.trainable_variables}
        return [value for weight, value in zip(self.model.weights, values, strict=True) if id(weight) in mine]
