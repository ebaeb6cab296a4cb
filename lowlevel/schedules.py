"""Twin: highlevel/schedules.py. Learning rates that change with the steps, as functions of the step.

``step`` is an integer scalar that counts from 0, and the rate a float32 scalar: TensorFlow makes float32 of Python numbers, so
Keras computes its schedules in float32 whatever the net computes in. The formulas stand in the specs; p is the fraction of
``decay_steps`` that is over.
"""

import math
from collections.abc import Callable

import tensorflow as tf

from shared.spec import (
    CosineDecaySpec,
    ExponentialDecaySpec,
    InverseTimeDecaySpec,
    PiecewiseConstantDecaySpec,
    PolynomialDecaySpec,
    ScheduleSpec,
)

__all__ = ["cosine_decay", "exponential_decay", "get", "inverse_time_decay", "piecewise_constant_decay", "polynomial_decay"]


def exponential_decay(spec: ExponentialDecaySpec, step: tf.Tensor) -> tf.Tensor:
    """``initial rate ** p``. Keras: ``ExponentialDecay``."""
    p = tf.cast(step, tf.float32) / tf.cast(spec.decay_steps, tf.float32)
    if spec.staircase:
        p = tf.floor(p)
    return tf.constant(spec.initial_learning_rate) * tf.pow(tf.constant(spec.decay_rate), p)


def inverse_time_decay(spec: InverseTimeDecaySpec, step: tf.Tensor) -> tf.Tensor:
    """``initial / (1 + rate p)``. Keras: ``InverseTimeDecay``."""
    p = tf.cast(step, tf.float32) / tf.cast(spec.decay_steps, tf.float32)
    if spec.staircase:
        p = tf.floor(p)
    return tf.constant(spec.initial_learning_rate) / (1.0 + tf.constant(spec.decay_rate) * p)


def polynomial_decay(spec: PolynomialDecaySpec, step: tf.Tensor) -> tf.Tensor:
    """``(initial - end) (1 - p) ** power + end``. Keras: ``PolynomialDecay``.

    p stops at 1. In cycles it falls back instead: each time that ``end`` is reached, ``decay_steps`` grows by its first length.
    """
    step, decay_steps = tf.cast(step, tf.float32), tf.cast(spec.decay_steps, tf.float32)
    if spec.cycle:
        decay_steps *= tf.where(tf.equal(step, 0.0), 1.0, tf.math.ceil(step / float(spec.decay_steps)))
    else:
        step = tf.minimum(step, decay_steps)
    end = tf.constant(spec.end_learning_rate)
    return (tf.constant(spec.initial_learning_rate) - end) * tf.pow(1.0 - step / decay_steps, tf.constant(spec.power)) + end


def cosine_decay(spec: CosineDecaySpec, step: tf.Tensor) -> tf.Tensor:
    """``start ((1 - alpha) (1 + cos(pi p)) / 2 + alpha)``, p stopping at 1. Keras: ``CosineDecay``.

    ``start`` is the initial rate. With a warm-up it is the warm-up's target, and p counts from the end of the warm-up.
    Source: Loshchilov and Hutter, SGDR (2017); warm-up: Goyal et al., Accurate, large minibatch SGD (2017).
    """
    initial, decay_steps = tf.constant(spec.initial_learning_rate), tf.cast(spec.decay_steps, tf.float32)
    step = tf.cast(step, tf.float32)

    def cosine(step: tf.Tensor, start: tf.Tensor) -> tf.Tensor:
        half = 0.5 * (1.0 + tf.cos(math.pi * (step / decay_steps)))
        return start * ((1 - spec.alpha) * half + spec.alpha)

    if spec.warmup_target is None:
        return cosine(tf.minimum(step, decay_steps), initial)
    target, warmup_steps = tf.constant(spec.warmup_target), tf.cast(spec.warmup_steps, tf.float32)
    step = tf.minimum(step, decay_steps + warmup_steps)
    return tf.cond(
        step < warmup_steps,
        lambda: (target - initial) * (step / warmup_steps) + initial,
        lambda: cosine(step - warmup_steps, target),
    )


def piecewise_constant_decay(spec: PiecewiseConstantDecaySpec, step: tf.Tensor) -> tf.Tensor:
    """The value whose number is the count of boundaries that lie before the step. Keras: ``PiecewiseConstantDecay``."""
    passed = tf.cast(step, tf.int64) > tf.constant(spec.boundaries, tf.int64)
    return tf.gather(tf.constant(spec.values), tf.math.count_nonzero(passed))


def get(spec: ScheduleSpec) -> Callable[[tf.Tensor], tf.Tensor]:
    """The schedule that a spec describes: a function of the step."""
    rules: dict[type[ScheduleSpec], Callable[..., tf.Tensor]] = {
        ExponentialDecaySpec: exponential_decay,
        InverseTimeDecaySpec: inverse_time_decay,
        PolynomialDecaySpec: polynomial_decay,
        CosineDecaySpec: cosine_decay,
        PiecewiseConstantDecaySpec: piecewise_constant_decay,
    }
    rule = rules[type(spec)]

    def schedule(step: tf.Tensor) -> tf.Tensor:
        with tf.name_scope(spec.CLASS_NAME):  # see ``lowlevel.optimizers.Optimizer.step``
            return rule(spec, step)

    return schedule
