"""``tf1_session.py`` as a side: a graph that is laid out once, and a session that stays open."""

from typing import Any

import numpy as np
import tensorflow.compat.v1 as tf

from lowlevel.ladder import tf1_session
from lowlevel.ladder.trainers.base import Step, Trainer, through_float32


class TF1Trainer(Trainer):
    """Graph and session, with TensorFlow 1's own optimisers. The session is closed when the trainer is no longer used.

    TensorFlow 1 keeps the decayed sum of the gradients where Keras keeps the momentum, which is -learning_rate times as much.
    Its Adam computes ``1 - beta`` in the net's dtype; in float32 that is wrong by 1e-5 of its value for beta_2 = 0.999.
    """

    rung = "tf1"

    def _build(self, parameters):
        model, dtype = self.model, self.model.dtype
        with tf.Graph().as_default() as graph:
            self.X, self.Y = tf1_session.create_placeholders(model.inputs, model.outputs, dtype)
            variables = list(tf1_session.initialize_parameters(self.units, dtype).values())
            self.Z = tf1_session.forward_propagation(self.X, dict(zip(self.names, variables, strict=True)), self.activations)
            self.losses = tf1_session.example_losses(self.Z, self.Y)
            self.cost = tf1_session.compute_cost(self.Z, self.Y)

            self.rate = tf.placeholder(dtype, (), name="learning_rate")
            optimizer, slots = self._optimizer()
            pairs = optimizer.compute_gradients(self.cost, variables)
            self.gradients = [gradient for gradient, _ in pairs]
            self.update = optimizer.apply_gradients(pairs)

            self.variables = [*variables, *(optimizer.get_slot(variable, slot) for variable in variables for slot in slots)]
            self.powers = [variable for variable in optimizer.variables() if "power" in variable.op.name]
            settable = [*self.variables, *self.powers]
            self.values = [tf.placeholder(dtype, variable.shape) for variable in settable]
            self.assign = [variable.assign(value) for variable, value in zip(settable, self.values, strict=True)]
            self.session = tf.Session(graph=graph)
            self.session.run(tf.global_variables_initializer())
        self._set(list(parameters.values()), 0)

    def _optimizer(self) -> tuple[Any, tuple[str, ...]]:
        """TensorFlow 1's optimiser, and what it calls its slots."""
        train = self.train
        if not train.slots:
            return tf.train.GradientDescentOptimizer(self.rate), ()
        if train.momentum:
            mu = self._constant(through_float32(train.momentum))
            return tf.train.MomentumOptimizer(self.rate, mu, use_nesterov=train.nesterov), ("momentum",)
        constants = (self._constant(value) for value in (train.beta_1, train.beta_2, train.epsilon))
        return tf.train.AdamOptimizer(self.rate, *constants), ("m", "v")

    def _constant(self, value: float) -> tf.Tensor:
        # A Python number would be kept in float32, and a float64 net would compute with that.
        return tf.constant(value, self.model.dtype)

    def _put(self, parameters, slots):
        if self.train.momentum:
            slots = [-slot / np.float64(self.learning_rate) for slot in slots]
        self._set([*parameters, *slots], 0)

    def _set(self, values: list, first: int) -> None:
        """Set variables, or the powers of beta behind them, to ``values``, beginning with number ``first``."""
        last = first + len(values)
        self.session.run(self.assign[first:last], dict(zip(self.values[first:last], values, strict=True)))

    def _get(self):
        values, count = self.session.run(self.variables), len(self.names)
        slots = values[count:]
        if self.train.momentum:
            slots = [0.0 - slot * np.float64(self.learning_rate) for slot in slots]  # 0 - 0 is +0, as Keras starts
        return values[:count], slots

    def _step(self, X, labels):
        if self.powers:  # Keras has the betas of the powers through float32, and the other ones not
            t = self.iteration + 1
            self._set([through_float32(beta) ** t for beta in (self.train.beta_1, self.train.beta_2)], len(self.variables))
        fetched = (self.Z, self.losses, self.cost, self.gradients, self.update)
        logits, losses, cost, gradients, _ = self.session.run(fetched, self._feed(X, labels) | {self.rate: self.learning_rate})
        return Step(logits, losses, cost, gradients)

    def _forward(self, X, labels):
        return self.session.run((self.Z, self.losses), self._feed(X, labels))

    def _feed(self, X: np.ndarray, labels: np.ndarray) -> dict:
        return {self.X: X, self.Y: tf1_session.convert_to_one_hot(labels, self.model.outputs)}
