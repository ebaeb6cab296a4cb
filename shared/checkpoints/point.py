"""A point of a training, between two steps: all that the rest of it depends on."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from shared.checkpoints.memory import Memory
from shared.checkpoints.sealed import Sealed
from shared.errors import InputError
from shared.records import CURVES, State
from shared.spec.rules import MOST, whole


@dataclass(frozen=True, kw_only=True)
class Point:
    """Where a training stands.

    ``epoch`` epochs are finished, and ``step`` steps of the next one, fewer than it has. ``first`` counts the epochs that earlier
    calls of ``fit`` made. ``curves`` has an entry for each epoch of this call, by the names in ``History``. ``stopped`` says that
    a callback has ended the training. ``memories`` is what the callbacks remember.
    """

    state: State
    epoch: int
    step: int = 0
    first: int = 0
    curves: dict[str, list[float]] = field(default_factory=dict)
    stopped: bool = False
    memories: list[Memory] = field(default_factory=list)

    @classmethod
    def start(cls, epoch: int) -> "Point":
        """Where a training begins, after the epochs of earlier calls of ``fit``."""
        return cls(state=State(weights=[], slots=[]), epoch=epoch, first=epoch)

    def epochs(self, count: int) -> range:
        """The epochs that are left of ``count``, the one under way included.

        Raises:
            InputError: there are fewer than have been trained.
        """
        last = self.first + count
        if self.epoch + bool(self.step) > last:
            raise InputError(
                f"A training goes on to an epoch that it has not reached. Received: epochs={count}, and a checkpoint within or "
                f"after epoch {self.epoch - self.first + bool(self.step)}. Use more epochs."
            )
        return range(self.epoch, self.epoch if self.stopped else last)

    def steps_of(self, epoch: int) -> int:
        """How many steps of an epoch are done already."""
        return self.step if epoch == self.epoch else 0

    def to_file(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Header and arrays."""
        header = {name: getattr(self, name) for name in ("epoch", "step", "first", "stopped")}
        header |= {"curves": list(self.curves), "memories": [memory.to_dict() for memory in self.memories]}
        arrays = state_arrays(self.state)
        arrays |= {f"curves/{name}": np.array(values, np.float64) for name, values in self.curves.items()}
        for number, memory in enumerate(self.memories):
            arrays |= {f"memories/{number}/{name}": array for name, array in memory.arrays.items()}
        return header, arrays

    @classmethod
    def from_file(cls, sealed: Sealed, like: State, steps: int) -> "Point":
        """The point in a file; ``like``: the trainer's own state, for the shapes; ``steps``: how many an epoch has.

        Raises:
            InputError: content that ``to_file`` does not make.
        """
        header: Any = sealed.header
        epoch, step, first, stopped = (header.get(name) for name in ("epoch", "step", "first", "stopped"))
        curves, memories = header.get("curves"), header.get("memories")
        sound = (
            all(whole(value, 0) for value in (epoch, step, first))
            and isinstance(stopped, bool)
            and isinstance(curves, list)
            and all(isinstance(name, str) and name in CURVES for name in curves)
            and len(set(curves)) == len(curves)  # one array for each: a list could name the same one without end
            and isinstance(memories, list)
        )
        if not sound or not (first <= epoch <= MOST and step < steps):
            raise sealed.error("a header with other values")
        return cls(
            state=read_state(sealed, like),
            epoch=epoch,
            step=step,
            first=first,
            stopped=stopped,
            curves={name: sealed.array(f"curves/{name}", (epoch - first,), np.float64).tolist() for name in curves},
            memories=[Memory.from_file(sealed, number, value, like.weights) for number, value in enumerate(memories)],
        )


GROUPS = ("weights", "slots", "seeds", "carried")


def state_arrays(state: State, where: str = "") -> dict[str, np.ndarray]:
    """The arrays of a state by their names in a file, ``where`` before each."""
    return {
        f"{where}{group}/{number}": np.asarray(value) for group in GROUPS for number, value in enumerate(getattr(state, group))
    }


def read_state(sealed: Sealed, like: State, where: str = "") -> State:
    """The state in a file, in the shapes and dtypes of ``like``.

    Raises:
        InputError: other arrays.
    """
    return State(
        **{
            group: [
                sealed.array(f"{where}{group}/{number}", np.shape(value), np.asarray(value).dtype)
                for number, value in enumerate(getattr(like, group))
            ]
            for group in GROUPS
        }
    )
