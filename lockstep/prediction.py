"""What both wings say of one's own pictures: the probability of every class, and whether the two say the same bits."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lockstep.divergence import gap, ulp_text
from shared.data.own import rows_of
from shared.weights import read_specs

MOST = 10  # classes that are printed; a file may have a thousand


@dataclass(frozen=True)
class Answer:
    """What both wings say of one picture.

    ``low`` and ``high`` are the probabilities (classes,) by the low-level and the high-level wing. ``max_abs`` and ``max_ulp``
    are the largest differences between the two, logits included.
    """

    picture: str
    classes: tuple[str, ...]
    low: np.ndarray
    high: np.ndarray
    max_abs: float
    max_ulp: float

    @property
    def order(self) -> list[int]:
        """The classes by number, the most probable first."""
        return np.argsort(-self.low, kind="stable").tolist()

    @property
    def identical(self) -> bool:
        """Whether both wings say the same bits."""
        return self.max_ulp == 0

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        top = self.order[0]
        return {
            "picture": self.picture,
            "class": self.classes[top],
            "probability": float(self.low[top]),
            "probabilities": {"low": self.low.tolist(), "high": self.high.tolist()},
            "identical": self.identical,
            "max_ulp": self.max_ulp,
            "max_abs": self.max_abs,
        }

    def __str__(self) -> str:
        order = self.order
        names = [printable(self.classes[label]) for label in order[:MOST]]
        width = max(len("class"), *map(len, names))
        lines = [f"{printable(self.picture)}: {names[0]}", f"  {'class':<{width}}   low-level  high-level"]
        lines += [
            f"  {name:<{width}}  {self.low[label]:>10.6f}  {self.high[label]:>10.6f}"
            for name, label in zip(names, order, strict=False)
        ]
        if len(order) > MOST:
            lines.append(f"  and {len(order) - MOST} more classes")
        same = "the same bits" if self.identical else f"largest difference {self.max_abs:.3g}, {ulp_text(self.max_ulp)}"
        return "\n".join([*lines, f"  both wings: {same}"])


def predict(pictures: Sequence[str | os.PathLike[str]], weights: str | os.PathLike[str]) -> list[Answer]:
    """Ask the net in a weights file about picture files, in both wings.

    Args:
        pictures: PNG, JPEG and other files, of any size.
        weights: a ``.weights.h5`` file that ``Trainer.save`` or ``lockstep train`` wrote.

    Raises:
        InputError: a file that cannot be used.
    """
    model, train, card = read_specs(Path(weights))
    rows = rows_of(pictures, card, model.inputs)
    import highlevel
    import lowlevel

    low, high = lowlevel.Trainer(model, train), highlevel.Trainer(model, train)
    for trainer in (low, high):
        trainer.load(Path(weights))
    return answers([str(picture) for picture in pictures], card.classes, rows, low, high)


def answers(pictures: Sequence[str], classes: tuple[str, ...], rows: np.ndarray, low: Any, high: Any) -> list[Answer]:
    """What the trainers ``low`` and ``high`` say of ``rows`` (n, inputs), one for each of the names ``pictures``."""
    logits = [trainer.predict(rows) for trainer in (low, high)]
    probabilities = [trainer.predict_proba(rows) for trainer in (low, high)]
    found = []
    for at, picture in enumerate(pictures):
        gaps = [gap(left[at], right[at]) for left, right in (logits, probabilities)]
        found.append(Answer(picture, classes, probabilities[0][at], probabilities[1][at], *map(max, zip(*gaps, strict=True))))
    return found


def printable(text: str) -> str:
    """``text`` if a terminal shows it as it is: a name from a file may hold what would steer the terminal."""
    return text if text.isprintable() else repr(text)
