"""Whose a checkpoint is. A training goes on from its own only: the same net, settings, data, order of examples and arithmetic."""

import hashlib
import json
from typing import Any

import numpy as np

from shared.batches import BatchPlan
from shared.checkpoints.folder import OtherTraining
from shared.checkpoints.sealed import Sealed
from shared.data.streamed import pieces
from shared.feed import Feed
from shared.spec import ModelSpec, TrainSpec
from shared.spec.rules import line, whole


def identity(kind: str, model: ModelSpec, train: TrainSpec, given: Feed, plan: BatchPlan, **more: Any) -> dict[str, Any]:
    """What must be equal in the training that goes on, as JSON holds it; ``kind``: training or comparison.

    The wing is no part of it, nor is the form, as neither changes a bit; nor are the epochs: a training of 40 is the beginning
    of one of 60.
    """
    settings = {name: value for name, value in train.to_dict().items() if name != "epochs"}
    arrays = {"x": given.x, "y": given.y, "weights": given.weights, "x_test": given.x_test, "y_test": given.y_test}
    found = {
        "kind": kind,
        "model": model.to_dict(),
        "train": settings,
        "data": {name: None if array is None else digest(array) for name, array in arrays.items()},
        "plan": _plan(plan),
        **more,
    }
    return json.loads(json.dumps(found))


def digest(array: Any) -> str:
    """SHA-256 of an array's dtype, shape and values; of streamed rows the same as of the array that they would be."""
    found = hashlib.sha256(f"{array.dtype.str} {array.shape} ".encode())
    for piece in pieces(array):
        piece = np.ascontiguousarray(piece)
        found.update(piece.data.cast("B") if piece.size else b"")
    return found.hexdigest()


def _plan(plan: BatchPlan) -> dict[str, Any]:
    """A drawn order by its seed and its first epoch, as NumPy does not promise its draws for ever; a given one as it is."""
    if plan.orders is not None:
        return {"orders": digest(np.array(plan.orders, np.int64))}
    return {"seed": int(plan.seed), "shuffle": bool(plan.shuffle), "first": digest(plan.order(0))}


def check_identity(sealed: Sealed, ours: dict[str, Any], epochs: int) -> None:
    """Refuse another training's checkpoint, and one that is further than ``epochs``.

    Raises:
        OtherTraining: one line that says in what it differs.
    """
    reached = _reached(sealed.header)
    found = _difference("", sealed.header.get("training"), ours)
    if found is not None:
        where, theirs, wanted = found
        raise OtherTraining(
            f"A training goes on from its own checkpoints. Received: {str(sealed.path)!r}, of a training with {where} "
            f"{line(theirs)}, not {line(wanted)}. Train as that one was begun, or name another folder."
        )
    if reached > epochs:
        raise OtherTraining(
            f"A training goes on to an epoch that it has not ended. Received: epochs={epochs}, and {str(sealed.path)!r}, which "
            f"has reached epoch {reached}. Use more epochs, or name another folder."
        )


def _reached(header: dict[str, Any]) -> int:
    """The epoch under way, or else the last one; 0 of a header without."""
    counts: dict[str, Any] = {name: header.get(name) for name in ("epoch", "step", "first")}
    epoch, step, first = (value if whole(value, 0) else 0 for value in counts.values())
    return epoch - first + bool(step)


def _difference(where: str, theirs: Any, ours: Any) -> tuple[str, str, str] | None:
    """Where two JSON values first differ, and in what."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        keys = [*ours, *(key for key in theirs if key not in ours)]
        parts = [(f"{where}.{key}".lstrip("."), theirs.get(key), ours.get(key)) for key in keys]
    elif isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        parts = [(f"{where}[{at}]", a, b) for at, (a, b) in enumerate(zip(theirs, ours, strict=True))]
    else:
        same = type(theirs) is type(ours) and theirs == ours
        return None if same else (where or "nothing", _short(theirs), _short(ours))
    return next((found for part in parts if (found := _difference(*part)) is not None), None)


def _short(value: Any) -> str:
    text = json.dumps(value)
    return f"{text[:13]}…" if isinstance(value, str) and len(value) == 64 else text[:60]
