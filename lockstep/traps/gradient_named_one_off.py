"""The gradient of a layer's input is filed under the number of its output.

Going backwards through layer l gives dW and db of layer l and the gradient of what came in, which is A of layer l - 1. S2's
code files all three under l. So its `grads["dA2"]` is the gradient of A1, its `grads["dA1"]` that of the data, and the
gradient of the last output is lost. The `dA1` printed in the notes is the true one, and the notes' own code has it as
`grads["dA2"]`.

Instead: file the gradient of the input under l - 1. `lowlevel/ladder/numpy_by_hand.py` keeps the names of the course, whose
checks want them, and says what they hold.

Seen: the shape. `dA1` must have the shape of `A1`; it has that of the data.
"""

from collections.abc import Sequence

import numpy as np

from lockstep.traps import Effect, Trap
from lockstep.traps.bias_gradient_summed import Cache
from lowlevel.ladder.numpy_by_hand import linear_backward

Layer = tuple[Cache, np.ndarray]  # what linear_backward needs, and Z (n, m)


def wrong(dAL: np.ndarray, layers: Sequence[Layer]) -> dict[str, np.ndarray]:
    """Gradients by name, from that of the last output; sigmoid last, relu before."""
    grads, dA = {}, dAL
    for number, (cache, Z) in reversed(list(enumerate(layers, start=1))):
        dZ = dA * _slope(Z, last=number == len(layers))
        dA, grads[f"dW{number}"], grads[f"db{number}"] = linear_backward(dZ, cache)
        grads[f"dA{number}"] = dA
    return grads


def right(dAL: np.ndarray, layers: Sequence[Layer]) -> dict[str, np.ndarray]:
    """Gradients by name, from that of the last output; sigmoid last, relu before."""
    grads, dA = {f"dA{len(layers)}": dAL}, dAL
    for number, (cache, Z) in reversed(list(enumerate(layers, start=1))):
        dZ = dA * _slope(Z, last=number == len(layers))
        dA, grads[f"dW{number}"], grads[f"db{number}"] = linear_backward(dZ, cache)
        grads[f"dA{number - 1}"] = dA
    return grads


def _slope(Z: np.ndarray, last: bool) -> np.ndarray:
    """Derivative of sigmoid or relu."""
    A = 1 / (1 + np.exp(-Z))
    return A * (1 - A) if last else (Z > 0) * 1.0


def example() -> tuple[np.ndarray, list[Layer]]:
    """The notes' example (seed 3): the gradient of the last output, and two layers of 3 and 1 units on 4 inputs; m = 2."""
    draw = np.random.RandomState(3).randn
    AL, Y = draw(1, 2), np.array([[1, 0]])
    layers = []
    for inputs, units in ((4, 3), (3, 1)):
        A_prev, W, b, Z = draw(inputs, 2), draw(units, inputs), draw(units, 1), draw(units, 2)
        layers.append(((A_prev, W, b), Z))
    return -(Y / AL - (1 - Y) / (1 - AL)), layers


def measure() -> Effect:
    """What stands under dA1 in the notes' example."""
    wrong_dA1, right_dA1 = (half(*example())["dA1"] for half in (wrong, right))
    numbers = {
        "wrong rows": wrong_dA1.shape[0],
        "wrong first": wrong_dA1[0, 0],
        "right rows": right_dA1.shape[0],
        "right first": right_dA1[0, 0],
    }
    return Effect(
        "dA1 of the notes' example has {wrong rows} rows, not {right rows}, and begins with {wrong first:.4g}, not "
        "{right first:.8f}".format(**numbers),
        numbers,
    )


TRAP = Trap(
    name="gradient-named-one-off",
    text=__doc__,
    source="S2.5",
    met="S2.5",
    kind="notes",
    wrong=wrong,
    right=right,
    measure=measure,
)
