"""What a search leaves behind. The attribute names are the keys of its JSON document (``docs/tuning.md``)."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockstep.tuning.space import Space
from shared.errors import InputError
from shared.files import check_writable, write_whole
from shared.records import History
from shared.spec import ModelSpec, TrainSpec

SCHEMA = 1


@dataclass(frozen=True)
class Point:
    """One draw: what was drawn, the net and the training that it stands for, and how that went.

    ``number`` counts from 1 in the order of the draws, ``stage`` is 1, or 2 in the denser search around the best.
    """

    number: int
    stage: int
    settings: dict[str, Any]
    model: ModelSpec
    train: TrainSpec
    history: History

    @property
    def score(self) -> float:
        """Share of the held-out rows that are right after the last epoch."""
        return self.history.val_accuracy[-1]

    @property
    def loss(self) -> float:
        """Loss on the held-out rows after the last epoch; NaN where the training blew up."""
        return self.history.val_loss[-1]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        curves = {name: [_plain(value) for value in curve] for name, curve in self.history.history.items()}
        specs = {"model": self.model.to_dict(), "train": self.train.to_dict()}
        heads = {"number": self.number, "stage": self.stage, "score": self.score, "loss": _plain(self.loss)}
        return {**heads, "settings": dict(self.settings), **specs, "history": curves}


def ranking(points: Sequence[Point]) -> list[Point]:
    """Best first; of equal scores the smaller loss, then the earlier draw."""
    return sorted(points, key=lambda point: (-point.score, point.loss if point.loss == point.loss else math.inf, point.number))


@dataclass(frozen=True, kw_only=True)
class SearchResult:
    """The result of ``lockstep.search``: all points in the order of their draws, and the space of each stage."""

    points: tuple[Point, ...]
    spaces: tuple[Space, ...]
    wing: str
    epochs: int
    seed: int
    data: str
    rows: int
    held_out: int
    workers: int
    seconds: float

    @property
    def ranked(self) -> tuple[Point, ...]:
        """All points, best first."""
        return tuple(ranking(self.points))

    @property
    def best(self) -> Point:
        """The point with the highest score; of equal ones that with the smaller loss, then the earlier one."""
        return self.ranked[0]

    def to_json(self) -> str:
        """One JSON document. Two searches with the same arguments give the same one but for ``workers`` and ``seconds``."""
        document = {
            "schema": SCHEMA,
            "wing": self.wing,
            "data": self.data,
            "rows": self.rows,
            "held_out": self.held_out,
            "epochs": self.epochs,
            "seed": self.seed,
            "spaces": [space.to_dict() for space in self.spaces],
            "best": self.best.number,
            "points": [point.to_dict() for point in self.points],
            "workers": self.workers,
            "seconds": self.seconds,
        }
        return json.dumps(document, indent=1, allow_nan=False) + "\n"

    def save(self, path: str | Path) -> None:
        """Write the JSON document (``.json``) or a picture of the points (``.png``).

        Raises:
            InputError: another ending, a path that cannot be written to, or no matplotlib for a picture.
        """
        ending = Path(path).suffix.lower()
        if ending == ".json":
            write_whole(path, self.to_json())
        elif ending == ".png":
            from lockstep.tuning.picture import picture
            from shared.plots import save

            check_writable(path)
            save(picture(self), path)
        else:
            raise InputError(f"A search is saved as .json or .png. Received: {str(path)!r:.200}. Use search.json.")

    def __str__(self) -> str:
        """The five best points, as a table."""
        lines = [f"best of {len(self.points)} points by accuracy on the {self.held_out:,} rows held out:"]
        lines.append(heading(self.spaces[0]))
        return "\n".join(lines + [line(point, self.spaces[0]) for point in self.ranked[:5]])


def heading(space: Space) -> str:
    """The head of a table of points."""
    return f"{'point':>5}{'score':>9}{'loss':>11}" + "".join(f"{name:>{_width(name)}}" for name, _ in space.settings)


def line(point: Point, space: Space) -> str:
    """A point's row in the table."""
    cells = (f"{_short(point.settings.get(name)):>{_width(name)}}" for name, _ in space.settings)
    return f"{point.number:>5}{point.score:>9.4f}{point.loss:>11.4g}" + "".join(cells)


def _width(name: str) -> int:
    return max(len(name), 8) + 2


def _short(value: Any) -> str:
    """A cell; a dash for what the point's optimiser does not have."""
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _plain(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)  # JSON has no such numbers
