"""Twin: lowlevel/optimizers.py. Keras's optimisers, with every setting of the spec written out."""

from typing import Any

import keras

from highlevel import clipping, schedules
from highlevel.loss_scaling import LossScaleOptimizer
from shared.spec import ScheduleSpec, TrainSpec

__all__ = ["SGD", "Adagrad", "Adam", "AdamW", "Lion", "Nadam", "Optimizer", "RMSprop", "get"]

Optimizer = keras.optimizers.Optimizer
SGD = keras.optimizers.SGD
Adam = keras.optimizers.Adam
AdamW = keras.optimizers.AdamW
RMSprop = keras.optimizers.RMSprop
Adagrad = keras.optimizers.Adagrad
Lion = keras.optimizers.Lion
Nadam = keras.optimizers.Nadam


def get(train: TrainSpec, dtype: str = "float32") -> keras.optimizers.Optimizer:
    """The optimiser that a spec describes, not yet built; ``dtype`` is the net's, and mixed float16 needs its loss scaled."""
    rate = train.learning_rate
    common: dict[str, Any] = {
        "learning_rate": schedules.get(rate) if isinstance(rate, ScheduleSpec) else rate,
        "weight_decay": train.weight_decay,
        **clipping.get(train),
        "use_ema": train.use_ema,
        "ema_momentum": train.ema_momentum,
        "ema_overwrite_frequency": train.ema_overwrite_frequency,
        "gradient_accumulation_steps": train.gradient_accumulation_steps,
        "name": train.optimizer,  # without one, Keras's global name counters would advance
    }
    rule, own = {
        "sgd": (SGD, ("momentum", "nesterov")),
        "adam": (Adam, ("beta_1", "beta_2", "epsilon")),
        "adamw": (AdamW, ("beta_1", "beta_2", "epsilon")),
        "rmsprop": (RMSprop, ("rho", "momentum", "epsilon", "centered")),
        "adagrad": (Adagrad, ("initial_accumulator_value", "epsilon")),
        "lion": (Lion, ("beta_1", "beta_2")),
        "nadam": (Nadam, ("beta_1", "beta_2", "epsilon")),
    }[train.optimizer]
    optimizer = rule(**common, **{name: getattr(train, name) for name in own})
    if dtype != "mixed_float16":
        return optimizer
    return LossScaleOptimizer(optimizer, initial_scale=2.0**15, dynamic_growth_steps=2000, name="loss_scale_optimizer")
