"""The sides that can be compared: each a name and a way to make a trainer."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from shared.errors import InputError
from shared.protocols import Trainer
from shared.rungs import RUNGS, check_rung
from shared.spec import ModelSpec, TrainSpec

NAMES = (*RUNGS, "eager", "graph", "epoch", "keras", "graph-xla", "epoch-xla", "keras-xla")
ALIASES = {"xla": "epoch-xla"}
IN_WORDS = {
    "numpy": "by hand in NumPy, in float64",
    "tf1": "a TensorFlow 1 graph in a session",
    "tf2": "the functions of the TensorFlow 2 courses",
    "tf2-graph": "the functions of the TensorFlow 2 courses, as graphs",
    "eager": "raw TensorFlow, run from Python",
    "graph": "raw TensorFlow, one tf.function a step",
    "epoch": "raw TensorFlow, all full batches of an epoch in one tf.function",
    "keras": "Keras's compile and fit",
}
IN_WORDS |= {f"{name}-xla": f"{IN_WORDS[name]}, compiled by XLA" for name in ("graph", "epoch", "keras")}


def _takes_all(model: ModelSpec, train: TrainSpec) -> None:
    """Nothing to refuse."""


@dataclass(frozen=True)
class Side:
    """One contestant. ``make(model, train)`` returns a new ``shared.protocols.Trainer`` each time.

    ``check(model, train)`` raises ``InputError``, without waiting for TensorFlow, for what this side has no code for.
    """

    name: str
    make: Callable[[ModelSpec, TrainSpec], Trainer]
    check: Callable[[ModelSpec, TrainSpec], None] = _takes_all


def side(given: str | Side) -> Side:
    """The side of that name; a ``Side`` is returned as it is.

    Raises:
        InputError: no such name.
    """
    if isinstance(given, Side):
        return given
    name = ALIASES.get(given, given)
    if name not in NAMES:
        raise InputError(f"A side is one of {', '.join((*NAMES, *ALIASES))}. Received: {given!r}. Use --sides epoch,keras.")
    form, _, xla = name.partition("-")

    def make(model: ModelSpec, train: TrainSpec) -> Trainer:
        # Imported here, so that a wrong name is refused before TensorFlow is waited for.
        if name in RUNGS:
            from lowlevel.ladder import trainers

            return trainers.get(name)(model, train)
        if form == "keras":
            import highlevel

            return highlevel.Trainer(model, train, jit_compile=bool(xla))
        import lowlevel

        return lowlevel.Trainer(model, train, execution=form, jit_compile=bool(xla))

    return Side(name, make, partial(check_rung, name) if name in RUNGS else _takes_all)


def sides_of(given: Any) -> list[Side]:
    """Two or more different sides, from names and ``Side`` objects; a string of names is split at commas.

    Raises:
        InputError: fewer than two, or one twice.
    """
    found = [side(one) for one in (given.split(",") if isinstance(given, str) else given)]
    names = [one.name for one in found]
    if len(found) < 2 or len(set(names)) < len(names):
        raise InputError(f"A comparison needs two or more different sides. Received: {', '.join(names)}. Use epoch,keras.")
    return found
