"""The report object. Its attribute names are the keys of its JSON document."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lockstep.divergence import Divergence, Gaps, Tally, ulp_text
from lockstep.floor import Floor
from lockstep.verdict import VERDICTS, Judgement
from shared.data import Dataset
from shared.data.card import DataCard
from shared.errors import InputError
from shared.feed import Feed
from shared.files import write_whole
from shared.records import History, Record
from shared.spec import ModelSpec, TrainSpec

SCHEMA = 1


@dataclass(frozen=True)
class Pair:
    """Two sides against each other. ``right`` is the reference."""

    left: str
    right: str
    verdict: str
    why: str
    max_ulp: float
    max_abs: float
    first: Divergence | None
    steps: int
    epochs: int
    tensors: int
    numbers: int
    gaps: list[Gaps] = field(repr=False)  # one entry a moment: (stage, tensor) -> gap
    floor: Floor | None = field(repr=False)
    around: tuple[Record | None, Record, Record | None, Record] | None = field(repr=False)

    @classmethod
    def of(cls, left: str, right: str, tally: Tally, judgement: Judgement, floor: Floor | None) -> "Pair":
        """The pair of a finished tally."""
        return cls(
            left,
            right,
            judgement.verdict,
            judgement.why,
            tally.max_ulp,
            tally.max_abs,
            tally.first,
            tally.steps,
            tally.epochs,
            tally.tensors,
            tally.numbers,
            tally.gaps,
            floor if tally.first else None,
            tally.around,
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; the arrays and the curves of differences stay out."""
        kept = ("left", "right", "verdict", "why", "max_ulp", "max_abs", "steps", "epochs", "tensors", "numbers")
        return {name: getattr(self, name) for name in kept} | {"first": asdict(self.first) if self.first else None}


@dataclass(frozen=True)
class Outcome:
    """How well a side's trained net does: shares of right answers, and how many rows it gets wrong.

    A regression, and a net of several independent answers, has no wrong rows: None, as without a test set.
    """

    train_accuracy: float | None
    train_errors: int | None
    train_rows: int
    test_accuracy: float | None
    test_errors: int | None
    test_rows: int | None

    @classmethod
    def of(cls, trainer: Any, given: Feed, train: TrainSpec) -> "Outcome":
        """Measured by the trainer's own ``predict``, here, outside of both wings."""
        learned = _wrong(trainer, given.x, given.y, train.loss)
        if given.x_test is None or given.y_test is None:
            return cls(*learned, None, None, None)
        return cls(*learned, *_wrong(trainer, given.x_test, given.y_test, train.loss))

    def line(self, name: str) -> str:
        """The outcome as people read it, after the ``name`` of the side."""
        line = f"{name}: {self.train_errors} of {self.train_rows:,} training rows wrong"
        if self.test_rows is None:
            return line
        share = f"(test accuracy {100 * (self.test_accuracy or 0):.2f}%)"
        return f"{line}, {self.test_errors} of {self.test_rows:,} test rows wrong {share}"


@dataclass(frozen=True)
class Answers:
    """What the sides' trained nets say of the test set.

    ``labels``: the true classes by number (n,). ``predicted``: side -> the classes that it says (n,). ``pictures``: the rows as
    upright pictures (n, height, width[, channels]), bytes or floats from 0 to 1; None where rows are no pictures.
    """

    labels: np.ndarray
    predicted: dict[str, np.ndarray]
    pictures: np.ndarray | None

    @classmethod
    def of(cls, trainers: Mapping[str, Any], given: Feed, data: Any) -> "Answers | None":
        """Asked of the trainers by the names of their sides; None without a test set, or where rows have no single class."""
        if given.y_test is None or given.y_test.ndim != 1:
            return None
        predicted = {name: trainer.predict(given.x_test).argmax(axis=1) for name, trainer in trainers.items()}
        shown = isinstance(data, Dataset) and data.image_shape is not None
        return cls(given.y_test, predicted, data.images(data.x_test) if shown else None)


def _wrong(trainer: Any, x: np.ndarray, y: np.ndarray, loss: str) -> tuple[float | None, int | None, int]:
    """Share of right answers, wrong rows, rows."""
    columns = trainer.model.outputs
    if loss == "mean_squared_error" or (loss == "binary_crossentropy" and columns > 1):
        return None, None, len(x)
    logits = trainer.predict(x)
    if columns == 1:
        wrong = int(((logits[:, 0] > 0) != (y[:, 0] > 0.5)).sum())
    else:
        wrong = int((logits.argmax(axis=1) != (y.argmax(axis=1) if y.ndim == 2 else y)).sum())
    return 1 - wrong / len(x), wrong, len(x)


@dataclass(frozen=True, kw_only=True)
class Report:
    """The result of ``lockstep.compare``. Verdict, figures and ``first`` are those of the worst pair."""

    pairs: list[Pair]
    model: ModelSpec
    train: TrainSpec
    data: str
    classes: tuple[str, ...]
    histories: dict[str, History]
    outcomes: dict[str, Outcome]
    environment: dict[str, Any]
    seconds: float
    answers: Answers | None = field(default=None, repr=False)
    nets: dict[str, list[np.ndarray]] = field(default_factory=dict, repr=False)  # side -> its weights at the end
    card: DataCard | None = None

    @property
    def worst(self) -> Pair:
        """The pair with the worst verdict; among equals the one that differs most."""
        return max(self.pairs, key=lambda pair: (VERDICTS.index(pair.verdict), pair.max_abs, pair.max_ulp))

    @property
    def verdict(self) -> str:
        """``identical``, ``round-off``, ``alike`` or ``different``."""
        return self.worst.verdict

    @property
    def max_ulp(self) -> float:
        """Largest difference of any number compared, in ULP; infinite for NaN."""
        return max(pair.max_ulp for pair in self.pairs)

    @property
    def max_abs(self) -> float:
        """Largest absolute difference of any number compared."""
        return max(pair.max_abs for pair in self.pairs)

    @property
    def first(self) -> Divergence | None:
        """Where the worst pair first differs; None where it does not."""
        return self.worst.first

    @property
    def sides(self) -> list[str]:
        """The names of the sides, the reference last."""
        return list(self.histories)

    @property
    def title(self) -> str:
        """What was compared, in a few words."""
        *others, reference = self.sides
        return f"{listed(others)} against {reference}"

    @property
    def notes(self) -> list[str]:
        """Lines that a special kind of comparison adds."""
        return []

    def meets(self, required: str) -> bool:
        """Whether the verdict is ``required`` or better."""
        return VERDICTS.index(self.verdict) <= VERDICTS.index(required)

    def to_dict(self) -> dict[str, Any]:
        """The JSON document as a dictionary; see ``docs/report-schema.md``."""
        return {
            "schema": SCHEMA,
            "verdict": self.verdict,
            "max_ulp": self.max_ulp,
            "max_abs": self.max_abs,
            "first": asdict(self.first) if self.first else None,
            "sides": self.sides,
            "pairs": [pair.to_dict() for pair in self.pairs],
            "model": json.loads(self.model.to_json()),
            "train": json.loads(self.train.to_json()),
            "data": self.data,
            "classes": list(self.classes),
            "histories": {
                name: history.history | {"execution": history.execution, "jit_compile": history.jit_compile}
                for name, history in self.histories.items()
            },
            "outcomes": {name: asdict(outcome) for name, outcome in self.outcomes.items()},
            "environment": self.environment,
            "seconds": self.seconds,
        }

    def to_json(self) -> str:
        """The JSON document. Infinite figures (NaN was met) are written as the string ``"inf"``."""
        return json.dumps(finite(self.to_dict()), indent=2, allow_nan=False) + "\n"

    def save(self, path: str | Path) -> None:
        """Write one self-contained page (``.html``) or the JSON document (``.json``); whole, or not at all.

        Raises:
            InputError: another suffix, or a path that cannot be written.
        """
        suffix = Path(path).suffix.lower()
        if suffix == ".html":
            from lockstep.report.html import page

            write_whole(path, page(self))
        elif suffix == ".json":
            write_whole(path, self.to_json())
        else:
            raise InputError(f"A report is saved as .html or .json. Received: {str(path)!r}. Use report.html.")

    def __str__(self) -> str:
        lines = [f"verdict: {self.verdict}"]
        for pair in self.pairs:
            lines.append(
                f"  {pair.left} against {pair.right}: {pair.verdict}, largest difference {pair.max_abs:.3g}, "
                f"{ulp_text(pair.max_ulp)}, over {pair.steps:,} steps ({pair.why})"
            )
            if pair.first:
                lines.append(f"  first difference: {pair.first}")
        # a regression has no wrong rows
        lines += [f"  {outcome.line(name)}" for name, outcome in self.outcomes.items() if outcome.train_errors is not None]
        return "\n".join(lines + [f"  {note}" for note in self.notes])


def listed(names: Sequence[str]) -> str:
    """Names in a sentence: "a", "a and b", "a, b and c"."""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def finite(value: Any) -> Any:
    """``value`` for JSON: figures that are not finite, at any depth, as the strings "inf", "-inf" and "nan"."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
