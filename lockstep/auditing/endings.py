"""What only a loop with its own batching can get wrong: which rows its epochs take, and what it says at their ends."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lockstep.auditing.causes import Deviation, deviations_of
from lockstep.auditing.epochs import Said, agree, epochs_of, over
from lockstep.auditing.finding import Cause, Finding
from lockstep.auditing.naming import unknown
from lockstep.auditing.observe import Observed
from lockstep.auditing.reference import Step
from lockstep.auditing.replay import Replay
from lockstep.divergence import Divergence, gap
from lockstep.traps import Trap, loops


def covered(finding: Finding, seen: Observed, expected: int, batch_size: int, examples: int) -> Finding:
    """The finding on a loop whose steps all agree, if it took another number of them, or other rows, than ``fit`` does."""
    rows = np.concatenate([batch.rows for batch in seen.batches])
    counts = np.bincount(rows, minlength=examples)
    short = seen.steps < expected
    if not short and counts.max() == counts.min():
        return finding
    partial = examples % batch_size
    dropped = partial and not any(len(batch.rows) == partial for batch in seen.batches)
    evidence = (
        f"the loop took {seen.steps} steps, and fit takes {expected}, {-(-examples // batch_size)} an epoch",
        f"{int((counts == 0).sum())} of {examples} rows were seen by no step; the others up to {counts.max()} times",
    )
    trap = _of_code("drop-remainder" if dropped else "batch-order")
    cause = Cause(str(trap.cause), trap.title, evidence, trap.remedy, "batch")
    first = Divergence(seen.batches[-1].epoch, seen.steps + short, "batch", "rows", np.inf, np.inf)
    why = f"the steps agree, but {evidence[0] if short else evidence[1]}"
    return replace(finding, verdict="different", why=why, first=first, causes=[*finding.causes, cause])


def ended(finding: Finding, seen: Observed, single: Sequence[Step], said: Sequence[Said], replay: Replay | str) -> Finding:
    """The finding with what the loop said at the ends of epochs."""
    if isinstance(replay, str):
        note = f"what the loop said at the ends of epochs was not compared: the reference cannot be taken apart ({replay})"
        return replace(finding, notes=[*finding.notes, note])
    views = epochs_of(replay, seen, single, said)
    rows = [view.sizes.sum() for view in views]
    right = [replay.figures(view) for view in views]
    wrong = [(at, name) for at, one in enumerate(said) for name in one.figures if over(right[at], one, name, rows[at])]
    if not wrong:
        return finding
    at, name = wrong[0]
    begin, true = f"end of epoch {at + 1}, {name}: the loop {said[at].figures[name]:.9g}", right[at][name]
    causes = list(finding.causes)
    for deviation in deviations_of(replay, loops()):
        if not deviation.variant.figures or any(cause.code == deviation.trap.cause for cause in causes):
            continue
        with replay.planted(deviation.variant.parts):
            figures = [replay.figures(view) for view in views]
        if all(agree(*one) for one in zip(figures, said, rows, strict=True)):
            evidence = f"{begin}, the reference {true:.9g}, the reference with this cause {figures[at][name]:.9g}"
            causes.append(_cause(deviation, evidence))
    facts = [*finding.facts, f"{begin}; the running mean of fit is {true:.9g}"]
    if finding.verdict in ("alike", "different"):
        return replace(finding, causes=causes, facts=facts)
    causes = causes or [unknown("no trap of the catalogue reproduces what the loop says at the ends of its epochs")]
    last, stage = said[at].steps, "epoch loss" if name == "loss" else "metrics"
    sizes = gap(np.asarray(said[at].figures[name], np.float32), np.asarray(true, np.float32))
    first = Divergence(seen.batches[last - 1].epoch, last, stage, name, *sizes)
    why = "the steps agree, and what the loop says at the end of an epoch does not"
    return replace(finding, verdict="different", why=why, first=first, causes=causes, facts=facts)


def _cause(deviation: Deviation, evidence: str) -> Cause:
    trap, detail = deviation.trap, deviation.variant.detail
    title = f"{trap.title} Here: {detail}." if detail else trap.title
    return Cause(str(trap.cause), title, (evidence,), trap.remedy, trap.stage)


def _of_code(code: str) -> Trap:
    """The first trap of the catalogue with that cause."""
    return next(trap for trap in loops() if trap.cause == code)
