"""The update rule of a compiled model as a ``TrainSpec``, so that it can be replayed in parts."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from lowlevel import optimizers
from shared.spec import OPTIMIZERS, TrainSpec
from shared.spec.schedules import SCHEDULES

EXCLUDED = ("_exclude_from_weight_decay", "_exclude_from_weight_decay_pattern")  # where Keras keeps what does not decay


def spec_of(optimizer: keras.optimizers.Optimizer) -> TrainSpec | None:
    """The settings of a Keras optimiser; None where specs have no words for them."""
    config = optimizer.get_config()
    name = type(optimizer).__name__.lower()
    known = type(optimizer).__module__.startswith("keras.")
    special = config.get("amsgrad") or config.get("loss_scale_factor") or any(getattr(optimizer, one, None) for one in EXCLUDED)
    if name not in OPTIMIZERS or not known or special:
        return None
    settings = {key: value for key, value in config.items() if key in TrainSpec.__dataclass_fields__ and value is not None}
    if not settings["use_ema"]:
        settings = {key: value for key, value in settings.items() if not key.startswith("ema_")}
    if not settings.get("momentum"):
        settings.pop("nesterov", None)  # Keras lets it stand there, where it has no effect
    try:
        return TrainSpec(optimizer=name, **(settings | {"learning_rate": _rate(optimizer, config["learning_rate"])}))
    except (KeyError, TypeError, ValueError):
        return None


def _rate(optimizer: keras.optimizers.Optimizer, configured: Any) -> Any:
    """The learning rate that the optimiser has now, or its schedule; KeyError where specs have no such schedule."""
    if not isinstance(configured, dict):
        return float(np.float32(optimizer.learning_rate.numpy()))
    if not configured.get("module", "").startswith("keras"):
        raise KeyError(configured["class_name"])
    kind = {kind.CLASS_NAME: kind for kind in SCHEDULES}[configured["class_name"]]
    return kind(**{key: _plain(value) for key, value in configured["config"].items() if key != "name"})


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def replayed(model: keras.Model, weights: list[tf.Variable]) -> Any:
    """An optimiser on ``weights`` that updates as the model's own: a low-level one, whose parts can be replaced, or else a
    copy of the model's."""
    train = spec_of(model.optimizer)
    if train is None:
        return Whole(copied(model.optimizer, model.trainable_variables, model.trainable_variables), model.trainable_variables)
    optimizer = optimizers.get(train)
    optimizer.build(weights)
    return optimizer


def copied(optimizer: Any, theirs: list[keras.Variable], mine: list[keras.Variable]) -> keras.optimizers.Optimizer:
    """A new optimiser with the settings of one: what decays not among ``theirs`` decays not among ``mine``.

    Raises:
        TypeError: a class of one's own that Keras cannot make again from ``get_config``.
    """
    config = optimizer.get_config()
    if isinstance(config.get("learning_rate"), dict):  # a schedule, or a function: neither has a state
        config["learning_rate"] = optimizer._learning_rate
    try:
        copy = type(optimizer).from_config(config)
    except Exception as error:  # a class of one's own raises what it likes
        raise TypeError(f"an optimiser that cannot be copied: {type(error).__name__}") from error
    which: set = getattr(optimizer, EXCLUDED[0], set())
    pattern = getattr(optimizer, EXCLUDED[1], None)
    if which or pattern:
        pairs = zip(theirs, mine, strict=True)
        setattr(copy, EXCLUDED[0], {copy._var_key(new) for old, new in pairs if optimizer._var_key(old) in which})
        setattr(copy, EXCLUDED[1], pattern)
    return copy


class Whole:
    """A Keras optimiser that specs have no words for; none of its parts can be replaced."""

    train = None

    def __init__(self, inner: keras.optimizers.Optimizer, weights: list[keras.Variable]) -> None:
        self.inner, self.weights = inner, weights
        inner.build(weights)

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
