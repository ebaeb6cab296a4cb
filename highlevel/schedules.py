"""Twin: lowlevel/schedules.py. Learning rates that change with the steps, as Keras's schedule objects."""

import keras

from shared.spec import (
    CosineDecaySpec,
    ExponentialDecaySpec,
    InverseTimeDecaySpec,
    PiecewiseConstantDecaySpec,
    PolynomialDecaySpec,
    ScheduleSpec,
)

__all__ = ["cosine_decay", "exponential_decay", "get", "inverse_time_decay", "piecewise_constant_decay", "polynomial_decay"]

exponential_decay = keras.optimizers.schedules.ExponentialDecay
inverse_time_decay = keras.optimizers.schedules.InverseTimeDecay
polynomial_decay = keras.optimizers.schedules.PolynomialDecay
cosine_decay = keras.optimizers.schedules.CosineDecay
piecewise_constant_decay = keras.optimizers.schedules.PiecewiseConstantDecay


def get(spec: ScheduleSpec) -> keras.optimizers.schedules.LearningRateSchedule:
    """The schedule that a spec describes. The fields of a spec are Keras's arguments, all of them but ``name``."""
    rule = {
        ExponentialDecaySpec: exponential_decay,
        InverseTimeDecaySpec: inverse_time_decay,
        PolynomialDecaySpec: polynomial_decay,
        CosineDecaySpec: cosine_decay,
        PiecewiseConstantDecaySpec: piecewise_constant_decay,
    }[type(spec)]
    return rule(**{name: value for name, value in spec.to_dict().items() if name != "class_name"})
