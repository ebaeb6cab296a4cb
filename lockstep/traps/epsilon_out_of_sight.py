"""A test of Adam uses gradients of 3 and 5, beside which epsilon cannot be seen.

Sonnet's test of its Adam takes three steps with such gradients. Adam divides by about the gradient's length, and an epsilon of
1e-8 beside 5 is below float32's last digit wherever it stands: outside the root, inside it, or left out. The test passes them
all.

Instead: test with gradients as small as epsilon, and with one that is 0.

Seen: only in training: weights whose gradients are small move at another rate.
"""

from collections.abc import Callable

import numpy as np

from lockstep.traps import Effect, Trap

Denominator = Callable[[np.ndarray], np.ndarray]  # of the corrected second moment
EPSILON = 1e-8


def outside(v: np.ndarray) -> np.ndarray:
    """As the paper has it."""
    return np.sqrt(v) + EPSILON


def inside(v: np.ndarray) -> np.ndarray:
    """Epsilon stands under the root."""
    return np.sqrt(v + EPSILON)


def adam(gradient: np.ndarray, denominator: Denominator, steps: int = 3) -> np.ndarray:
    """How far weights have moved after some steps with one gradient, at the rate 0.001."""
    m, v, moved = (np.zeros_like(gradient) for _ in range(3))
    for t in range(1, steps + 1):
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        moved = moved - 0.001 * (m / (1 - 0.9**t)) / denominator(v / (1 - 0.999**t))
    return moved


def wrong(denominator: Denominator) -> bool:
    """Whether an Adam passes the test."""
    return np.allclose(adam(np.array([5.0, 3.0]), denominator), [-0.003, -0.003], rtol=1e-6)


def right(denominator: Denominator) -> bool:
    """Whether an Adam passes the test; with gradients like epsilon's, the step is g / (|g| + epsilon)."""
    gradient = np.array([1e-8, 3e-8])
    return np.allclose(adam(gradient, denominator), -0.003 * gradient / (gradient + EPSILON), rtol=1e-6)


def measure() -> Effect:
    """Whether the tests pass the two Adams, and how far these are apart."""
    numbers: dict[str, float] = {}
    for name, test in (("wrong", wrong), ("right", right)):
        numbers |= {f"{name} passes outside": test(outside), f"{name} passes inside": test(inside)}
    for size in (5.0, 1e-8):
        moved = [adam(np.array([size]), rule)[0] for rule in (outside, inside)]
        numbers[f"difference at {size:g}"] = abs(moved[0] - moved[1])
    return Effect(
        "an Adam with epsilon inside the root passes: {wrong passes inside}, not {right passes inside}; after 3 steps it is off "
        "by {difference at 5:.1e} where gradients are 5, and by {difference at 1e-08:.1e} of 1.5e-3 where they are 1e-8".format(
            **numbers
        ),
        numbers,
    )


TRAP = Trap(
    name="epsilon-out-of-sight",
    text=__doc__,
    source="Sonnet",
    met="Sonnet, adam_test.py",
    kind="test",
    wrong=wrong,
    right=right,
    measure=measure,
)
