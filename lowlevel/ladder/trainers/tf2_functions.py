"""``tf2_functions.py`` and ``tf2_graph_functions.py`` as sides: the tape around their functions."""

from types import ModuleType
from typing import ClassVar

import numpy as np
import tensorflow as tf

from lowlevel import optimizers
from lowlevel.ladder import tf2_functions, tf2_graph_functions
from lowlevel.ladder.trainers.base import Step, Trainer


class TF2Trainer(Trainer):
    """Eager TensorFlow 2: the tape around ``tf2_functions``, and the optimisers of ``lowlevel``."""

    rung = "tf2"
    functions: ClassVar[ModuleType] = tf2_functions

    def _build(self, parameters):
        self.parameters = {name: tf.Variable(value) for name, value in parameters.items()}
        self.variables = list(self.parameters.values())
        self.optimizer = optimizers.get(self.train)
        self.optimizer.build(self.variables)

    def _put(self, parameters, slots):
        values = [*parameters, self.iteration, self.learning_rate, *slots]
        for variable, value in zip([*self.variables, *self.optimizer.variables], values, strict=True):
            variable.assign(value)

    def _get(self):
        return [variable.numpy() for variable in self.variables], [slot.numpy() for slot in self.optimizer.variables[2:]]

    def _step(self, X, labels):
        X, Y = tf.constant(X), self._one_hot(labels)
        with tf.GradientTape() as tape:
            logits = self.functions.forward_propagation(X, self.parameters, self.activations)
            loss = self.functions.compute_total_loss(logits, Y) / len(labels)
        gradients = tape.gradient(loss, self.variables)
        losses = self.functions.example_losses(logits, Y)
        self.optimizer.apply(gradients, self.variables)
        return Step(logits.numpy(), losses.numpy(), loss.numpy(), [gradient.numpy() for gradient in gradients])

    def _forward(self, X, labels):
        logits = self.functions.forward_propagation(tf.constant(X), self.parameters, self.activations)
        return logits.numpy(), self.functions.example_losses(logits, self._one_hot(labels)).numpy()

    def _one_hot(self, labels: np.ndarray) -> tf.Tensor:
        return tf.one_hot(labels, self.model.outputs, axis=0, dtype=self.model.dtype)


class TF2GraphTrainer(TF2Trainer):
    """The same with the functions of ``tf2_graph_functions``."""

    rung = "tf2-graph"
    functions: ClassVar[ModuleType] = tf2_graph_functions
