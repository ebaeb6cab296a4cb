"""Gradients are taken at old weights and applied to the new ones.

A forward pass that is overlapped with the last update, a copy of the weights that is refreshed after the step instead of before
it, or weights that a traced function keeps as constants: the gradient then belongs to weights of a step ago, or for ever to those
of the first step.

Instead: read the variables themselves inside the step, and update them after all gradients are there.

Seen: the first step is right. From the second on the loss is that of the older weights.
"""

from collections.abc import Sequence

from lockstep.auditing.reference import Values
from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._small_nets import classifier
from lockstep.traps._steps import compared, rows


def wrong(weights: Sequence[Values], step: int) -> Values:
    """The weights of the forward pass, of those before each step: one step late."""
    return weights[max(step - 1, 0)]


def right(weights: Sequence[Values], step: int) -> Values:
    """The weights of the forward pass, of those before each step: the present ones."""
    return weights[step]


def first(weights: Sequence[Values], step: int) -> Values:
    """The weights of the forward pass, of those before each step: the first ones, for ever."""
    return weights[0]


def _part(half):
    """The part ``seen``; what is not trained, such as moving statistics, is the layers' own and always present."""

    def seen(self, weights, step):
        pairs = zip(self.reference.weights, half(weights, step), weights[step], strict=True)
        return [old if weight.trainable else now for weight, old, now in pairs]

    return seen


def measure() -> Effect:
    """Digits after 44 steps."""
    numbers = compared(classifier(), {"seen": _part(wrong)}, *rows())
    numbers |= {f"first {name}": value for name, value in compared(classifier(), {"seen": _part(first)}, *rows()).items()}
    return Effect(
        "330 digits after 44 steps of SGD: loss {wrong loss:.4f}, not {right loss:.4f}; with gradients of the first weights for "
        "ever {first wrong loss:.4f}".format(**numbers),
        numbers,
    )


def variants(replay):
    """Everywhere."""
    yield Variant({"seen": _part(wrong)}, "one step late")
    yield Variant({"seen": _part(first)}, "those of the first step")


TRAP = Trap(
    name="stale-gradient",
    text=__doc__,
    source="TensorFlow, tf.function",
    kind="loop",
    cause="gradient-of-stale-weights",
    stage="loss",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
