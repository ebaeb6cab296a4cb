"""On which scale a hyperparameter is drawn.

A learning rate drawn evenly from 0.0001 to 1 lies above 0.1 nine times in ten. Drawn evenly on the logarithmic scale, each of the
four decades gets a quarter. Momentum needs the same for 1 - β, since what counts is 1 / (1 - β), the number of steps that it
averages over. Numbers of layers and units are drawn evenly.

The draws are scipy's. Each sampler has ``rvs``, by which scikit-learn knows a distribution, so it also serves
``RandomizedSearchCV``. Source: S1, hyperparameter tuning.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Self

from shared.spec.rules import number, require, shown, whole

Value = bool | int | float | str


class Sampler(ABC):
    """What all samplers have: ``rvs`` to draw, ``narrow`` to look closer, ``to_dict`` for JSON."""

    kind: ClassVar[str]

    @abstractmethod
    def rvs(self, random_state: Any = None) -> Any:
        """One draw, a plain Python value. ``random_state`` as in scipy: None, a seed or a generator."""

    @abstractmethod
    def narrow(self, values: Sequence[Any]) -> Self:
        """The same sampler on the smallest range that holds ``values``, which it has drawn; never beyond its own."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, ``kind`` among them; ``sampler_of`` reads them."""
        return {"kind": self.kind, **asdict(self)}  # type: ignore[call-overload]


@dataclass(frozen=True)
class _Range(Sampler):
    """Two ends, kept as floats."""

    low: float
    high: float
    least: ClassVar[float] = 0.0
    most: ClassVar[float] = math.inf

    def __post_init__(self) -> None:
        name, low, high = type(self).__name__, self.low, self.high
        above = f"{self.least:g} < " if self.least > -math.inf else ""
        below = f" <= {self.most:g}" if self.most < math.inf else ""
        require(
            number(low) and number(high) and self.least < low < high <= self.most,
            f"{name} draws between two finite numbers with {above}low < high{below}.",
            f"{shown('low', low)}, {shown('high', high)}",
            f"Use {name}(0.001, 0.1).",
        )
        for field in ("low", "high"):
            object.__setattr__(self, field, float(getattr(self, field)))

    def narrow(self, values: Sequence[float]) -> Self:
        """From the least to the greatest of ``values``; unchanged where these are one."""
        low, high = max(self.low, min(values)), min(self.high, max(values))
        return type(self)(low, high) if low < high else self

    def __str__(self) -> str:
        return f"{self.low:.4g} to {self.high:.4g}, {self.kind}"


@dataclass(frozen=True)
class Uniform(_Range):
    """A number drawn evenly from ``low`` to ``high``, as for the rate of dropout. scipy: ``scipy.stats.uniform``.

    Raises:
        InputError: unless low < high, both finite.

    >>> 0.1 <= Uniform(0.1, 0.5).rvs(random_state=0) <= 0.5
    True
    """

    kind: ClassVar[str] = "uniform"
    least: ClassVar[float] = -math.inf

    def rvs(self, random_state: Any = None) -> float:
        """One draw."""
        from scipy.stats import uniform

        return float(uniform.rvs(self.low, self.high - self.low, random_state=random_state))


@dataclass(frozen=True)
class LogUniform(_Range):
    """A number whose logarithm is uniform, so that every decade from ``low`` to ``high`` gets an equal share.

    scipy: ``scipy.stats.loguniform``. For learning rates: ``LogUniform(1e-4, 1)``.

    Raises:
        InputError: unless 0 < low < high, both finite.
    """

    kind: ClassVar[str] = "log-uniform"

    def rvs(self, random_state: Any = None) -> float:
        """One draw."""
        from scipy.stats import loguniform

        return float(loguniform.rvs(self.low, self.high, random_state=random_state))


@dataclass(frozen=True)
class OneMinusLogUniform(_Range):
    """A number β below 1 for which 1 - β is log-uniform from ``low`` to ``high``.

    For momentum and its like: ``OneMinusLogUniform(1e-3, 1e-1)`` draws β from 0.9 to 0.999, half of them above 0.99.

    Raises:
        InputError: unless 0 < low < high <= 1.
    """

    kind: ClassVar[str] = "1 - log-uniform"
    most: ClassVar[float] = 1.0

    def rvs(self, random_state: Any = None) -> float:
        """One draw."""
        return 1 - LogUniform(self.low, self.high).rvs(random_state)

    def narrow(self, values: Sequence[float]) -> Self:
        """As for the other ranges, of 1 - β."""
        return super().narrow([1 - value for value in values])

    def __str__(self) -> str:
        return f"{1 - self.high:.4g} to {1 - self.low:.4g}, {self.kind}"


@dataclass(frozen=True)
class IntUniform(Sampler):
    """A whole number from ``low`` to ``high``, both included, all equally likely.

    scipy: ``scipy.stats.randint``. For layers and units: ``IntUniform(1, 3)``.

    Raises:
        InputError: unless both are whole and 0 <= low <= high.
    """

    low: int
    high: int
    kind: ClassVar[str] = "whole numbers"

    def __post_init__(self) -> None:
        require(
            whole(self.low, 0) and whole(self.high, 0) and self.low <= self.high,
            "IntUniform draws whole numbers with 0 <= low <= high, both included.",
            f"{shown('low', self.low)}, {shown('high', self.high)}",
            "Use IntUniform(5, 50).",
        )
        for field in ("low", "high"):
            object.__setattr__(self, field, int(getattr(self, field)))

    def rvs(self, random_state: Any = None) -> int:
        """One draw."""
        from scipy.stats import randint

        return int(randint.rvs(self.low, self.high + 1, random_state=random_state))

    def narrow(self, values: Sequence[int]) -> Self:
        """From the least to the greatest of ``values``."""
        return type(self)(min(values), max(values))

    def __str__(self) -> str:
        return f"{self.low} to {self.high}, {self.kind}"


@dataclass(frozen=True)
class Choice(Sampler):
    """One of ``values`` (words, finite numbers, truth values), all equally likely; of a single one always that.

    Raises:
        InputError: no values, or one of another kind.
    """

    values: tuple[Value, ...]
    kind: ClassVar[str] = "choice"

    def __post_init__(self) -> None:
        right = isinstance(self.values, list | tuple) and len(self.values) > 0
        right = right and all(
            isinstance(value, bool | str) or (isinstance(value, Value) and number(value)) for value in self.values
        )
        rule = "Choice draws one of the words, finite numbers and truth values that it is given, at least one."
        require(right, rule, shown("values", self.values), "Use Choice((16, 32, 64)).")
        object.__setattr__(self, "values", tuple(self.values))  # JSON gives lists

    def rvs(self, random_state: Any = None) -> Value:
        """One draw."""
        return self.values[IntUniform(0, len(self.values) - 1).rvs(random_state)]

    def narrow(self, values: Sequence[Value]) -> Self:
        """Those of its values that are among ``values``."""
        return type(self)(tuple(value for value in self.values if value in values))

    def __str__(self) -> str:
        return " or ".join(str(value) for value in self.values)


KINDS: dict[str, type[Sampler]] = {kind.kind: kind for kind in (Uniform, LogUniform, OneMinusLogUniform, IntUniform, Choice)}


def sampler_of(value: Any) -> Sampler:
    """A sampler as it is; from JSON's ``{"kind": ..., ...}``; of a list the choice; of one value always that.

    Raises:
        InputError: an unknown kind, other fields than the kind's, or a value that no sampler takes.
    """
    if isinstance(value, Sampler):
        return value
    if not isinstance(value, dict):
        return Choice(tuple(value) if isinstance(value, list | tuple) else (value,))
    kind = value.get("kind")
    known = KINDS.get(kind) if isinstance(kind, str) else None
    fields = {name: part for name, part in value.items() if name != "kind"}
    wanted = {"values"} if known is Choice else {"low", "high"}
    rule = f"A sampler in JSON has a kind of: {', '.join(KINDS)}; a choice has values, the others low and high."
    require(known is not None and set(fields) == wanted, rule, value, 'Use {"kind": "log-uniform", "low": 0.0001, "high": 1}.')
    assert known is not None
    return known(**fields)
