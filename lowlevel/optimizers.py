"""Twin: highlevel/optimizers.py. Update rules as pure functions of their equation, each in a thin holder of its slots.

Symbols: w weight, g gradient, m and v slots, t step counted from 1. The order of the operations is Keras's, since another
order rounds differently; ``tf.cast`` of a Python number goes through float32 even where w is float64, and that too is Keras's.
"""

from abc import ABC, abstractmethod

import tensorflow as tf

from shared.spec import TrainSpec

__all__ = ["SGD", "Adam", "Optimizer", "get"]


class Optimizer(ABC):
    """Holds the counter, the learning rate and the slots; ``apply`` runs the rule on each weight.

    ``variables`` are, in Keras's order: iteration int64 (), learning_rate float32 (), then the slots weight by weight.
    """

    slots: tuple[str, ...] = ()

    def __init__(self, train: TrainSpec) -> None:
        self.train = train
        self.iteration = tf.Variable(0, dtype=tf.int64, name="iteration")
        self.learning_rate = tf.Variable(train.learning_rate, dtype=tf.float32, name="learning_rate")
        self.slots_of: list[list[tf.Variable]] = []

    def build(self, weights: list[tf.Variable]) -> None:
        """Make a zero slot of each kind for every weight."""
        self.slots_of = [
            [tf.Variable(tf.zeros_like(weight), name=f"{weight.name[:-2]}/{slot}") for slot in self.slots] for weight in weights
        ]

    @property
    def variables(self) -> list[tf.Variable]:
        """All state, in Keras's order."""
        return [self.iteration, self.learning_rate, *(slot for slots in self.slots_of for slot in slots)]

    def apply(self, gradients: list[tf.Tensor], weights: list[tf.Variable]) -> None:
        """One step: every weight and its slots take the values that the rule gives."""
        for weight, gradient, slots in zip(weights, gradients, self.slots_of, strict=True):
            t = tf.cast(self.iteration + 1, weight.dtype)
            learning_rate = tf.cast(self.learning_rate, weight.dtype)
            values = self.rule(weight, gradient, *slots, t=t, learning_rate=learning_rate)
            for variable, value in zip((weight, *slots), values, strict=True):
                variable.assign(value)
        self.iteration.assign_add(1)

    def scale_loss(self, loss: tf.Tensor) -> tf.Tensor:
        """The loss itself."""
        return loss

    def finalize(self, weights: list[tf.Variable]) -> None:
        """Nothing."""

    @abstractmethod
    def rule(self, w, g, *slots, t, learning_rate) -> tuple[tf.Tensor, ...]:
        """New weight and new slots; all of w's shape and dtype. t and learning_rate are scalars of w's dtype."""


class SGD(Optimizer):
    """Gradient descent, with momentum and Nesterov's look-ahead where asked for. Keras: ``keras.optimizers.SGD``.

    Source: Sutskever et al., On the importance of initialization and momentum in deep learning (2013).
    """

    def __init__(self, train: TrainSpec) -> None:
        super().__init__(train)
        self.slots = train.slots

    def rule(self, w, g, *slots, t, learning_rate):
        """``w - lr g``; with momentum ``m' = mu m - lr g``, then ``w + m'``, or ``w + mu m' - lr g`` (Nesterov)."""
        if not slots:
            return (w - g * learning_rate,)
        mu = tf.cast(self.train.momentum, w.dtype)
        m = slots[0] * mu - g * learning_rate
        return (w + (m * mu - g * learning_rate) if self.train.nesterov else w + m), m


class Adam(Optimizer):
    """Adam with bias correction folded into the learning rate. Keras: ``keras.optimizers.Adam``.

    Source: Kingma and Ba, Adam (2015), the efficient form at the end of section 2, where epsilon stands outside the root.
    """

    slots = ("momentum", "velocity")

    def rule(self, w, g, *slots, t, learning_rate):
        """``m' = m + (1-b1)(g - m)``, ``v' = v + (1-b2)(g^2 - v)``, ``w - alpha m' / (sqrt(v') + epsilon)``.

        alpha is ``lr sqrt(1 - b2^t) / (1 - b1^t)``.
        """
        m, v = slots
        beta_1, beta_2 = self.train.beta_1, self.train.beta_2
        power_1 = tf.pow(tf.cast(beta_1, w.dtype), t)
        power_2 = tf.pow(tf.cast(beta_2, w.dtype), t)
        alpha = learning_rate * tf.sqrt(1 - power_2) / (1 - power_1)
        m = m + (g - m) * (1 - beta_1)
        v = v + (tf.square(g) - v) * (1 - beta_2)
        return w - (m * alpha) / (tf.sqrt(v) + self.train.epsilon), m, v


def get(train: TrainSpec, dtype: str) -> Optimizer:
    """The optimiser that a spec describes, not yet built."""
    return {"sgd": SGD, "adam": Adam}[train.optimizer](train)
