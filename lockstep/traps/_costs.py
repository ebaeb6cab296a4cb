"""How the cost of an epoch comes about, batch by batch; three traps differ in what is added for a batch."""

from collections.abc import Callable, Sequence

import numpy as np

from lowlevel.metrics import Mean

LOSSES = (np.arange(4.0), np.array([4.0]))  # S0.10: five losses in batches of four and one; their mean is 2


def epoch_cost(add: Callable[[Mean, float, int], None], batches: Sequence[np.ndarray]) -> float:
    """The running mean at the end of an epoch, where ``add`` takes in a batch's sum and size."""
    mean = Mean()
    for losses in batches:
        add(mean, losses.sum(), len(losses))
    return float(mean.result())


def equal_losses(examples: int, batch_size: int, drop_remainder: bool = False) -> list[np.ndarray]:
    """Batches of examples that all have loss 1, so that the true cost is 1."""
    last = examples - examples % batch_size if drop_remainder else examples
    return [np.ones(min(batch_size, last - first)) for first in range(0, last, batch_size)]
