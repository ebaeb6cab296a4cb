"""What the traps of the update share: how they are measured, and an optimiser with other settings."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from types import SimpleNamespace
from typing import Any

import keras
import tensorflow as tf

from lockstep.auditing.loop import Loop
from lockstep.traps import Effect, Variant
from lockstep.traps._steps import compared, net, rows
from shared.spec.schedules import ScheduleSpec


def effect(
    variants: Callable[[Any], Iterable[Variant]],
    optimizer: keras.optimizers.Optimizer,
    units: Sequence[int] = (25, 15),
    steps: int = 22,
) -> Effect:
    """What the first form of a trap does to the losses and the weights of that net, in two epochs of eleven steps."""
    (x, y), model = rows(), net(optimizer, units)
    variant = next(iter(variants(Loop(model, x=x, y=y).replay)))
    numbers = compared(model, variant.parts, x, y, steps=steps)
    form = f" ({variant.detail})" if variant.detail else ""
    losses = "loss {wrong loss:.4g}, not {right loss:.4g}; weights up to {weights:.2g} off".format(**numbers)
    return Effect(f"{type(optimizer).__name__}{form}, {steps} steps: {losses}", numbers)


def changed(optimizer: Any, **settings: Any) -> Any:
    """What a rule reads of an optimiser, with other settings; specs would refuse some of them."""
    train = copy(optimizer.train)
    for name, value in settings.items():
        object.__setattr__(train, name, value)
    return SimpleNamespace(train=train)


def corrected(optimizer: Any, t: tf.Tensor, learning_rate: tf.Tensor) -> tf.Tensor:
    """Adam's learning rate with both corrections folded in: ``lr sqrt(1 - b2^t) / (1 - b1^t)``."""
    power_1, power_2 = (tf.pow(tf.cast(beta, t.dtype), t) for beta in (optimizer.train.beta_1, optimizer.train.beta_2))
    return learning_rate * tf.sqrt(1 - power_2) / (1 - power_1)


def is_adam(replay: Any) -> bool:
    """Whether the update is Adam's rule as ``lowlevel.optimizers.Adam`` has it."""
    return bool(replay.train) and replay.train.optimizer in ("adam", "adamw")


def layers(replay: Any) -> dict[str, list[int]]:
    """Layers with weights that are trained, by name, and the numbers of these weights."""
    number_of = {id(weight): at for at, weight in enumerate(replay.model.trainable_variables)}
    found = {layer.name: [number_of[id(one)] for one in layer.trainable_variables] for layer in replay.network.layers}
    return {name: numbers for name, numbers in found.items() if numbers}


def has_schedule(replay: Any) -> bool:
    """Whether the learning rate changes with the steps."""
    return bool(replay.train) and isinstance(replay.train.learning_rate, ScheduleSpec)


def other_values(name: str, value: float, values: Iterable[float]) -> Iterator[Variant]:
    """A form for each usual value of a setting that the reference does not have."""
    for other in values:
        if abs(other - value) > 1e-6:
            yield Variant({f"optimizer.train.{name}": other}, f"{name} {number(other)}, not {number(value)}")


def number(value: float) -> str:
    """As people write it: 0.001, 1e-07."""
    return f"{value:.6g}"
