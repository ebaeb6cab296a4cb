"""Trainers that are used again: most of a short training's time is spent on compiling, which hangs on the specs alone.

What is compiled into a trainer is the net, the loss, the optimiser's constants and the batch size. First weights, masks, order
of the examples and a constant learning rate are not, so trainings that differ in these only may share a trainer, one after the
other. ``tests/test_estimators.py`` shows that a trainer used again gives the bits of a new one.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any

import numpy as np

from shared.records import State
from shared.seeds import layer_seeds
from shared.spec import DropoutSpec, ModelSpec, ScheduleSpec, TrainSpec, slot_names

KEPT = 8  # trainers that are kept for later; the one that has waited longest goes first


@dataclass(frozen=True)
class _Idle:
    """A trainer that nobody uses, what it was made for, and the optimiser's variables as they were at first."""

    made_for: tuple[ModelSpec, TrainSpec]
    trainer: Any
    slots: list[np.ndarray]


class Trainers:
    """A wing's trainers, lent out one at a time, also to several threads.

    Args:
        make: (model, train) -> trainer; the wing's ``Trainer``.
        build: (model, seed) -> net with ``weights``; the wing's ``build``.
        early_stopping: the wing's ``EarlyStopping``.
    """

    def __init__(self, make: Callable[..., Any], build: Callable[..., Any], early_stopping: Callable[..., Any]) -> None:
        self.make, self.build, self.early_stopping = make, build, early_stopping
        self._idle: list[_Idle] = []
        self._lock = Lock()

    @contextmanager
    def lend(self, model: ModelSpec, train: TrainSpec, state: State | None = None, epoch: int = 0) -> Iterator[Any]:
        """A trainer of these specs, in ``state`` at the beginning of ``epoch``; as a new one is, where ``state`` is None.

        Its ``fit`` must be told plan and epochs: seed, epochs and shuffle of ``train`` are not the trainer's own.
        A trainer that an exception leaves in the middle of something is not kept.
        """
        idle = self._take((model, compiled(train)))
        if state is None:
            weights = [weight.numpy() for weight in self.build(model, train.seed).weights]
            state = State(weights=weights, slots=idle.slots, seeds=_mask_seeds(model, train.seed))
        idle.trainer.restore(replace(state, slots=_with_rate(state.slots, model, train)))
        idle.trainer.epoch = epoch
        yield idle.trainer
        with self._lock:
            self._idle = [*self._idle, idle][-KEPT:]

    def _take(self, made_for: tuple[ModelSpec, TrainSpec]) -> _Idle:
        with self._lock:
            found = next((idle for idle in reversed(self._idle) if idle.made_for == made_for), None)
            self._idle = [idle for idle in self._idle if idle is not found]
        if found is not None:
            return found
        trainer = self.make(*made_for)
        return _Idle(made_for, trainer, trainer.state().slots)


def compiled(train: TrainSpec) -> TrainSpec:
    """``train`` with everything at its default that no compiled function hangs on."""
    rate = train.learning_rate if isinstance(train.learning_rate, ScheduleSpec) else TrainSpec.learning_rate
    return replace(train, learning_rate=rate, epochs=1, shuffle=True, seed=0)


def _with_rate(slots: list[np.ndarray], model: ModelSpec, train: TrainSpec) -> list[np.ndarray]:
    """The optimiser's variables with the learning rate of ``train``, which a schedule does not keep there."""
    names = slot_names(model, train)
    return [
        np.asarray(train.learning_rate, np.float32) if name == "learning_rate" else slot
        for name, slot in zip(names, slots, strict=True)
    ]


def _mask_seeds(model: ModelSpec, seed: int) -> list[np.ndarray]:
    """For each Dropout its seed and 0 calls, int64 (2,)."""
    pairs = zip(model.layers, layer_seeds(model, seed), strict=True)
    return [np.array([own[0], 0], np.int64) for layer, own in pairs if isinstance(layer, DropoutSpec)]
