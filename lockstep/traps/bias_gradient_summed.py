"""The gradient of a bias is summed over the examples where that of the kernel is averaged.

S2's code divides both by m. The `db` printed below it are sums: twice the truth, since m is 2. The printed `dW` are averages.
Whoever changes the code until it prints those numbers trains biases at m times the rate of the kernels.

Instead: trust the gradient check, not the printed number: db = sum(dZ) / m.

Seen: a gradient check fails for the biases alone, by a factor of m: relative distance (m - 1) / (m + 1).
"""

import numpy as np

from lockstep.traps import Effect, Trap
from lowlevel.ladder.numpy_by_hand import linear_backward as right

Cache = tuple[np.ndarray, np.ndarray, np.ndarray]


def wrong(dZ: np.ndarray, cache: Cache) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(dA_prev, dW, db), as printed; dZ (n, m), cache A_prev (n_prev, m), W (n, n_prev), b (n, 1)."""
    A_prev, W, _ = cache
    m = A_prev.shape[1]
    return W.T @ dZ, dZ @ A_prev.T / m, dZ.sum(axis=1, keepdims=True)


def measure() -> Effect:
    """The notes' example (seed 1): db, and its distance from differences of the cost whose gradient by Z is dZ."""
    draw = np.random.RandomState(1).randn  # a generator of our own, with the numbers of np.random.seed(1)
    dZ, A_prev, W, b = draw(1, 2), draw(3, 2), draw(1, 3), draw(1, 1)

    def cost(b: np.ndarray) -> float:
        return float(np.mean(dZ * (W @ A_prev + b)))

    slope, numbers = (cost(b + 0.5) - cost(b - 0.5)) / 1.0, {}  # the cost is linear in b: any step is exact
    for name, backward in (("wrong", wrong), ("right", right)):
        db = float(backward(dZ, (A_prev, W, b))[2][0, 0])
        numbers[f"{name} db"] = db
        numbers[f"{name} check"] = abs(db - slope) / (abs(db) + abs(slope))
    return Effect(
        "db {wrong db:.8f}, not {right db:.8f}; relative distance in a gradient check {wrong check:.4f}, not "
        "{right check:.1g}".format(**numbers),
        numbers,
    )


TRAP = Trap(
    name="bias-gradient-summed",
    text=__doc__,
    source="S2.5",
    met="S2.5",
    kind="notes",
    wrong=wrong,
    right=right,
    measure=measure,
)
