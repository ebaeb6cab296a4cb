"""Batches of the audit's own, for causes that the person's data cannot tell apart: a fresh loop is run on each of them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from lockstep.auditing.analysis import Comparison
from lockstep.auditing.causes import Combination, Deviation, Trial
from lockstep.auditing.finding import Finding
from lockstep.auditing.naming import ranked
from lockstep.auditing.observe import observe
from lockstep.auditing.reach import put_back
from lockstep.auditing.reference import Batch
from lockstep.auditing.variables import Held

STEPS = 6


def told_apart(finding: Finding, comparison: Comparison, make: Callable | None, transpose: bool) -> Finding:
    """The finding with its causes tried again on probing batches, where ``make`` gives fresh loops; else with a note."""
    codes = [" and ".join(sorted(str(one.trap.cause) for one in trial.deviations)) for trial in comparison.rivals]
    if make is None:
        note = f"these data do not tell apart: {', '.join(codes)}. Pass make= to let the audit try batches of its own."
        return replace(finding, notes=[*finding.notes, note])
    left = list(comparison.rivals)
    used = []
    for name, batches in probes(comparison):
        survivors = _survivors(comparison, left, make, transpose, batches)
        if survivors and len(survivors) < len(left):
            left = survivors
            used.append(name)
        if len(left) == 1:
            break
    if not used:
        note = f"neither these data nor batches of the audit's own tell apart: {', '.join(codes)}"
        return replace(finding, notes=[*finding.notes, note])
    tried = {one.trap.cause for trial in comparison.rivals for one in trial.deviations}
    causes = [*ranked(left), *(cause for cause in finding.causes if cause.code not in tried)]
    note = f"told apart by batches of the audit's own ({', '.join(used)}), not by the given data: {', '.join(codes)}"
    return replace(finding, causes=causes, notes=[*finding.notes, note])


def probes(comparison: Comparison) -> Iterator[tuple[str, list[Batch]]]:
    """(what it shows, batches)."""
    x, y = comparison.data
    rows = np.arange(min(len(x), comparison.batch_size))
    many, one, few = rows, rows[:1], rows[: max(len(rows) // 3, 1)]
    kinds: list[tuple[str, Sequence[np.ndarray], float]] = [
        ("single rows and partial batches", [many, one, few, one, many, few], 1.0),
        ("gradients near epsilon", [many] * STEPS, 1e-4),
        ("saturated outputs", [many] * STEPS, 30.0),
        ("dead units", [many] * STEPS, -10.0),
    ]
    for name, steps, scale in kinds:
        if x.dtype.kind != "f" and scale != 1.0:
            continue
        yield name, [Batch(1, rows, (x[rows] * scale).astype(x.dtype), y[rows]) for rows in steps]


def _survivors(
    comparison: Comparison, left: list[Trial], make: Callable[[], Any], transpose: bool, batches: list[Batch]
) -> list[Trial]:
    """Those that reproduce a fresh loop on these batches too; all of them where the loop or the reference fails there."""
    step, variables = make()
    held = Held.of(variables, comparison.reference.model, transpose)
    with put_back(step, held.variables, []):
        held.write(comparison.reference.start[0])
        seen = observe(step, held, batches)
    probe = Comparison(seen, comparison.reference, comparison.names, comparison.batch_size, comparison.data)
    if seen.fault is not None:
        return left
    try:
        with comparison.reference.watched():
            probe.run()
            replay = probe.replay()
            if not probe.finite or isinstance(replay, str):
                return left
            probe.judge()
            search = probe.search(replay)
            return [trial for trial in left if search.attempt(_fixed(trial)).failed is None]
    finally:
        comparison.reference.restore()


def _fixed(trial: Trial) -> Combination:
    """Its deviations, with the numbers that were fitted to the given data."""
    return tuple(Deviation(one.trap, replace(one.variant, fit=None)) for one in trial.deviations)
