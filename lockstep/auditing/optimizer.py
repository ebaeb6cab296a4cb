"""The update rule of a compiled model as a ``TrainSpec``, so that it can be replayed in parts."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from lowlevel import optimizers
from shared.spec import OPTIMIZERS, TrainSpec
from shared.spec.schedules import SCHEDULES


def spec_of(optimizer: keras.optimizers.Optimizer) -> TrainSpec | None:
    """The settings of a Keras optimiser; None where specs have no words for them."""
    config = optimizer.get_config()
    name = type(optimizer).__name__.lower()
    known = type(optimizer).__module__.startswith("keras.")
    special = config.get("amsgrad") or config.get("loss_scale_factor") or getattr(optimizer, "_exclude_from_weight_decay", None)
    if name not in OPTIMIZERS or not known or special:
        return None
    rate = config.pop("learning_rate")
    if isinstance(rate, dict):
        kinds = {kind.CLASS_NAME: kind for kind in SCHEDULES}
        if rate["class_name"] not in kinds or not rate.get("module", "").startswith("keras"):
            return None
        rate = kinds[rate["class_name"]](**{key: _plain(value) for key, value in rate["config"].items() if key != "name"})
    else:
        rate = float(np.float32(optimizer.learning_rate.numpy()))
    fields = set(TrainSpec.__dataclass_fields__)
    settings = {key: value for key, value in config.items() if key in fields and value is not None}
    if not settings.get("use_ema"):
        settings = {key: value for key, value in settings.items() if not key.startswith("ema_")}
    try:
        return TrainSpec(optimizer=name, learning_rate=rate, **settings)
    except (TypeError, ValueError):
        return None


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def replayed(model: keras.Model, weights: list[tf.Variable]) -> Any:
    """An optimiser on ``weights`` that updates as the model's own: a low-level one, whose parts can be replaced, or else a
    copy of the model's."""
    train = spec_of(model.optimizer)
    if train is None:
        return Whole(model.optimizer, model.trainable_variables)
    optimizer = optimizers.get(train)
    optimizer.build(weights)
    return optimizer


class Whole:
    """A copy of a Keras optimiser that specs have no words for; none of its parts can be replaced."""

    train = None

    def __init__(self, optimizer: keras.optimizers.Optimizer, weights: list[keras.Variable]) -> None:
        self.inner = type(optimizer).from_config(optimizer.get_config())
        self.weights = weights
        self.inner.build(weights)

    @property
    def variables(self) -> list[tf.Variable]:
        """All state, in Keras's order."""
        return [variable.value for variable in self.inner.variables]

    def scale_loss(self, loss: tf.Tensor) -> tf.Tensor:
        """The loss of which the gradients are to be taken."""
        return self.inner.scale_loss(loss)

    def step(self, gradients: list[tf.Tensor], weights: list[tf.Variable]) -> None:
        """One update."""
        self.inner.apply(gradients, self.weights)
