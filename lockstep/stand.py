"""Where a comparison stands between two moments, on disk: each side's state and curves, and all that the tallies have found.

The records of the last moment are kept too, and those around a first difference, so that the report of a comparison that was
broken off is the report of one that was not.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from lockstep.divergence import Divergence, Gap, Gaps, Names, Tally
from lockstep.traces.layout import Layout
from shared.batches import BatchPlan
from shared.checkpoints import Point
from shared.checkpoints.identity import digest, identity
from shared.checkpoints.point import read_state, state_arrays
from shared.checkpoints.sealed import Sealed
from shared.checkpoints.session import Content, Session
from shared.feed import Feed
from shared.records import CURVES, EPOCH_STAGES, EpochRecord, History, Record, State, StepRecord
from shared.spec import ModelSpec, TrainSpec
from shared.spec.rules import whole
from shared.weights import checked


def identity_of(
    model: ModelSpec,
    train: TrainSpec,
    given: Feed,
    plan: BatchPlan,
    sides: Sequence[str],
    weights: Sequence[np.ndarray] | None = None,
) -> dict[str, Any]:
    """Whose a checkpoint of a comparison is; ``weights``: None where the reference draws them from the seed."""
    first = "drawn" if weights is None else [digest(weight) for weight in checked(weights, model)]
    return identity("comparison", model, train, given, plan, sides=list(sides), first=first)


_SCALARS = ("max_abs", "max_ulp", "tensors", "numbers", "steps", "epochs")


@dataclass
class Stand:
    """So many ``epoch``s and ``step``s of the next one are compared; a state, curves and a last record for each side, a tally for
    each pair, and the ``seconds`` that all this took."""

    states: list[State]
    tallies: list[Tally]
    histories: list[History]
    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    last: tuple[Record, ...] = ()

    @property
    def points(self) -> list[Point]:
        """From where each side goes on."""
        sides = zip(self.states, self.histories, strict=True)
        return [Point(state=state, epoch=self.epoch, step=self.step, curves=history.history) for state, history in sides]

    def see(self, moment: tuple[Record, ...]) -> None:
        """One moment more; the tallies have seen it already."""
        self.last = moment
        for at, record in enumerate(moment):
            if isinstance(record, StepRecord):
                self.states[at] = record.state
            else:
                logs = {name: getattr(record, name) for name in CURVES}
                self.histories[at].append({name: float(value) for name, value in logs.items() if value is not None})
        step = isinstance(moment[-1], StepRecord)
        self.epoch, self.step = (self.epoch, self.step + 1) if step else (self.epoch + 1, 0)


class StandFile:
    """Writes and reads the stands of one comparison, of which ``like`` is the beginning.

    Differences are kept where there are any, as pairs of an index and two numbers, and each is looked at once.
    """

    def __init__(self, model: ModelSpec, train: TrainSpec, plan: BatchPlan, tests: int, like: Sequence[State]) -> None:
        self.model, self.train, self.plan, self.tests, self.like = model, train, plan, tests, like
        layout = Layout.of(model, train, plan.examples, tests)
        keys = ([(stage, name) for stage, name, _ in part] for part in (layout.of_step, layout.of_epoch, layout.of_state))
        self.of_step, self.of_epoch, self.of_start = keys
        self.width = max(len(self.of_step), len(self.of_epoch))
        self._places: list[list[int]] = []  # of each tally, the differences found so far
        self._found: list[list[tuple[float, float]]] = []
        self._seen = 0

    # --------------------------------------------------------------------------------------------------------- writing

    def content(self, stand: Stand) -> Content:
        """Header and arrays."""
        self._gather(stand.tallies)
        header: dict[str, Any] = {name: getattr(stand, name) for name in ("epoch", "step", "seconds")}
        arrays: dict[str, np.ndarray] = {}
        header["curves"] = list(stand.histories[-1].history)
        header["last"] = [self._put(record, f"sides/{at}/last", arrays) for at, record in enumerate(stand.last)]
        for at, (state, history) in enumerate(zip(stand.states, stand.histories, strict=True)):
            arrays |= state_arrays(state, f"sides/{at}/state/")
            arrays |= {f"sides/{at}/curves/{name}": np.array(values) for name, values in history.history.items()}
        header["tallies"] = []
        for at, tally in enumerate(stand.tallies):
            told = {name: getattr(tally, name) for name in _SCALARS} | {"gaps": len(self._places[at])}
            told["first"] = None if tally.first is None else asdict(tally.first)
            around = tally.around or ()
            told["around"] = [self._put(record, f"pairs/{at}/around/{number}", arrays) for number, record in enumerate(around)]
            header["tallies"].append(told)
            arrays[f"pairs/{at}/places"] = np.array(self._places[at], np.int64)
            arrays[f"pairs/{at}/gaps"] = np.array(self._found[at], np.float64).reshape(-1, 2)
        return header, arrays

    def _gather(self, tallies: Sequence[Tally]) -> None:
        """Look through the moments that are new since the last time."""
        self._places = self._places or [[] for _ in tallies]
        self._found = self._found or [[] for _ in tallies]
        for tally, places, found in zip(tallies, self._places, self._found, strict=True):
            for moment in range(self._seen, len(tally.gaps)):
                for column, gap in enumerate(tally.gaps[moment].values()):
                    if gap.distance or gap.one:
                        places.append(moment * self.width + column)
                        found.append((gap.distance, gap.one))
        self._seen = len(tallies[0].gaps)

    @staticmethod
    def _put(record: Record | None, where: str, arrays: dict[str, np.ndarray]) -> list | None:
        """Add a record's arrays; returns what the header says of it."""
        if record is None:
            return None
        arrays |= {f"{where}/{name}": np.asarray(value) for name, value in _parts(record)}
        return ["step", record.epoch, record.step] if isinstance(record, StepRecord) else ["epoch", record.epoch, 0]

    # --------------------------------------------------------------------------------------------------------- reading

    def read(self, sealed: Sealed) -> tuple[int, int, Stand]:
        """Epochs, steps and the stand in a file.

        Raises:
            InputError: content that ``content`` does not make.
        """
        header: Any = sealed.header
        epoch, step, seconds, curves = (header.get(name) for name in ("epoch", "step", "seconds", "curves"))
        last, tallies = header.get("last"), header.get("tallies")
        sound = (
            whole(epoch, 0)
            and whole(step, 0)
            and epoch + bool(step) <= self.train.epochs
            and step < self.plan.steps
            and epoch + step > 0
            and type(seconds) is float
            and 0 <= seconds < math.inf
            and isinstance(curves, list)
            and all(isinstance(name, str) and name in CURVES for name in curves)
            and len(set(curves)) == len(curves)  # one array for each: a list could name the same one without end
            and last == [self._moment(epoch, step)] * len(self.like)
            and isinstance(tallies, list)
            and len(tallies) == len(self.like) - 1
        )
        if not sound:
            raise sealed.error("a header with other values")
        self._places, self._found = [], []
        sides = range(len(self.like))
        histories = [
            History(**{name: sealed.array(f"sides/{at}/curves/{name}", (epoch,), np.float64).tolist() for name in curves})
            for at in sides
        ]
        records = [self._get(sealed, f"sides/{at}/last", self._moment(epoch, step), self.like[at]) for at in sides]
        stand = Stand(
            states=[read_state(sealed, self.like[at], f"sides/{at}/state/") for at in sides],
            tallies=[self._tally(sealed, at, told, epoch, step) for at, told in enumerate(tallies)],
            histories=histories,
            epoch=epoch,
            step=step,
            seconds=seconds,
            last=tuple(record for record in records if record is not None),
        )
        for tally, left in zip(stand.tallies, stand.last, strict=False):
            if tally.first is None:
                tally._before = (left, stand.last[-1])
        self._seen = len(stand.tallies[0].gaps)
        return epoch, step, stand

    def _tally(self, sealed: Sealed, at: int, told: Any, epoch: int, step: int) -> Tally:
        moments = epoch * (self.plan.steps + 1) + step
        kind: Any = told if isinstance(told, dict) else {}
        first, around, count = kind.get("first"), kind.get("around"), kind.get("gaps")
        sound = (
            all(_is_amount(kind.get(name)) for name in ("max_abs", "max_ulp"))
            and all(_is_count(kind.get(name)) for name in ("tensors", "numbers", "steps", "epochs"))
            and (kind["steps"], kind["epochs"]) == (epoch * self.plan.steps + step, epoch)
            and whole(count, 0)
            and count <= (0 if first is None else moments * self.width)
            and (first is None or self._is_divergence(first, moments))
            and bool(kind["max_ulp"]) == (first is not None)
            and around == self._around(first)
        )
        if not sound:
            raise sealed.error("a tally with other values")
        places = sealed.array(f"pairs/{at}/places", (count,), np.int64)
        found = sealed.array(f"pairs/{at}/gaps", (count, 2), np.float64)
        if count and not (places.min() >= 0 and places.max() < moments * self.width and (np.diff(places) > 0).all()):
            raise sealed.error("differences at other places")
        if not (found >= 0).all():
            raise sealed.error("differences that are no amounts")
        self._places.append(places.tolist())
        self._found.append([(distance, one) for distance, one in found.tolist()])
        sides = (self.like[at], self.like[at], self.like[-1], self.like[-1])
        records = [
            self._get(sealed, f"pairs/{at}/around/{number}", one, like)
            for number, (one, like) in enumerate(zip(self._around(first), sides, strict=False))
        ]
        return Tally(
            Names.of(self.model, self.train),
            first=None if first is None else Divergence(**first),
            gaps=self._gaps(moments, dict(zip(self._places[-1], self._found[-1], strict=True))),
            around=tuple(records) if records else None,  # type: ignore[arg-type]
            **{name: kind[name] for name in _SCALARS},
        )

    def _gaps(self, moments: int, found: dict[int, tuple[float, float]]) -> list[Gaps]:
        none = Gap(0.0, 0.0)
        gaps = []
        for moment in range(moments):
            keys = self.of_epoch if moment % (self.plan.steps + 1) == self.plan.steps else self.of_step
            place = moment * self.width
            gaps.append({key: Gap(*found[at]) if (at := place + column) in found else none for column, key in enumerate(keys)})
        return gaps

    def _moment(self, epoch: int, step: int) -> list | None:
        """What a header says of the record of the moment after which so much is done; None before the first one."""
        if step:
            return ["step", epoch + 1, epoch * self.plan.steps + step]
        return ["epoch", epoch, 0] if epoch else None

    def _is_divergence(self, told: Any, moments: int) -> bool:
        """Whether it describes a first difference within so many moments."""
        if not (
            isinstance(told, dict)
            and set(told) == {field.name for field in fields(Divergence)}
            and all(whole(told[name], 1) for name in ("epoch", "step"))
            and all(isinstance(told[name], str) for name in ("stage", "tensor"))
            and all(_is_amount(told[name]) for name in ("max_abs", "max_ulp"))
        ):
            return False
        key, (epoch, step) = (told["stage"], told["tensor"]), self._place(told)
        if key in self.of_start:
            return (told["epoch"], told["step"]) == (1, 1)
        right = step == self.plan.steps if key in self.of_epoch else key in self.of_step and 1 <= step <= self.plan.steps
        return right and epoch * (self.plan.steps + 1) + step + (key in self.of_epoch) <= moments

    def _place(self, first: dict[str, Any]) -> tuple[int, int]:
        """The epochs before a first difference, and the steps of the next one with which it came."""
        return first["epoch"] - 1, first["step"] - (first["epoch"] - 1) * self.plan.steps

    def _around(self, first: dict[str, Any] | None) -> list:
        """What a header says of the records around a first difference; of a difference at the start there are none."""
        if first is None or first["stage"] == "weights in":
            return []
        epoch, step = self._place(first)
        if first["stage"] in EPOCH_STAGES:
            return [self._moment(epoch, step), self._moment(epoch + 1, 0)] * 2
        return [self._moment(epoch, step - 1), self._moment(epoch, step)] * 2

    def _get(self, sealed: Sealed, where: str, moment: list | None, like: State) -> Record | None:
        """The record of a moment."""
        if moment is None:
            return None
        kind, epoch, step = moment
        parts: dict[str, Any] = {}
        for name, (shape, dtype) in (self._of_step(step, like) if kind == "step" else self._of_end()).items():
            value = sealed.array(f"{where}/{name}", shape, dtype)
            field, _, number = name.partition("/")
            if number:
                parts.setdefault(field, []).append(value)
            else:
                parts[field] = value
        if kind == "epoch":
            return EpochRecord(epoch=epoch, **parts)
        lists: dict[str, list] = {name: [] for name in ("gradients", "slots", "weights", "seeds", "carried")}
        return StepRecord(epoch=epoch, step=step, metric=self.train.metric, **(lists | parts))

    def _of_step(self, step: int, like: State) -> dict[str, tuple[tuple[int, ...], Any]]:
        """Shape and dtype of every array of a step's record."""
        model, dtype = self.model, self.model.variable_dtype
        rows = min(self.plan.batch_size, self.plan.examples - (step - 1) % self.plan.steps * self.plan.batch_size)
        labels = self.train.loss == "sparse_categorical_crossentropy"
        found: dict[str, tuple[tuple[int, ...], Any]] = {
            "inputs": ((rows, model.inputs), dtype),
            "targets": ((rows,) if labels else (rows, model.outputs), dtype),
            "logits": ((rows, model.outputs), dtype),
            "example_losses": ((rows,), dtype),
            "loss": ((), np.float32),
            "running": ((2,), np.float32),
        }
        found |= {f"gradients/{at}": (shape, dtype) for at, shape in enumerate(model.trainable_shapes.values())}
        return found | {name: (value.shape, value.dtype) for name, value in state_arrays(like).items()}

    def _of_end(self) -> dict[str, tuple[tuple[int, ...], Any]]:
        """Shape and dtype of every array of the record of an epoch's end."""
        metric = self.train.metric
        names = ("loss", metric, *(("val_loss", f"val_{metric}") if self.tests else ()))
        found: dict[str, tuple[tuple[int, ...], Any]] = dict.fromkeys(names, ((), np.float32))
        return found | ({"predictions": ((self.tests, self.model.outputs), self.model.variable_dtype)} if self.tests else {})


def _parts(record: Record) -> Iterator[tuple[str, Any]]:
    """The arrays of a record by their names in a file."""
    for field in fields(record):
        value = getattr(record, field.name)
        if isinstance(value, list):
            yield from ((f"{field.name}/{at}", one) for at, one in enumerate(value))
        elif isinstance(value, np.ndarray | np.generic):
            yield field.name, value


def _is_amount(told: Any) -> bool:
    """Whether it is a difference: a count, or a number from 0 to infinity."""
    return _is_count(told) or (type(told) is float and told >= 0)


def _is_count(told: Any) -> bool:
    """Whether it is a whole number from 0 that a comparison may reach: there are 2**64 numbers in float64."""
    return type(told) is int and 0 <= told <= 2**64


class ComparisonKeeper:
    """Keeps the checkpoints of a comparison; ``stand`` is where it begins, or goes on."""

    def __init__(self, session: Session, file: StandFile, stand: Stand, epochs: int) -> None:
        self._session, self._file, self._epochs = session, file, epochs
        self.stand = session.newest(file.read) or stand
        self.seconds = self.stand.seconds  # of those who worked on it before

    def after(self, moment: tuple[Record, ...], seconds: float) -> None:
        """A moment has been compared. The last one of all leaves no checkpoint: what follows it starts from records."""
        self.stand.see(moment)
        self.stand.seconds = self.seconds + seconds
        if self.stand.step < self._file.plan.steps and self.stand.epoch < self._epochs:
            self._session.look(self.stand.epoch, self.stand.step, lambda: self._file.content(self.stand))
