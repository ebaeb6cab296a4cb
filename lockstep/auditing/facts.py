"""Cheap measurements of a difference that hold whatever its cause: ratios, where it begins, which tensors it spares."""

from collections.abc import Sequence

import numpy as np

from lockstep.auditing.ground import LOSS, Distances, key
from lockstep.auditing.observe import Observed
from lockstep.auditing.reference import Step

CONSTANT = 1e-3  # a ratio that varies by less, relatively, is one number


def facts(seen: Observed, single: Sequence[Step], over: Sequence[Distances], names: Sequence[str]) -> list[str]:
    """Sentences.

    Args:
        single: the reference's steps from the loop's weights.
        over: for each step how far the loop is from them, as multiples of the bound.
    """
    return [*_begin(over), *_losses(seen, single, over), *_spared(seen, over, names), *_ratio(seen, single, names)]


def _begin(over: Sequence[Distances]) -> list[str]:
    wrong = [step for step, ratios in enumerate(over, start=1) if not max(ratios.values()) <= 1]
    if not wrong:
        return []
    if wrong[0] > 1:
        before = "step 1 agrees" if wrong[0] == 2 else f"steps 1 to {wrong[0] - 1} agree"
        rest = "" if len(wrong) == len(over) - wrong[0] + 1 else f", and so do {len(over) - wrong[0] + 1 - len(wrong)} later ones"
        return [f"{before} to rounding{rest}"]
    if len(wrong) < len(over):
        return [f"taken from equal weights, {len(wrong)} of {len(over)} steps differ: {_few(wrong)}"]
    return ["taken from equal weights, every step differs"]


def _losses(seen: Observed, single: Sequence[Step], over: Sequence[Distances]) -> list[str]:
    pairs = [(float(a), float(b.loss)) for a, b in zip(seen.losses, single, strict=True) if a is not None]
    if not pairs or not any(ratios.get(LOSS, 0) > 1 for ratios in over):
        return []
    found = []
    ratio = _constant([a / b for a, b in pairs if b])
    if ratio is not None:
        sizes = {len(batch.x) for batch in seen.batches}
        size = f"; the batches have {' and '.join(map(str, sorted(sizes)))} rows" if len(pairs) else ""
        found.append(f"the loop's loss is {ratio:.6g} times the reference's at every step{size}")
    offset = _constant([a - b for a, b in pairs])
    if ratio is None and offset is not None:
        found.append(f"the loop's loss is the reference's plus {offset:.6g} at every step")
    if all(all(value <= 1 for what, value in ratios.items() if what != LOSS) for ratios in over):
        found.append("only the loss that the loop returns differs; its weights agree to rounding")
    return found


def _spared(seen: Observed, over: Sequence[Distances], names: Sequence[str]) -> list[str]:
    wrong = {name for ratios in over for name in names if not ratios[key(name)] <= 1}
    found = []
    if wrong and len(wrong) < len(names):
        found.append(f"weights that differ: {_few([name for name in names if name in wrong])}; the others agree")
    still = [
        name
        for at, name in enumerate(names)
        if name in wrong and all(np.array_equal(values[at], seen.weights[0][at]) for values in seen.weights)
    ]
    if still:
        found.append(f"never changed by the loop: {_few(still)}")
    return found


def _ratio(seen: Observed, single: Sequence[Step], names: Sequence[str]) -> list[str]:
    """Where the loop moves every weight by one factor as far as the reference does."""
    factors = []
    for before, after, step in zip(seen.weights[:-1], seen.weights[1:], single, strict=True):
        ours, theirs = (
            np.concatenate([(value.astype(np.float64) - start).ravel() for value, start in zip(values, before, strict=True)])
            for values in (after, step.weights)
        )
        norm = float(theirs @ theirs)
        if not norm:
            return []
        factor = float(ours @ theirs) / norm
        if np.abs(ours - factor * theirs).max() > CONSTANT * np.abs(theirs).max() * max(abs(factor), 1):
            return []
        factors.append(factor)
    ratio = _constant(factors)
    if ratio is None or abs(ratio - 1) < CONSTANT:
        return []
    return [f"the loop moves its weights {ratio:.6g} times as far, at every step"]


def _constant(values: Sequence[float]) -> float | None:
    middle = float(np.median(values)) if len(values) else 0.0
    if not len(values) or not np.isfinite(values).all() or abs(middle) < 1e-12:
        return None
    return middle if max(abs(value - middle) for value in values) <= CONSTANT * abs(middle) else None


def _few(values: Sequence[object]) -> str:
    shown = ", ".join(map(str, values[:6]))
    return shown + (f" and {len(values) - 6} more" if len(values) > 6 else "")
