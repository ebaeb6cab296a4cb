"""How far rounding alone can carry a step: measured on the reference, inputs, weights and constants moved by a last bit."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from lockstep.auditing.reference import Batch, Reference, Step, Values, perturbed
from lockstep.floor import RUNS
from lockstep.verdict import FACTOR, around, reached

Key = tuple[str, str]  # (stage, tensor)
Distances = dict[Key, float]
LOSS: Key = ("loss", "loss")


def key(name: str) -> Key:
    """The key of a weight after a step."""
    return "weights out", name


def distances(names: Sequence[str], left: "Taken", right: "Taken") -> Distances:
    """Largest absolute differences; the loss is left out where one side has none."""
    found: Distances = {}
    if left[0] is not None and right[0] is not None:
        found[LOSS] = _largest(left[0], right[0])
    return found | {key(name): _largest(a, b) for name, a, b in zip(names, left[1], right[1], strict=True)}


Taken = tuple[np.ndarray | None, Values]  # the loss of a step, and the weights after it


def _largest(left: np.ndarray, right: np.ndarray) -> float:
    distance = np.abs(np.asarray(left, np.float64) - np.asarray(right, np.float64))
    return float(np.where(np.isnan(distance), np.inf, distance).max(initial=0.0))


def one(values: np.ndarray) -> float:
    """One ULP of the largest number in an array; integers have none."""
    return float(np.spacing(np.abs(values).max(initial=0.0))) if values.dtype.kind == "f" else 0.0


class Ground:
    """The bounds of rounding for every step: ``free`` from the first step on, ``single`` for a step from equal weights.

    Args:
        reference: within ``watched``.
        names: of the weights.
        at: the weights before each step, as the loop had them.
        free, single: the reference's own steps, from its own weights and from the loop's.
    """

    def __init__(
        self,
        reference: Reference,
        names: Sequence[str],
        batches: Sequence[Batch],
        at: Sequence[Values],
        free: Sequence[Step],
        single: Sequence[Step],
    ) -> None:
        self.names = tuple(names)
        kinds = [value.dtype for value in at[0] if value.dtype.kind == "f"]
        self.kind = max(kinds, key=lambda kind: np.finfo(kind).eps, default=np.dtype(np.float32))  # in which the loop rounds
        eps, free_runs, single_runs = max(_eps(reference), float(np.finfo(self.kind).eps)), [], []
        for run in range(RUNS):
            moved = [Batch(one.epoch, one.rows, perturbed(one.x, eps, run), one.y) for one in batches]
            starts = [[perturbed(value, eps, run) for value in values] for values in at]
            with constants_moved(reference.model, (0, 1, -1)[run % 3]):
                free_runs.append(self._apart(reference.run(moved, start=at[0]), free))
                single_runs.append(self._apart(reference.run(moved, starts), single, (starts, at)))
        self.single = around([_most(runs) for runs in zip(*single_runs, strict=True)])
        # A free step is a single step too, and what one step may round is not to be measured on that step alone.
        self.free = [
            _most(pair) for pair in zip(reached([_most(runs) for runs in zip(*free_runs, strict=True)]), self.single, strict=True)
        ]
        ones = [self._ones(step) for step in single]
        self.bounds = [_bound(floor, unit) for floor, unit in zip(self.single, ones, strict=True)]
        self.free_bounds = [
            _bound(floor, unit, step) for step, (floor, unit) in enumerate(zip(self.free, ones, strict=True), start=1)
        ]

    def _apart(self, moved: Sequence[Step], true: Sequence[Step], begun: Any = None) -> list[Distances]:
        """How far perturbed steps are from the true ones; less what they began apart, where ``begun`` says from where."""
        found = []
        for at, (a, b) in enumerate(zip(moved, true, strict=True)):
            weights = a.weights
            if begun is not None:
                pairs = zip(a.weights, begun[0][at], begun[1][at], strict=True)
                weights = [after.astype(np.float64) - before + start for after, before, start in pairs]
            found.append(distances(self.names, (a.loss, weights), (b.loss, b.weights)))
        return found

    def _ones(self, step: Step) -> Distances:
        weights = zip(self.names, step.weights, strict=True)
        return {LOSS: one(step.loss)} | {key(name): max(one(value), one(value.astype(self.kind))) for name, value in weights}


def _bound(floor: Distances, unit: Distances, steps: int = 1) -> Distances:
    """What a difference of rounding may be after so many steps. Each step rounds every number once on either side, half an ULP
    each; Lion's steps, all of one length, are rounded the same way every time, and this no perturbed run shows."""
    return {k: max(FACTOR * floor[k], max(FACTOR, steps) * unit[k]) for k in floor}


AVERAGED = ("beta_1", "beta_2", "rho")  # constants c of which optimisers use 1 - c too


@contextmanager
def constants_moved(model: keras.Model, direction: int) -> Iterator[None]:
    """Within, the optimiser's constants (its betas, its epsilon) are their neighbours in float32, or themselves for 0.

    Where a loop computes with them in Python's double they are not rounded to float32 as Keras's are, and 1 - beta_2 then
    differs in the fifth digit. Nadam takes all of its 1 - beta_2 from one rounded beta_2, so that they move together and cancel
    in the first steps, where a loop's need not: therefore the learning rate moves by as much as 1 - beta_2 under a root.
    """
    optimizer = model.optimizer
    names = [name for name, value in optimizer.get_config().items() if isinstance(value, float) and value]
    own = {name: value for name, value in vars(optimizer).items() if name in names and isinstance(value, float)}
    if not direction:
        yield
        return
    shares = [float(np.spacing(np.float32(own[name]))) / (1 - own[name]) / 2 for name in AVERAGED if name in own]
    rate, share = optimizer._get_current_learning_rate, max([float(np.finfo(np.float32).eps), *shares])
    try:
        for name, value in own.items():
            setattr(optimizer, name, float(np.nextafter(np.float32(value), np.float32(direction * np.inf))))
        optimizer._get_current_learning_rate = lambda: rate() * (1 + direction * share)
        model.train_function = None  # the constants are written into its graph
        yield
    finally:
        for name, value in own.items():
            setattr(optimizer, name, value)
        del optimizer._get_current_learning_rate
        model.train_function = None


def _most(runs: Sequence[Distances]) -> Distances:
    return {k: max(run[k] for run in runs) for k in runs[0]}


def _eps(reference: Reference) -> float:
    """The relative size of the last bit in the type in which the model computes."""
    computes = {layer.compute_dtype for layer in reference.model.layers}
    return max({"float16": 2.0**-10, "bfloat16": 2.0**-7, "float64": 2.0**-52}.get(dtype, 2.0**-23) for dtype in computes)
