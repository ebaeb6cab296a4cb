"""A golden trace as an object: what was trained, from where, on what, and what came of it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from lockstep.divergence import same_bits
from lockstep.traces.fingerprint import Fingerprint
from lockstep.traces.layout import AT_EVERY_STEP, NEVER, Layout
from shared.batches import BatchPlan
from shared.records import History, State
from shared.spec import ModelSpec, TrainSpec, slot_names

Recording = Mapping[str, np.ndarray]  # what one side left: path -> array, as ``Layout.arrays`` describes them


def digest(value: np.ndarray) -> int:
    """A number of 64 bits that stands for dtype, shape and every bit of ``value``."""
    value = value.astype(value.dtype.newbyteorder("<"), copy=False)
    made = hashlib.blake2b(f"{value.dtype.str}{value.shape}".encode(), digest_size=8)
    made.update(value.tobytes())
    return int.from_bytes(made.digest(), "little")


def equal(left: Recording, right: Recording) -> bool:
    """Whether two recordings are the same in every bit."""
    return left.keys() == right.keys() and all(same_bits(left[path], right[path]) for path in left)


@dataclass(frozen=True, kw_only=True, eq=False)
class Trace:
    """What ``lockstep.record`` writes and ``lockstep.check`` reads.

    ``orders`` (epochs, rows): the order of the examples. ``kept``: steps whose values are held, counted from 1. ``sides``: name
    -> number of its recording; sides that left the same bits share one. ``environment``: as ``lockstep.environment`` saw it.
    """

    model: ModelSpec
    train: TrainSpec
    orders: np.ndarray
    kept: tuple[int, ...]
    sides: Mapping[str, int]
    recordings: tuple[Recording, ...]
    data: Fingerprint
    environment: Mapping[str, Any]

    @cached_property
    def layout(self) -> Layout:
        """The names and shapes of all that it holds."""
        return Layout.of(self.model, self.train, len(self.data.train), len(self.data.test))

    @property
    def plan(self) -> BatchPlan:
        """The order of the examples as ``fit`` takes it."""
        return BatchPlan(len(self.data.train), self.train.batch_size, orders=self.orders)

    def before(self, recording: Recording, step: int) -> State:
        """The state from which a kept step started; that of step 1 holds the first weights."""
        at = self.kept.index(step)
        values = [recording[f"before/{number}"][at] for number in range(len(self.layout.of_state))]
        weights, slots = len(self.model.weight_shapes), len(slot_names(self.model, self.train))
        arrays = [np.asarray(value) for value in values]
        return State(weights=arrays[:weights], slots=arrays[weights : weights + slots], seeds=arrays[weights + slots :])

    def of_step(self, recording: Recording, step: int, number: int) -> np.ndarray | None:
        """Tensor ``number`` of a step, rows of a smaller batch padded with zeros; None where its values are not held."""
        stage = self.layout.of_step[number][0]
        if stage in NEVER or (stage not in AT_EVERY_STEP and step not in self.kept):
            return None
        at = step - 1 if stage in AT_EVERY_STEP else self.kept.index(step)
        return np.asarray(recording[f"steps/{number}"][at])

    def of_epoch(self, recording: Recording, epoch: int, number: int) -> np.ndarray | None:
        """Tensor ``number`` of the end of an epoch; None where its values are not held."""
        if not self.layout.of_epoch[number][2]:
            return np.asarray(recording[f"epochs/{number}"][epoch - 1])
        return recording[f"epochs/{number}"][0] if epoch == self.train.epochs else None

    def history(self, recording: Recording) -> History:
        """The curves of a recording."""
        history = History(execution="recorded")
        for number, (_, name, shape) in enumerate(self.layout.of_epoch):
            if not shape:
                getattr(history, name).extend(recording[f"epochs/{number}"].astype(float).tolist())
        return history
