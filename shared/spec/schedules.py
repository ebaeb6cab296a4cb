"""How the learning rate changes with the steps, as plain frozen data. Steps are counted from 0: the first uses the first rate."""

from dataclasses import dataclass
from typing import Any, ClassVar

from shared.spec.rules import Json, count, number, real, require, shown, switch, whole


class ScheduleSpec(Json):
    """A rule for the learning rate; its names are those of Keras's ``keras.optimizers.schedules``."""


@dataclass(frozen=True, kw_only=True)
class ExponentialDecaySpec(ScheduleSpec):
    """``initial_learning_rate * decay_rate ** (step / decay_steps)``; ``staircase`` rounds the exponent down.

    Keras: ``ExponentialDecay``.

    Raises:
        InputError: a field breaks its rule.
    """

    CLASS_NAME: ClassVar[str] = "ExponentialDecay"

    initial_learning_rate: float
    decay_steps: int
    decay_rate: float
    staircase: bool = False

    def __post_init__(self) -> None:
        real(self, "initial_learning_rate", 0.0)
        count(self, "decay_steps", "Use decay_steps=1000.")
        real(self, "decay_rate", 0.0)
        switch(self, "staircase")


@dataclass(frozen=True, kw_only=True)
class InverseTimeDecaySpec(ScheduleSpec):
    """``initial_learning_rate / (1 + decay_rate * step / decay_steps)``; ``staircase`` rounds the quotient down.

    Keras: ``InverseTimeDecay``.

    Raises:
        InputError: a field breaks its rule.
    """

    CLASS_NAME: ClassVar[str] = "InverseTimeDecay"

    initial_learning_rate: float
    decay_steps: int
    decay_rate: float
    staircase: bool = False

    def __post_init__(self) -> None:
        real(self, "initial_learning_rate", 0.0)
        count(self, "decay_steps", "Use decay_steps=1000.")
        real(self, "decay_rate", 0.0, open_low=False)
        switch(self, "staircase")


@dataclass(frozen=True, kw_only=True)
class PolynomialDecaySpec(ScheduleSpec):
    """``(initial - end) * (1 - step / decay_steps) ** power + end``, then ``end``; ``cycle`` starts again instead.

    Keras: ``PolynomialDecay``.

    Raises:
        InputError: a field breaks its rule.
    """

    CLASS_NAME: ClassVar[str] = "PolynomialDecay"

    initial_learning_rate: float
    decay_steps: int
    end_learning_rate: float = 1e-4
    power: float = 1.0
    cycle: bool = False

    def __post_init__(self) -> None:
        real(self, "initial_learning_rate", 0.0)
        count(self, "decay_steps", "Use decay_steps=1000.")
        real(self, "end_learning_rate", 0.0, open_low=False)
        real(self, "power", 0.0)
        switch(self, "cycle")


@dataclass(frozen=True, kw_only=True)
class CosineDecaySpec(ScheduleSpec):
    """Half a cosine from ``initial_learning_rate`` down to ``alpha`` times it, after an optional linear warm-up.

    With ``warmup_target`` the rate rises to it within ``warmup_steps``, and the cosine starts from there.
    Keras: ``CosineDecay``. Source: Loshchilov and Hutter, SGDR (2017).

    Raises:
        InputError: a field breaks its rule, or only one of the two warm-up fields is given.
    """

    CLASS_NAME: ClassVar[str] = "CosineDecay"

    initial_learning_rate: float
    decay_steps: int
    alpha: float = 0.0
    warmup_target: float | None = None
    warmup_steps: int = 0

    def __post_init__(self) -> None:
        real(self, "initial_learning_rate", 0.0, open_low=self.warmup_target is None)
        count(self, "decay_steps", "Use decay_steps=1000.")
        real(self, "alpha", 0.0, 1.0, open_low=False, closed_high=True)
        count(self, "warmup_steps", "Use warmup_steps=100.", least=0)
        if self.warmup_target is not None:
            real(self, "warmup_target", 0.0)
        require(
            (self.warmup_target is None) == (self.warmup_steps == 0),
            "A warm-up has a target and at least one step.",
            f"warmup_target={self.warmup_target!r}, warmup_steps={self.warmup_steps!r}",
            "Give both, or neither.",
        )


@dataclass(frozen=True, kw_only=True)
class PiecewiseConstantDecaySpec(ScheduleSpec):
    """``values[0]`` up to and including step ``boundaries[0]``, then ``values[1]``, and so on.

    Keras: ``PiecewiseConstantDecay``.

    Raises:
        InputError: boundaries that do not rise, or another count of values than one more than boundaries.
    """

    CLASS_NAME: ClassVar[str] = "PiecewiseConstantDecay"

    boundaries: tuple[int, ...]
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        for field, fits in (("boundaries", lambda value: whole(value, 0)), ("values", lambda value: number(value) and value > 0)):
            given: Any = getattr(self, field)
            right = isinstance(given, tuple | list) and len(given) >= 1 and all(fits(value) for value in given)
            rule = f"PiecewiseConstantDecaySpec.{field} holds the {'steps' if field == 'boundaries' else 'rates'} in order."
            require(right, rule, shown(field, given), "Use boundaries=(100,), values=(1e-2, 1e-3).")
            object.__setattr__(self, field, tuple(int(v) if field == "boundaries" else float(v) for v in given))
        rising = all(a < b for a, b in zip(self.boundaries, self.boundaries[1:], strict=False))
        require(
            rising and len(self.values) == len(self.boundaries) + 1,
            "Boundaries rise, and there is one rate more than boundaries.",
            f"boundaries={self.boundaries!r}, values={self.values!r}",
            "Use boundaries=(100,), values=(1e-2, 1e-3).",
        )


SCHEDULES: tuple[type[ScheduleSpec], ...] = (
    ExponentialDecaySpec,
    InverseTimeDecaySpec,
    PolynomialDecaySpec,
    CosineDecaySpec,
    PiecewiseConstantDecaySpec,
)
