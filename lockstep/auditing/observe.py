"""The person's loop, run once and watched from outside: its losses, and its variables before and after every step."""

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf

from lockstep.auditing.reference import Batch, Values
from lockstep.auditing.variables import Held, as_array


@dataclass
class Observed:
    """What was seen.

    Attributes:
        batches: what the steps were given, one a step that was taken.
        weights: the variables before the first step and after each, in the model's order and shapes.
        losses: what each step returned, (), or None where that was no single number.
        notes: what a reader should know.
        elsewhere: names of other variables that moved, where none of the given ones did.
        fault: why the loop ended before its time, in words, and at which step; None where it did not.
    """

    batches: list[Batch]
    weights: list[Values]
    losses: list[np.ndarray | None] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    fault: "Fault | None" = None
    elsewhere: list[str] = field(default_factory=list)

    @property
    def still(self) -> bool:
        """Whether no weight ever changed."""
        return all(
            np.array_equal(value, first) for values in self.weights for value, first in zip(values, self.weights[0], strict=True)
        )

    @property
    def steps(self) -> int:
        """How many steps were taken whole."""
        return len(self.losses)


@dataclass(frozen=True)
class Fault:
    """A step that could not be taken: ``code`` is the cause's, ``text`` what a person reads."""

    code: str
    step: int
    text: str


def observe(step: Callable, held: Held, batches: Sequence[Batch]) -> Observed:
    """Call ``step`` once for each batch; stops at the first step that raises or that leaves something else than numbers."""
    seen = Observed(list(batches), [held.read()])
    shapes = [value.shape for value in seen.weights[0]]
    for number, batch in enumerate(batches, start=1):
        try:
            returned = step(*(_handed(part, held.kind) for part in (batch.x, batch.y)))
        except Exception as error:
            seen.fault = Fault("step-raised", number, own_traceback(error))
            break
        values = held.read()
        if [value.shape for value in values] != shapes:
            changed = next(at for at, value in enumerate(values) if value.shape != shapes[at])
            text = f"{held.names[changed]} has the shape {values[changed].shape} now and had {shapes[changed]}"
            seen.fault = Fault("shape-changed", number, text)
            break
        loss = loss_of(returned, seen.notes)
        bad = not_finite(loss, values, held.names)
        if bad:
            seen.fault = Fault("nan", number, bad)
            break
        seen.weights.append(values)
        seen.losses.append(loss)
    seen.batches = seen.batches[: seen.steps]
    return seen


def _handed(part: np.ndarray, kind: str) -> Any:
    """A batch in the kind of the variables."""
    if kind == "tensorflow":
        return tf.constant(part)
    if kind == "torch":
        import torch

        return torch.from_numpy(np.ascontiguousarray(part))
    return part.copy()


def loss_of(returned: Any, notes: list[str]) -> np.ndarray | None:
    """What a step returned as one number, (), or None where it is none; ``notes`` then says so, once."""
    note = None
    if returned is None:
        note = "the step returned None: no loss is compared, only weights"
    else:
        try:
            value = as_array(returned)
        except Exception:
            value = np.array(None)
        if value.dtype.kind not in "fiuV" or value.size != 1:
            what = type(returned).__name__ if value.dtype == object else f"{value.dtype} {value.shape}"
            note = f"the step returned {what} and not one number: no loss is compared, only weights"
    if note is None:
        return value.reshape(())
    if note not in notes:
        notes.append(note)
    return None


def not_finite(loss: np.ndarray | None, weights: Values, names: Sequence[str]) -> str:
    """Which tensor holds NaN or infinity first; empty where none does."""
    named = [] if loss is None else [("the loss", loss)]
    for name, value in (*named, *zip(names, weights, strict=True)):
        bad = ~np.isfinite(value.astype(np.float64))
        if bad.any():
            kind = "NaN" if np.isnan(value.astype(np.float64)).any() else "infinity"
            return f"{name} holds {kind}" + (f" in {bad.sum()} of {value.size} places" if value.size > 1 else "")
    return ""


def own_traceback(error: BaseException) -> str:
    """The person's part of a traceback, without the frames of the audit."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "/lockstep/auditing/" not in frame.filename.replace("\\", "/")]
    lines = ["Traceback (most recent call last):\n", *traceback.format_list(own), *traceback.format_exception_only(error)]
    return "".join(lines).rstrip()
