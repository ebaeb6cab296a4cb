"""From differences to one word: ``identical``, ``round-off``, ``alike`` or ``different``."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lockstep.divergence import Tally
from lockstep.floor import Floor
from shared.records import History

VERDICTS = ("identical", "round-off", "alike", "different")  # from best to worst
FACTOR = 10.0  # a difference of rounding may be this many times the measured floor
BLIND = 1e-3  # a floor above this proves nothing
NEIGHBOURS = 16  # probed steps on each side over which the one-step floor is taken
# Accuracy jumps by whole examples and the counter by whole steps, so rounding is judged on the stages that vary smoothly.
SMOOTH = ("logits", "example losses", "loss", "gradients", "slots", "weights out")
# Curves agree when no epoch's loss differs by more than this share, nor its accuracy by more than this.
LOSS_SHARE, ACCURACY_POINTS = 0.05, 0.02


@dataclass(frozen=True)
class Judgement:
    """The word and why."""

    verdict: str
    why: str


def judge(tally: Tally, floor: Floor | None, name: str, histories: Sequence[History]) -> Judgement:
    """The verdict on one pair. ``floor`` may be None only for a pair without any difference."""
    if tally.numbers == 0 or tally.steps == 0:
        return Judgement("different", "nothing was compared, which proves nothing")
    if tally.first is None:
        return Judgement("identical", f"{tally.numbers:,} numbers compared, every bit equal")
    if not math.isfinite(tally.max_abs):
        return Judgement("different", "NaN, or tensors of another shape or dtype")
    assert floor is not None
    rounding = _rounding(tally, floor, name)
    if rounding.verdict == "round-off":
        return rounding
    if curves_agree(*histories):
        return Judgement("alike", f"the curves agree, the weights do not: {rounding.why}")
    return Judgement("different", rounding.why)


def _rounding(tally: Tally, floor: Floor, name: str) -> Judgement:
    """``round-off`` where every step stays near the floor, from its own past and from equal state."""
    for step, (gaps, scales, ground) in enumerate(zip(tally.gaps, tally.scales, reached(floor.perturbed), strict=True), start=1):
        if any(ground[stage] > BLIND for stage in SMOOTH):
            continue
        over = _above(gaps, ground, scales)
        if over:
            return Judgement("different", f"at step {step} {over}")
    for step, gaps, ground in zip(floor.probed, floor.sides[name], around(floor.one_step), strict=True):
        over = _above(gaps, ground, tally.scales[step - 1])
        if over:
            return Judgement("different", f"taken from equal state, at step {step} {over}")
    return Judgement("round-off", f"within {FACTOR:g} times the measured floor at every step")


def reached(measured: Sequence[dict[str, float]]) -> list[dict[str, float]]:
    """For each step the largest floor so far: three runs may by chance come close again, noise once reached stays possible."""
    highest = dict.fromkeys(SMOOTH, 0.0)
    floors = []
    for ground in measured:
        highest = {stage: max(value, ground.get(stage, 0.0)) for stage, value in highest.items()}
        floors.append(highest)
    return floors


def around(measured: Sequence[dict[str, float]]) -> list[dict[str, float]]:
    """For each probed step the largest floor among its neighbours: of a single number three runs say too little."""
    return [
        {
            stage: max(ground.get(stage, 0.0) for ground in measured[max(at - NEIGHBOURS, 0) : at + NEIGHBOURS + 1])
            for stage in SMOOTH
        }
        for at in range(len(measured))
    ]


def _above(gaps: dict[str, float], ground: dict[str, float], scales: dict[str, float]) -> str:
    for stage in SMOOTH:
        # No arithmetic can be asked to agree closer than one ULP of the largest value, even where the floor is zero.
        bound = FACTOR * max(ground.get(stage, 0.0), scales.get(stage, 0.0))
        found = gaps.get(stage, 0.0)
        if not found <= bound:
            return f"the stage {stage!r} differs by {found:.3g}, and {FACTOR:g} times the floor is {bound:.3g}"
    return ""


def curves_agree(left: History, right: History) -> bool:
    """Whether two trainings look the same in their curves."""
    if len(left.loss) != len(right.loss) or not left.loss:
        return False
    losses = all(abs(a - b) <= LOSS_SHARE * max(abs(a), abs(b)) for a, b in zip(left.loss, right.loss, strict=True))
    accuracies = all(abs(a - b) <= ACCURACY_POINTS for a, b in zip(left.accuracy, right.accuracy, strict=True))
    return losses and accuracies
