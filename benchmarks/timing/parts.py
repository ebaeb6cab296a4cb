"""The parts in the order in which they run, how each is measured and about how long it takes at full size on two cores.

``python -m timing.parts NAME ROUNDS QUICK FILE`` measures one in this process and writes its figures to FILE.
"""

import json
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

Measure = Callable[[int, bool], dict]


def _part(module: str, function: str, *first: str) -> Measure:
    def measure(rounds: int, quick: bool) -> dict:
        found: Any = partial(getattr(import_module(f"timing.{module}"), function), *first)
        return found(rounds, quick)

    return measure


PARTS: dict[str, tuple[Measure, int]] = {  # seconds at 5 rounds
    "jobs.digits": (_part("training", "measure", "digits"), 200),
    "jobs.signs": (_part("training", "measure", "signs"), 220),
    "jobs.large": (_part("training", "measure", "large"), 1050),
    "limit": (_part("limit", "measure"), 60),
    "profile": (_part("profile", "measure"), 60),
    "rule": (_part("rule", "measure"), 60),
    "process": (_part("processes", "measure"), 240),
    "predict.one": (_part("inference", "one"), 30),
    "predict.million": (_part("inference", "million"), 200),
    "sweeps.batch": (_part("sweeps", "measure", "batch"), 60),
    "sweeps.width": (_part("sweeps", "measure", "width"), 60),
    "sweeps.samples": (_part("sweeps", "measure", "samples"), 60),
    "sweeps.epochs": (_part("sweeps", "measure", "epochs"), 120),
    "observers.digits": (_part("observers", "measure", "digits"), 150),
    "observers.large": (_part("observers", "measure", "large"), 240),
}


def named(words: list[str]) -> list[str]:
    """The parts of such names, or of names that begin so (``jobs`` is three of them); all where none is given.

    Raises:
        ValueError: a word that names no part.
    """
    found = []
    for word in words:
        some = [name for name in PARTS if name == word or name.startswith(f"{word}.")]
        if not some:
            raise ValueError(f"A part has one of these names: {', '.join(PARTS)}. Received: {word!r}. Use one of them.")
        found += some
    return [name for name in PARTS if name in found or not words]


def main() -> None:
    """Measure one part here."""
    name, rounds, quick, file = sys.argv[1:]
    Path(file).write_text(json.dumps(PARTS[name][0](int(rounds), quick == "True")))


if __name__ == "__main__":
    main()
