"""From simulations that reproduced a loop to named causes."""

from collections.abc import Sequence

from lockstep.auditing.causes import NEAR, Trial
from lockstep.auditing.finding import Cause
from lockstep.verdict import FACTOR


def rivals(trials: Sequence[Trial]) -> list[Trial]:
    """The trials that come as near as the nearest one, the first of each cause; ``trials`` are sorted."""
    nearest = max(min(trial.typical for trial in trials), 1 / FACTOR)  # within the floor itself nothing is nearer
    kept: dict[frozenset[str | None], Trial] = {}
    for trial in trials:
        if trial.typical <= NEAR * nearest:
            kept.setdefault(frozenset(one.trap.cause for one in trial.deviations), trial)
    return list(kept.values())


def unknown(why: str) -> Cause:
    """No cause, said as such."""
    return Cause(
        "unknown",
        "Nothing in the catalogue explains the difference.",
        (why,),
        "Look at the first divergence and at what was measured; compare gradients at that step by hand.",
    )


def ranked(trials: Sequence[Trial]) -> list[Cause]:
    """The causes of trials that reproduce the loop, each code once."""
    found: list[Cause] = []
    for trial in trials:
        for one in trial.deviations:
            if one.trap.cause is None or any(cause.code == one.trap.cause for cause in found):
                continue
            other = next((two.trap.cause for two in trial.deviations if two is not one), None)
            evidence = tuple(
                f"step {e.step}, {e.tensor}: the loop {e.observed:.9g}, the reference {e.reference:.9g}, "
                f"the reference with this {'pair' if other else 'cause'} {e.simulated:.9g}"
                for e in trial.evidence
            )
            title = f"{one.trap.title} Here: {one.variant.detail}." if one.variant.detail else one.trap.title
            found.append(Cause(one.trap.cause, title, evidence, one.trap.remedy, one.trap.stage, other))
    return found
