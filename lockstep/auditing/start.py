"""Where a run began that hands its weights on only after its first step: found from that step by going back."""

import numpy as np

from lockstep.auditing.causes import Search
from lockstep.auditing.ground import LOSS
from lockstep.auditing.reference import Values

TURNS = 60


def found(search: Search) -> Values | None:
    """Weights from which the reference's first step leads to the loop's weights, with the loss that the loop returned.

    ``w = w_1 - (step(w) - w)`` is solved by repetition, which converges where a step is short. None where it does not, where the
    loop returned no loss to check the answer by, or where weights that no gradient changes are among them.
    """
    reference, seen = search.reference, search.seen
    if seen.losses[0] is None or len(search.trained) != len(seen.weights[0]):
        return None
    after, batch, slots = seen.weights[1], search.replay.batch(seen.batches, 0), reference.start[2]
    weights = list(after)
    kept = seen.weights[0]
    try:
        for _ in range(TURNS):
            reference.restore(weights)
            seen.weights[0] = weights
            loss, gradients = search.replay.backward(batch)
            _, landed = search.update(gradients, weights, slots, 0)
            missed = [b.astype(np.float64) - a for a, b in zip(landed, after, strict=True)]
            weights = [(w + m).astype(w.dtype) for w, m in zip(weights, missed, strict=True)]
    finally:
        seen.weights[0] = kept
    bounds = search.ground.bounds[0]
    near = all(
        float(np.abs(miss).max(initial=0)) <= bounds[("weights out", name)]
        for miss, name in zip(missed, search.ground.names, strict=True)
    )
    return weights if near and abs(float(loss) - float(seen.losses[0])) <= max(bounds[LOSS], 1e-5 * abs(float(loss))) else None
