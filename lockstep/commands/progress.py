"""What ``record`` and ``check`` show while one side after the other trains: a line an epoch and, on a terminal, a bar."""

import math
import sys
from typing import TextIO

from tqdm import tqdm

from lockstep.divergence import Tally
from shared.records import EpochRecord, Record
from shared.spec import ModelSpec, TrainSpec


class Progress:
    """Called with the side's name, each record and, in a check, what was found so far. Use as a context manager."""

    def __init__(self, model: ModelSpec, train: TrainSpec, rows: int, out: TextIO) -> None:
        self.out, self.train = out, train
        self.steps = math.ceil(rows / train.batch_size) * train.epochs
        self.bar = tqdm(total=self.steps, unit="step", disable=not sys.stderr.isatty(), leave=False)
        self.side = ""

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *error: object) -> None:
        self.bar.close()

    def notice(self, line: str) -> None:
        """Show a line between the others."""
        tqdm.write(line, file=self.out)
        self.out.flush()

    def __call__(self, side: str, record: Record, tally: Tally | None = None) -> None:
        """Show one moment."""
        if side != self.side:
            self.side = side
            self.bar.reset(self.steps)
        if not isinstance(record, EpochRecord):
            self.bar.update()
            return
        metric = self.train.metric
        figures = {"loss": record.loss, metric: getattr(record, metric), "test loss": record.val_loss}
        figures[f"test {metric}"] = getattr(record, f"val_{metric}")
        shown = "  ".join(f"{name} {float(value):.6f}" for name, value in figures.items() if value is not None)
        found = ""
        if tally is not None:
            found = f"   differs since step {tally.first.step}" if tally.first else "   as recorded"
        self.notice(f"{side:<10} epoch {record.epoch:>4}  {shown}{found}")
