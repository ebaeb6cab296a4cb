"""The three trainings that are timed, and their data as float32 and int64."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class Job:
    """A net of dense layers with relu between them and linear logits, trained by Adam on shuffled batches, accuracy reported.

    Args:
        name: under which its figures stand.
        sizes: columns of the data, units of each layer.
        rows: examples.
        batch: examples a step.
        rate: the learning rate.
    """

    name: str
    sizes: tuple[int, ...]
    rows: int
    batch: int
    rate: float = 1e-3

    @property
    def steps(self) -> int:
        """Steps an epoch, that of the smaller last batch included."""
        return -(-self.rows // self.batch)

    @property
    def parameters(self) -> int:
        """Numbers that are trained."""
        return sum((a + 1) * b for a, b in zip(self.sizes, self.sizes[1:], strict=False))

    @cached_property
    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """x float32 (rows, columns), y int64 (rows,). The digits are real, the others random with mean 0."""
        if self.name == "digits":
            from shared import load_digits

            digits = load_digits()
            return digits.x_train[: self.rows].astype(np.float32), digits.y_train[: self.rows, 0].astype(np.int64)
        generator = np.random.default_rng(0)
        x = generator.random((self.rows, self.sizes[0]), np.float32)
        x -= np.float32(0.5)
        return x, generator.integers(0, self.sizes[-1], self.rows)

    def specs(self):
        """The same for our trainers: (ModelSpec, TrainSpec)."""
        from shared import ModelSpec, TrainSpec

        return ModelSpec.mlp(*self.sizes), TrainSpec(learning_rate=self.rate, batch_size=self.batch)

    def weights(self) -> list[np.ndarray]:
        """First weights, kernel and bias layer by layer, float32: Glorot's uniform draw, and zeros."""
        generator = np.random.default_rng(1)
        drawn = []
        for a, b in zip(self.sizes, self.sizes[1:], strict=False):
            reach = (6 / (a + b)) ** 0.5
            drawn += [generator.uniform(-reach, reach, (a, b)).astype(np.float32), np.zeros(b, np.float32)]
        return drawn


JOBS = {
    job.name: job
    for job in (
        Job("digits", (400, 25, 15, 10), 5000, 32),
        Job("signs", (12288, 25, 12, 6), 1080, 32, 1e-4),
        Job("large", (784, 512, 256, 10), 60000, 128, 1e-4),
    )
}
_QUICK = {"digits": 330, "signs": 70, "large": 700}


def job_of(name: str, quick: bool) -> Job:
    """The job, of few rows where it is only to be seen that all runs."""
    return replace(JOBS[name], rows=_QUICK[name]) if quick else JOBS[name]
