"""The cost is the sum over the examples: the division by m was forgotten.

S2's formula divides by m, and its `compute_cost` reads m and does not use it. The gradients of S2 are written by hand and do
divide, so the net learns as it should, but the cost is m times too large and no longer what the gradients belong to.

Instead: divide by the number of examples.

Seen: a gradient check fails, by a factor of m throughout. Where the gradient is taken of this cost itself it is the trap
sum-differentiated.
"""

from collections.abc import Callable

import numpy as np

from lockstep.traps import Effect, Trap
from lowlevel.ladder.numpy_by_hand import compute_cost as right


def wrong(AL: np.ndarray, Y: np.ndarray) -> float:
    """Binary cross-entropy, summed; AL and Y (1, m)."""
    return float(-np.sum(np.multiply(Y, np.log(AL)) + np.multiply(1 - Y, np.log(1 - AL))))


def measure() -> Effect:
    """Cost of five examples, and how far the gradient by hand, (A - Y) / m, is from the cost's differences."""
    Z, Y = np.array([[1.4, 2.2, -0.4, -0.8, 0.4]]), np.array([[1.0, 1.0, 0.0, 0.0, 1.0]])
    numbers = {}
    for name, cost in (("wrong", wrong), ("right", right)):
        numbers[f"{name} cost"] = cost(_sigmoid(Z), Y)
        numbers[f"{name} check"] = _distance((_sigmoid(Z) - Y) / Y.shape[1], _differences(cost, Z, Y))
    return Effect(
        "5 examples: cost {wrong cost:.6f}, not {right cost:.6f}; relative distance in a gradient check {wrong check:.4f}, "
        "not {right check:.1g}".format(**numbers),
        numbers,
    )


def _sigmoid(Z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-Z))


def _differences(cost: Callable, Z: np.ndarray, Y: np.ndarray, step: float = 1e-6) -> np.ndarray:
    """Slope of the cost along each entry of Z (1, m), by central differences."""
    moves = step * np.eye(Z.size)
    return np.array([[(cost(_sigmoid(Z + move), Y) - cost(_sigmoid(Z - move), Y)) / (2 * step) for move in moves]])


def _distance(a: np.ndarray, b: np.ndarray) -> float:
    """The courses' measure of a gradient check: |a - b| / (|a| + |b|)."""
    return float(np.linalg.norm(a - b) / (np.linalg.norm(a) + np.linalg.norm(b)))


TRAP = Trap(
    name="cost-without-mean",
    text=__doc__,
    source="S2.4",
    met="S2.4",
    kind="notes",
    cause="loss-sum-not-mean",
    wrong=wrong,
    right=right,
    measure=measure,
)
