"""Dropout masks of the loop's own: no mistake, and no step can be compared number by number. What is left is whether the
loop's losses and steps lie among those that the reference has under many masks."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from lockstep.auditing.causes import Search
from lockstep.auditing.finding import Cause
from lockstep.auditing.reference import Values

DRAWS = 32
DEVIATIONS = 5.0  # standard deviations that a loss, and the mean of all, may be from what the draws have
SIZE = 2.0  # by which factor a step may be longer than the longest of the draws, or shorter than the shortest


def own_masks(search: Search) -> Cause | None:
    """The note that only the masks differ, where every step of the loop is one that other masks would give."""
    reference, seen = search.reference, search.seen
    seeds = [at for at, variable in enumerate(reference.others) if "seed_generator" in variable.path]
    if not seeds:
        return None
    generator = np.random.Generator(np.random.PCG64(0))
    distances: list[float] = []
    for step in range(seen.steps):
        losses, lengths = _draws(search, step, seeds, generator, step == 0)
        spread = losses.std()
        if not spread:
            return None
        loss = seen.losses[step]
        if loss is not None:
            distances.append((float(loss) - losses.mean()) / spread)
            if abs(distances[-1]) > DEVIATIONS:
                return None
        if step == 0:
            length = _length(seen.weights[1], seen.weights[0])
            if not lengths.min() / SIZE <= length <= lengths.max() * SIZE:
                return None
    if abs(sum(distances)) > DEVIATIONS * len(distances) ** 0.5:  # each could be, and not all on one side
        return None
    farthest = max(map(abs, distances), default=0.0)
    within = f"within {farthest:.2g} standard deviations"
    evidence = f"under {DRAWS} other masks at each of {seen.steps} steps, the loop's losses lie {within} of the mean"
    return Cause(
        "dropout-mask",
        "The loop draws dropout masks of its own. That is no mistake; beyond it nothing could be compared number by number.",
        (evidence,),
        "To compare to the bit, use the model's own Dropout layers, or the masks that they draw.",
        "logits",
    )


def _draws(
    search: Search, step: int, seeds: Sequence[int], generator: np.random.Generator, update: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Losses under other masks, and how long the first step would be."""
    reference, replay, seen = search.reference, search.replay, search.seen
    losses, lengths = [], []
    batch = seen.batches[step]
    for _ in range(DRAWS):
        others = list(reference.start[1])
        for at in seeds:
            others[at] = generator.integers(0, 2**31, others[at].shape).astype(others[at].dtype)
        reference.write(reference.others, others)
        reference.write(reference.weights, seen.weights[step])
        if update:
            reported, gradients = replay.backward(batch)
            _, weights = search.update(gradients, seen.weights[step], reference.start[2], step)
            lengths.append(_length(weights, seen.weights[step]))
        else:
            reported = replay.losses(replay.network.forward(tf.constant(batch.x)), batch)[1].numpy()
        losses.append(float(reported))
    return np.array(losses), np.array(lengths)


def _length(after: Values, before: Values) -> float:
    return float(np.sqrt(sum(((a.astype(np.float64) - b) ** 2).sum() for a, b in zip(after, before, strict=True))))
