"""``lockstep.audit_run``: a loop that does its own batching, watched through what it yields."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import keras
import numpy as np

from lockstep.auditing.analysis import Comparison, analyse
from lockstep.auditing.by_step import prepared
from lockstep.auditing.epochs import FIGURES, Said
from lockstep.auditing.finding import Finding
from lockstep.auditing.observe import Fault, Observed, loss_of, not_finite, own_traceback
from lockstep.auditing.reach import put_back
from lockstep.auditing.reference import Batch, Reference
from lockstep.auditing.variables import as_array, names_of
from shared.errors import InputError


def audit_run(
    run: Callable[[list[np.ndarray], np.ndarray, np.ndarray], Iterable[Any]],
    model: keras.Model,
    x: Any,
    y: Any,
    *,
    epochs: int = 1,
    batch_size: int = 32,
    state: Sequence[Any] = (),
    transpose: bool = False,
) -> Finding:
    """As ``audit``, for a loop that does its own batching and hands its weights on.

    Args:
        run: ``run(weights, x, y)``, a generator. ``weights`` are copies of the model's, in the order of ``model.weights``. After
            each step it yields ``(loss, weights)``, weights in the order of ``model.trainable_variables`` or ``model.weights``,
            or ``(loss, weights, rows)`` with the indices of the rows that the step used, which the reference then uses too;
            at the end of an epoch it may yield ``{"epoch": k, "loss": ..., "accuracy": ...}``. JAX's arrays are welcome.
        model: compiled; the reference. Without ``rows`` it sees the rows in order, as ``fit(shuffle=False)`` does.
        x, y: arrays (rows, ...), handed to ``run`` whole.
        epochs: how many are compared; a run that goes on is stopped then.
        batch_size: of ``fit``.
        state: arrays that the loop changes, to be put back.
        transpose: kernels lie (out, in), as PyTorch's do.

    Raises:
        InputError: as ``audit``, or something else is yielded.
    """
    if isinstance(epochs, bool) or not isinstance(epochs, int | np.integer) or epochs < 1:
        raise InputError(f"epochs counts the epochs that are compared, at least 1. Received: {epochs!r}. Use epochs=1.")
    (x, y), batches = prepared(model, x, y, batch_size, None, False, 0, epochs)
    if not callable(run):
        raise InputError(f"run is a generator of (weights, x, y). Received: {type(run).__name__}.")
    start = [np.array(weight.value.numpy()) for weight in model.weights]
    notes: list[str] = []
    with put_back(run, list(state), notes):
        seen, ends, told = _watch(run, [value.copy() for value in start], model, x, y, batches, transpose)
    seen.notes += notes
    weights = model.weights if len(seen.weights[0]) == len(start) else model.trainable_variables
    reference = Reference(model, weights)
    comparison = Comparison(seen, reference, names_of(model, weights), batch_size, (x, y), own_batches=not told)
    return analyse(comparison, ends, expected=len(batches))


def _watch(
    run: Callable,
    weights: list[np.ndarray],
    model: keras.Model,
    x: np.ndarray,
    y: np.ndarray,
    batches: list[Batch],
    transpose: bool,
) -> tuple[Observed, list[Said], bool]:
    """Everything that the run yields, up to the last step that is compared; and whether it said which rows it took."""
    trainable = [np.array(weight.value.numpy()) for weight in model.trainable_variables]
    seen, ends, told = Observed([], []), [], False
    first = [value.copy() for value in weights]
    try:
        for yielded in run(weights, x.copy(), y.copy()):
            if isinstance(yielded, dict):
                ends.append(Said(seen.steps, _figures(yielded)))
                if seen.steps >= len(batches):
                    break
                continue
            if seen.steps >= len(batches):
                seen.notes.append(f"the run went on after the {len(batches)} steps that were compared")
                break
            loss, values, rows = _parts(yielded)
            told = told or rows is not None
            arrays = [as_array(value) for value in values]
            arrays = [np.ascontiguousarray(a.T) if transpose and a.ndim == 2 else a for a in arrays]
            if not seen.weights:
                seen.weights.append(_begun(arrays, first, trainable))
            shapes = [value.shape for value in seen.weights[0]]
            if [array.shape for array in arrays] != shapes:
                seen.fault = Fault("shape-changed", seen.steps + 1, f"yielded {_shapes(arrays)} after {_shapes(seen.weights[0])}")
                break
            number = loss_of(loss, seen.notes)
            bad = not_finite(number, arrays, [f"weight {at}" for at in range(len(arrays))])
            if bad:
                seen.fault = Fault("nan", seen.steps + 1, bad)
                break
            seen.batches.append(_batch(rows, batches[seen.steps], x, y))
            seen.weights.append(arrays)
            seen.losses.append(number)
    except InputError:
        raise
    except Exception as error:
        seen.fault = Fault("step-raised", seen.steps + 1, own_traceback(error))
    seen.weights = seen.weights or [first]
    if not seen.steps and seen.fault is None:
        seen.fault = Fault("no-update", 1, "the run yielded no step")
    return seen, ends, told


def _parts(yielded: Any) -> tuple[Any, Any, Any]:
    if isinstance(yielded, tuple | list) and len(yielded) in (2, 3) and hasattr(yielded[1], "__len__"):
        loss, values, *rows = yielded
        return loss, list(values), rows[0] if rows else None
    raise InputError(
        "run yields (loss, weights), (loss, weights, rows) or a dictionary at the end of an epoch. "
        f"Received: {type(yielded).__name__}. Yield the loss and a list of the weights after each step."
    )


def _figures(yielded: dict[str, Any]) -> dict[str, float]:
    try:
        return {name: float(as_array(yielded[name]).reshape(())) for name in FIGURES if yielded.get(name) is not None}
    except (TypeError, ValueError):
        raise InputError(
            f"At the end of an epoch the run yields numbers. Received: {yielded!r:.100}. Yield {{'epoch': 0, 'loss': 0.5}}."
        ) from None


def _begun(arrays: list[np.ndarray], first: list[np.ndarray], trainable: list[np.ndarray]) -> list[np.ndarray]:
    """The weights before the first step, of those that the loop hands on."""
    for known in (trainable, first):
        if [array.shape for array in arrays] == [value.shape for value in known]:
            return known
    raise InputError(
        f"The weights follow model.trainable_variables, {_shapes(trainable)}, or model.weights, {_shapes(first)}. "
        f"Received: {_shapes(arrays)}. Yield one array for each, in that order."
    )


def _batch(rows: Any, planned: Batch, x: np.ndarray, y: np.ndarray) -> Batch:
    if rows is None:
        return planned
    rows = as_array(rows).ravel()
    if rows.dtype.kind not in "iu" or not rows.size or rows.min() < 0 or rows.max() >= len(x):
        raise InputError(f"rows are indices below {len(x)}. Received: {rows.dtype} {rows.shape}. Yield those that the step used.")
    return Batch(planned.epoch, rows, x[rows], y[rows])


def _shapes(arrays: Sequence[np.ndarray]) -> str:
    return ", ".join(str(array.shape) for array in arrays) or "none"
