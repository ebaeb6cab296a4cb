"""The optimiser forgets: its moments start at 0 again in every step, or in every epoch.

The optimiser is made inside the step or inside the loop over the epochs, or its slots are. Adam then moves every weight by
about the learning rate in the direction of a sign. The other way about, a loop begins with an empty optimiser, and the model
was trained before, so that its optimiser is warm.

Instead: make the optimiser once, before the loop. To continue a training, hand its variables over too.

Seen: the first step is right, and the weights differ after the second; or after the first step of the second epoch, which
takes more than one epoch to see. With plain momentum, slots that start anew in every step are the same as no momentum.
"""

import keras
import numpy as np

from lockstep.auditing.replay import Replay
from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._updates import effect, has_schedule

right = Replay.emptied


def wrong(self: Replay) -> list[int]:
    """Numbers of the optimiser's variables that are made anew before this step: all."""
    return list(range(len(self.slots)))


def slots_only(self: Replay) -> list[int]:
    """All but the counter."""
    return wrong(self)[1:]


def each_epoch(self: Replay) -> list[int]:
    """All, at the first step of an epoch."""
    return [] if self.step % self.steps_per_epoch else wrong(self)


def slots_each_epoch(self: Replay) -> list[int]:
    """All but the counter, at the first step of an epoch."""
    return each_epoch(self)[1:]


def measure() -> Effect:
    """On digits."""
    return effect(variants, keras.optimizers.Adam(1e-3, name="adam"))


def variants(replay):
    """Where the optimiser has variables beside its counter and its rate; the counter matters where a rule or a rate reads it."""
    if not any("learning_rate" not in slot.name for slot in replay.slots[1:]):
        return
    plain = bool(replay.train) and replay.train.optimizer == "sgd" and not replay.train.nesterov
    counted = not replay.train or replay.train.optimizer in ("adam", "adamw", "nadam") or has_schedule(replay)
    if not plain:
        yield Variant({"emptied": wrong}, "made anew in every step")
    if not plain and counted:
        yield Variant({"emptied": slots_only}, "the slots are made anew in every step, the counter goes on")
    if replay.steps_per_epoch > 1:
        yield Variant({"emptied": each_epoch}, "made anew in every epoch")
        if counted:
            yield Variant({"emptied": slots_each_epoch}, "the slots are made anew in every epoch, the counter goes on")
    if any(not np.array_equal(*pair) for pair in zip(replay.reference.start[2], replay.fresh, strict=True)):
        yield Variant({"first_slots": unused}, "the loop's optimiser starts empty, the model's has been used before")


def unused(self: Replay, slots: list[np.ndarray]) -> list[np.ndarray]:
    """The optimiser's variables before the first step, as if it had never been used."""
    return self.fresh


TRAP = Trap(
    name="optimizer-slots-reset",
    text=__doc__,
    source="loops",
    kind="loop",
    cause="optimizer-slots-reset",
    stage="weights out",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
