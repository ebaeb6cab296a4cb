"""A function that NumPy does not have: `np.muliply`.

S2's `compute_cost` calls it. Python looks a name up when the line runs, so the file loads, the forward pass works, and the
error comes at the first cost.

Instead: write `np.multiply`, and let a type checker such as mypy read the file: it finds the name without running anything,
and so the wrong half here needs a note to be let through.

Seen: AttributeError at the first call.
"""

import numpy as np

from lockstep.traps import Effect, Trap
from lowlevel.ladder.numpy_by_hand import compute_cost as right


def wrong(AL: np.ndarray, Y: np.ndarray) -> float:
    """Binary cross-entropy, averaged; AL and Y (1, m)."""
    m = Y.shape[1]
    return float(-np.sum(np.muliply(Y, np.log(AL)) + np.multiply(1 - Y, np.log(1 - AL))) / m)  # type: ignore[attr-defined]


def measure() -> Effect:
    """What the call raises, and the cost that was wanted."""
    AL, Y = np.array([[0.8, 0.9, 0.4]]), np.array([[1.0, 1.0, 1.0]])
    try:
        wrong(AL, Y)
        raised = "nothing"
    except AttributeError as error:
        raised = f"AttributeError: {error}"
    cost = right(AL, Y)
    return Effect(f"{raised}; the cost of the three examples is {cost:.6f}", {"right cost": cost})


TRAP = Trap(
    name="misspelt-multiply",
    text=__doc__,
    source="S2.4",
    met="S2.4",
    kind="notes",
    wrong=wrong,
    right=right,
    measure=measure,
)
