"""Twin: highlevel/loss_scaling.py. Loss scaling: how float16 keeps gradients that are too small for it.

The smallest number of float16 is 6e-8, and what lies below becomes 0. A loss multiplied by a large number has gradients
multiplied by it; the optimiser divides them again, in float32. Where the product overflows, the step is left out.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import tensorflow as tf

__all__ = ["LossScaleOptimizer"]


class LossScaleOptimizer:
    """An optimiser with a scale that is halved where a gradient is not finite, and doubled after many steps that went well.

    Keras: ``keras.optimizers.LossScaleOptimizer``. Source: Micikevicius et al., Mixed precision training (2018).

    Args:
        inner: the optimiser that makes the steps.
        initial_scale: the first scale.
        dynamic_growth_steps: how many steps in a row must go well before the scale is doubled.
    """

    def __init__(self, inner: Any, initial_scale: float = 2.0**15, dynamic_growth_steps: int = 2000) -> None:
        self.inner, self.dynamic_growth_steps = inner, dynamic_growth_steps
        self.step_counter = tf.Variable(0, dtype=tf.int64, name="step_counter")
        self.dynamic_scale = tf.Variable(initial_scale, dtype=tf.float32, name="dynamic_scale")
        # Keras's wrapper is an optimiser too and so has these two. Nothing reads them, but files and records hold them.
        self.unused = [tf.Variable(0, dtype=tf.int64, name="iteration"), tf.Variable(0.0, name="learning_rate")]

    def build(self, weights: list[tf.Variable]) -> None:
        """Make the slots of the inner optimiser."""
        self.inner.build(weights)

    @property
    def iteration(self) -> tf.Variable:
        """Steps that the inner optimiser has made."""
        return self.inner.iteration

    @property
    def variables(self) -> list[tf.Variable]:
        """All state, in Keras's order: this one's first. Keras loses track of a wrapped Nadam's product, so it is left out."""
        product = getattr(self.inner, "u_product", None)
        kept = [variable for variable in self.inner.variables if variable is not product]
        return [*self.unused, self.step_counter, self.dynamic_scale, *kept]

    def scale_loss(self, loss: tf.Tensor) -> tf.Tensor:
        """The loss of which the gradients are to be taken; float32 ()."""
        return loss * self.dynamic_scale

    def apply(self, gradients: list[tf.Tensor], weights: list[tf.Variable]) -> None:
        """One step with the gradients of the scaled loss, or none where one of them is not finite."""
        step = self.graph if tf.executing_eagerly() else self.step  # see ``Optimizer.apply``
        step(gradients, weights)

    @cached_property
    def graph(self) -> Callable[[list[tf.Tensor], list[tf.Variable]], tf.Tensor]:
        """``step``, compiled."""
        return tf.function(self.step, autograph=False)

    def step(self, gradients: list[tf.Tensor], weights: list[tf.Variable]) -> tf.Tensor:
        """What ``apply`` does, operation by operation; returns the counter, as ``Optimizer.step`` does."""
        finite = tf.reduce_all(tf.stack([tf.reduce_all(tf.math.is_finite(gradient)) for gradient in gradients]))
        tf.cond(finite, lambda: self._apply_unscaled(gradients, weights), lambda: self._rescale(0.5))
        return tf.identity(self.iteration)

    def finalize(self, weights: list[tf.Variable]) -> None:
        """What the inner optimiser does at the end of training."""
        self.inner.finalize(weights)

    def _apply_unscaled(self, gradients: list[tf.Tensor], weights: list[tf.Variable]) -> None:
        self.inner.apply([gradient / self.dynamic_scale for gradient in gradients], weights)
        enough = tf.equal(self.step_counter, self.dynamic_growth_steps - 1)
        tf.cond(enough, lambda: self._rescale(2.0), self._count)

    def _count(self) -> None:
        self.step_counter.assign_add(1)

    def _rescale(self, factor: float) -> None:
        self.step_counter.assign(0)
        self.dynamic_scale.assign(self.dynamic_scale * factor)
