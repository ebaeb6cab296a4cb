"""``numpy_by_hand.py`` and ``numpy_training.py`` as a side: the net by hand."""

import numpy as np

from lowlevel.ladder import numpy_training
from lowlevel.ladder.numpy_by_hand import L_model_forward
from lowlevel.ladder.trainers.base import Step, Trainer, through_float32
from shared.records import SUMS


class NumpyTrainer(Trainer):
    """The net by hand. It computes in float64 whatever the net's dtype, in which it hands out what it computed."""

    rung = "numpy"

    def _build(self, parameters):
        self.parameters = {name: value.astype(np.float64) for name, value in parameters.items()}
        self.slots = numpy_training.initialize_slots(self.parameters, self.optimizer_name)

    def _put(self, parameters, slots):
        self.parameters = {name: value.astype(np.float64) for name, value in zip(self.names, parameters, strict=True)}
        each, wide = len(self.train.slots), [slot.astype(np.float64) for slot in slots]
        self.slots = {name: tuple(wide[at * each : (at + 1) * each]) for at, name in enumerate(self.names)}

    def _get(self):
        return list(self.parameters.values()), [slot for kept in self.slots.values() for slot in kept]

    def _hidden(self):
        parameters, slots = self._get()
        return [] if self.model.dtype == "float64" else [value.copy() for value in (*parameters, *slots)]

    def restore(self, state):
        """As ``Trainer.restore``, and with all digits where the state is this rung's own."""
        super().restore(state)
        parameters, slots = self._get()
        values = state.carried[SUMS:]
        rounded = [value.astype(self.model.dtype) for value in values]
        own = (*parameters, *slots)
        if len(values) == len(own) and all(np.array_equal(a, b) for a, b in zip(rounded, own, strict=True)):
            self._put(values[: len(parameters)], values[len(parameters) :])

    def _step(self, X, labels):
        X = X.astype(np.float64)
        logits, losses, grads = numpy_training.losses_and_gradients(X, labels, self.parameters, self.activations)
        gradients = [grads[f"d{name}"] for name in self.parameters]
        self.parameters, self.slots = numpy_training.apply_rule(self.parameters, grads, self.slots, self._rule())
        return Step(logits, losses, losses.mean(), gradients)

    def _rule(self) -> numpy_training.Rule:
        train, rate = self.train, float(self.learning_rate)
        if self.optimizer_name == "adam":
            betas = {"beta1": through_float32(train.beta_1), "beta2": through_float32(train.beta_2)}
            rate = numpy_training.adam_rate(self.iteration + 1, learning_rate=rate, **betas)
        return numpy_training.rule_of(
            self.optimizer_name,
            rate=rate,
            beta=train.rho if train.optimizer == "rmsprop" else through_float32(train.momentum),
            beta1=train.beta_1,
            beta2=train.beta_2,
            epsilon=train.epsilon,
        )

    def _forward(self, X, labels):
        logits, _ = L_model_forward(X.astype(np.float64), self.parameters, self.activations)
        return logits, numpy_training.softmax_cross_entropy(logits, labels)
