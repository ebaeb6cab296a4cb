"""What the command line shows while it trains: a line an epoch and, on a terminal, a progress bar."""

import math
import sys
from typing import Any, TextIO

from tqdm import tqdm

from lockstep.divergence import Tally, ulp_text
from shared.data import Dataset
from shared.records import EpochRecord, Record
from shared.spec import ModelSpec, TrainSpec


def heading(data: Dataset, model: ModelSpec, train: TrainSpec) -> list[str]:
    """The lines that say what is trained, and how."""
    steps = math.ceil(len(data.x_train) / train.batch_size) * train.epochs
    tests = "no test set" if data.x_test is None else f"{len(data.x_test):,} for testing"
    return [
        f"data:  {data.source}",
        f"       {len(data.x_train):,} rows for training, {tests}, {len(data.classes)} classes",
        f"net:   {model}, {model.parameters:,} parameters, {model.dtype}",
        f"train: {train.optimizer}, learning rate {train.rate}, batches of {train.batch_size}, "
        f"{train.epochs} epochs, {steps:,} steps, seed {train.seed}",
    ]


class Table:
    """A table with columns for every side. Use as a context manager; ``progress`` is what ``compare`` calls."""

    def __init__(self, data: Dataset, model: ModelSpec, train: TrainSpec, sides: list[str], out: TextIO) -> None:
        self.out, self.sides = out, sides
        steps = math.ceil(len(data.x_train) / train.batch_size) * train.epochs
        for line in heading(data, model, train):
            self._write(line)
        self._write(f"sides: {', '.join(sides)}; each is compared with {sides[-1]} at every step")
        self._write("")
        self.tests = data.x_test is not None
        self.metric = train.metric
        names = ("accuracy", "test acc.") if train.metric == "accuracy" else ("mae", "test mae")
        columns = ["loss", *names[: 2 if self.tests else 1]]
        self._write(f"{'':>5} " + " ".join(f"{side:^{10 * len(columns)}}" for side in sides))
        self._write(
            f"{'epoch':>5} " + " ".join("".join(f"{name:>10}" for name in columns) for _ in sides) + "   largest difference"
        )
        self.bar = tqdm(total=steps, unit="step", disable=not sys.stderr.isatty(), leave=False)

    def __enter__(self) -> "Table":
        return self

    def __exit__(self, *error: object) -> None:
        self.bar.close()

    def _write(self, line: str) -> None:
        tqdm.write(line, file=self.out)
        self.out.flush()

    def notice(self, line: str) -> None:
        """Show a line between the others."""
        self._write(line)

    def progress(self, moment: tuple[Record, ...], tallies: list[Tally]) -> None:
        """Show one moment of all sides."""
        if not isinstance(moment[-1], EpochRecord):
            self.bar.update(moment[-1].step - self.bar.n)  # a comparison that goes on does not begin with the first step
            return
        worst = max(tallies, key=lambda tally: (tally.max_abs, tally.max_ulp))
        cells = " ".join("".join(self._cells(record)) for record in moment)
        self._write(f"{moment[-1].epoch:>5} {cells}   {worst.max_abs:.3g} ({ulp_text(worst.max_ulp)})")

    def _cells(self, record: Any) -> list[str]:
        cells = [f"{float(record.loss):>10.6f}"]
        for name in (self.metric, f"val_{self.metric}")[: 2 if self.tests else 1]:
            cells.append(f"{float(getattr(record, name)):>10.4f}")
        return cells
