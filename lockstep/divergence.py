"""How far apart two trainings are: differences in ULP and absolute, tensor by tensor, and where the first one is.

One ULP (unit in the last place) is the step from a floating-point number to its neighbour. The count here follows the bits:
0 ULP means the same bits, and -0.0 and +0.0, which compare equal, are 1 ULP apart. NaN is infinitely far from everything, itself
included, so that two sides that both fail never pass as equal.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from shared.records import EpochRecord, Record, State, StepRecord
from shared.spec import ModelSpec, TrainSpec, slot_names

_ORDERED = {2: np.int16, 4: np.int32, 8: np.int64}


@dataclass(frozen=True)
class Divergence:
    """The first difference: ``epoch`` and ``step`` count from 1, ``step`` through all epochs; ``stage`` is one of ``STAGES``.

    The amounts are NaN where they cannot be known: of a golden trace that holds a digest of the tensor, and no values.
    """

    epoch: int
    step: int
    stage: str
    tensor: str
    max_abs: float
    max_ulp: float

    def __str__(self) -> str:
        where = f"epoch {self.epoch}, step {self.step}, stage {self.stage!r}, tensor {self.tensor}"
        if math.isnan(self.max_abs):
            return f"{where}: by how much is not known, as a digest alone was kept"
        if math.isinf(self.max_abs):
            return f"{where}: NaN, or another shape or dtype"
        return f"{where}: largest difference {self.max_abs:.3g}, {ulp_text(self.max_ulp)}"


def ulp_text(count: float) -> str:
    """``count`` ULP as people read it."""
    return f"{count:,.0f} ULP" if math.isfinite(count) else "no count of ULP (NaN or another shape)"


def same_bits(left: np.ndarray, right: np.ndarray) -> bool:
    """Equal in dtype, shape and every bit, and free of NaN."""
    if left.dtype != right.dtype or left.shape != right.shape:
        return False
    if left.dtype.kind == "f" and np.isnan(left).any():
        return False
    return left.tobytes() == right.tobytes()


def absolute(left: np.ndarray, right: np.ndarray) -> float:
    """Largest absolute difference; infinite for NaN, another shape or another dtype."""
    if same_bits(left, right):
        return 0.0
    if left.shape != right.shape or left.dtype != right.dtype or left.size == 0:
        return math.inf
    if left.dtype.kind != "f":  # in Python's integers: two neighbours near 2**63 are one number in floats
        return float(np.abs(left.astype(object) - right.astype(object)).max())
    with np.errstate(invalid="ignore", over="ignore"):
        distance = np.abs(left.astype(np.float64) - right.astype(np.float64))
    distance = np.where(left == right, 0.0, distance)  # inf - inf is NaN, yet the two are equal
    return math.inf if np.isnan(distance).any() else float(distance.max())


def gap(left: np.ndarray, right: np.ndarray) -> tuple[float, float]:
    """Largest absolute difference and largest difference in ULP; both infinite for NaN, another shape or another dtype."""
    if same_bits(left, right):
        return 0.0, 0
    most = absolute(left, right)
    if left.shape != right.shape or left.dtype != right.dtype or left.dtype.kind != "f":
        return most, most
    if np.isnan(left).any() or np.isnan(right).any() or left.size == 0:
        return math.inf, math.inf
    return most, _ulp(left, right)


def _ulp(left: np.ndarray, right: np.ndarray) -> int:
    """Largest count of floating-point numbers between the two."""
    a, b = (_ordered(array) for array in (left, right))
    # The difference of two int64 can overflow: the widest pair is found in floats, and counted in Python's integers.
    high, low = np.maximum(a, b).ravel(), np.minimum(a, b).ravel()
    widest = int(np.argmax(high.astype(np.longdouble) - low.astype(np.longdouble)))
    return int(high[widest]) - int(low[widest])


def _ordered(array: np.ndarray) -> np.ndarray:
    """The bits as integers that rise with the value: -0.0 becomes -1, +0.0 becomes 0."""
    bits = np.ascontiguousarray(array, array.dtype.newbyteorder("=")).view(_ORDERED[array.dtype.itemsize])
    return np.where(bits < 0, np.iinfo(bits.dtype).min - bits - 1, bits)


@dataclass(frozen=True)
class Names:
    """What the tensors of a training are called: all weights, those that a gradient changes, and the optimiser's variables."""

    weights: tuple[str, ...]
    trainable: tuple[str, ...]
    slots: tuple[str, ...]

    @classmethod
    def of(cls, model: ModelSpec, train: TrainSpec) -> "Names":
        """The names of a net and its training, in Keras's order."""
        return cls(tuple(model.weight_shapes), tuple(model.trainable_shapes), slot_names(model, train))


def step_tensors(record: StepRecord, names: Names) -> Iterator[tuple[str, str, np.ndarray]]:
    """(stage, tensor, value) of a step, in the order in which they happened."""
    yield "batch", "x", record.inputs
    yield "batch", "targets", record.targets
    yield "logits", "logits", record.logits
    yield "example losses", "losses", record.example_losses
    yield "loss", "loss", np.asarray(record.loss)
    for name, value in zip(names.trainable, record.gradients, strict=True):
        yield "gradients", name, value
    for name, value in zip(names.slots, record.slots, strict=True):
        yield "slots", name, np.asarray(value)
    for at, value in enumerate(record.seeds, start=1):
        yield "slots", f"dropout {at}/seed", value
    for name, value in zip(names.weights, record.weights, strict=True):
        yield "weights out", name, value
    yield "running metric", "loss", np.asarray(record.running[0])
    yield "running metric", record.metric, np.asarray(record.running[1])


def epoch_tensors(record: EpochRecord) -> Iterator[tuple[str, str, np.ndarray]]:
    """(stage, tensor, value) of the end of an epoch."""
    yield "epoch loss", "loss", np.asarray(record.loss)
    for stage, name in (
        ("metrics", "accuracy"),
        ("metrics", "mean_absolute_error"),
        ("evaluation", "val_loss"),
        ("evaluation", "val_accuracy"),
        ("evaluation", "val_mean_absolute_error"),
    ):
        if getattr(record, name) is not None:
            yield stage, name, np.asarray(getattr(record, name))
    if record.predictions is not None:
        yield "prediction", "logits", record.predictions


def tensors(record: Record, names: Names) -> Iterator[tuple[str, str, np.ndarray]]:
    """(stage, tensor, value) of a record of either kind."""
    return step_tensors(record, names) if isinstance(record, StepRecord) else epoch_tensors(record)


@dataclass(frozen=True)
class Gap:
    """How far one tensor of one moment is from its counterpart; ``one`` is one ULP of the largest value in it."""

    distance: float
    one: float


Gaps = dict[tuple[str, str], Gap]  # (stage, tensor) -> gap


def measured(distance: float, right: np.ndarray) -> Gap:
    """The gap to ``right`` with its scale; whole numbers have none."""
    if not distance or right.dtype.kind != "f" or not right.size or not np.isfinite(right).all():
        return Gap(distance, 0.0)
    return Gap(distance, float(np.spacing(np.abs(right).max())))


def distances(left: Record, right: Record, names: Names) -> Gaps:
    """Every tensor's gap between two records of the same moment."""
    pairs = zip(tensors(left, names), tensors(right, names), strict=True)
    return {(stage, tensor): measured(absolute(a, b), b) for (stage, tensor, a), (_, _, b) in pairs}


@dataclass
class Tally:
    """What has been compared between two sides so far, and what was found."""

    names: Names
    first: Divergence | None = None
    max_abs: float = 0.0
    max_ulp: float = 0
    tensors: int = 0
    numbers: int = 0
    steps: int = 0
    epochs: int = 0
    gaps: list[Gaps] = field(default_factory=list)  # one entry a moment: every step and every end of an epoch
    around: tuple[Record | None, Record, Record | None, Record] | None = None  # left before, left, right before, right
    _before: tuple[Record | None, Record | None] = (None, None)

    def see_start(self, left: State, right: State) -> None:
        """Compare the state from which the first step starts."""
        names = (*self.names.weights, *self.names.slots, *(f"dropout {at}/seed" for at in range(1, len(right.seeds) + 1)))
        sides = [[*state.weights, *state.slots, *state.seeds] for state in (left, right)]
        for name, a, b in zip(names, *sides, strict=True):
            self.compare(1, 1, "weights in", name, np.asarray(a), np.asarray(b))

    def see(self, left: Record, right: Record) -> None:
        """Compare two records of the same moment."""
        if type(left) is not type(right):
            raise RuntimeError(f"sides out of step: {type(left).__name__} against {type(right).__name__}")
        if isinstance(right, StepRecord):
            self.steps += 1
        else:
            self.epochs += 1
        found = self.first
        self.gaps.append({})
        pairs = zip(tensors(left, self.names), tensors(right, self.names), strict=True)
        for (stage, tensor, a), (_, _, b) in pairs:
            distance = self.compare(right.epoch, self.steps, stage, tensor, a, b)
            self.gaps[-1][stage, tensor] = measured(distance, b)
        if found is None and self.first is not None:
            self.around = (self._before[0], left, self._before[1], right)
        self._before = (left, right) if self.first is None else (None, None)

    def compare(self, epoch: int, step: int, stage: str, tensor: str, a: np.ndarray, b: np.ndarray) -> float:
        """Count and compare one tensor of both sides; returns the largest absolute difference."""
        self.tensors += 1
        self.numbers += a.size
        distance, ulp = gap(a, b)
        self.max_abs, self.max_ulp = max(self.max_abs, distance), max(self.max_ulp, ulp)
        if ulp != 0 and self.first is None:
            self.first = Divergence(epoch, step, stage, tensor, distance, ulp)
        return distance
