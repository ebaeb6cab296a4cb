"""How far a training had come when its net was saved: what neither weights nor the optimiser's list of variables say."""

import json
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from shared.errors import InputError
from shared.records import SUMS, State
from shared.spec.rules import number, whole

ATTRIBUTE = "lockstep_progress"  # of the root of the file


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Epochs that are over, which say where the order of the batches goes on; for each Dropout its seed and its count of calls;
    the product that Nadam keeps, where Keras's loss scaling wraps it and loses track of it; and whether XLA compiled the steps,
    by which they round otherwise (None where the file does not say)."""

    epoch: int = 0
    seeds: list[list[int]] = field(default_factory=list)
    product: float | None = None
    jit_compile: bool | None = None

    @classmethod
    def of(cls, epoch: int, state: State, jit_compile: bool) -> "Progress":
        """Of a trainer that is between two epochs."""
        product = [float(value) for value in state.carried[SUMS:]]
        seeds = [seed.tolist() for seed in state.seeds]
        return cls(epoch=epoch, seeds=seeds, product=product[0] if product else None, jit_compile=jit_compile)

    def put_into(self, state: State) -> State:
        """``state`` with the seeds, and with the product where it carries one."""
        carried = list(state.carried)
        if self.product is not None and len(carried) > SUMS:
            carried[SUMS] = np.array(self.product, carried[SUMS].dtype)
        return replace(state, seeds=[np.array(pair, np.int64) for pair in self.seeds], carried=carried)

    def to_json(self) -> str:
        """One JSON object; a float32 comes back as it was."""
        return json.dumps(asdict(self))

    @staticmethod
    def compiled(text: Any) -> Any:
        """What such a text says of XLA; None where it says nothing. ``from_json`` looks at the rest."""
        try:
            return json.loads(text).get("jit_compile")
        except (TypeError, ValueError, AttributeError, RecursionError):
            return None

    @classmethod
    def from_json(cls, text: Any, dropouts: int) -> "Progress":
        """What ``to_json`` wrote, for a net with so many Dropouts.

        Raises:
            InputError: anything else.
        """
        try:
            progress = cls(**json.loads(text))
            pairs = [[int(count) for count in pair] for pair in progress.seeds]
            sound = (
                whole(progress.epoch, 0)
                and pairs == progress.seeds
                and [len(pair) for pair in pairs] == [2] * dropouts
                and all(0 <= count < 2**63 for pair in pairs for count in pair)
                and (progress.product is None or number(progress.product))
                and isinstance(progress.jit_compile, bool | None)
            )
        except (TypeError, ValueError, RecursionError, OverflowError):
            sound = False
        if not sound:
            raise InputError(
                f"{ATTRIBUTE} in a weights file holds epoch, product, jit_compile, and seed and count of {dropouts} Dropouts. "
                f"Received: {str(text)[:100]!r}. Save the net again."
            )
        return progress
