"""From differences to one word: ``identical``, ``round-off``, ``alike`` or ``different``."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lockstep.divergence import Gap, Gaps, Tally
from lockstep.floor import Floor
from shared.records import History

VERDICTS = ("identical", "round-off", "alike", "different")  # from best to worst
FACTOR = 10.0  # a difference of rounding may be this many times the measured floor
BLIND = 1e-3  # a floor above this proves nothing
NEIGHBOURS = 16  # probed steps on each side over which the one-step floor is taken
# Curves agree when no epoch's loss differs by more than this share, nor its accuracy by more than this.
LOSS_SHARE, ACCURACY_POINTS = 0.05, 0.02
ACCURACIES = ("accuracy", "val_accuracy")  # jump by whole examples where rounding decides a tie


@dataclass(frozen=True)
class Judgement:
    """The word and why."""

    verdict: str
    why: str


def judge(tally: Tally, floor: Floor | None, name: str, histories: Sequence[History], expected: tuple[int, int]) -> Judgement:
    """The verdict on one pair.

    Args:
        floor: None only for a pair without any difference, or with NaN.
        name: the side whose single steps the floor holds.
        histories: of both sides.
        expected: how many steps and epochs there were to compare.
    """
    if tally.numbers == 0 or tally.steps == 0:
        return Judgement("different", "nothing was compared, which proves nothing")
    if (tally.steps, tally.epochs) != expected:
        return Judgement("different", f"{tally.steps} of {expected[0]} steps were compared, which proves nothing of the rest")
    if tally.first is None:
        return Judgement("identical", f"{tally.numbers:,} numbers compared, every bit equal")
    if not math.isfinite(tally.max_abs):
        return Judgement("different", "NaN, or tensors of another shape or dtype")
    assert floor is not None
    rounding = _rounding(tally, floor, name)
    if rounding.verdict == "round-off":
        return rounding
    if curves_agree(*histories):
        return Judgement("alike", f"the curves agree, the rest does not: {rounding.why}")
    return Judgement("different", rounding.why)


def _rounding(tally: Tally, floor: Floor, name: str) -> Judgement:
    """``round-off`` where every moment stays near the floor, from its own past and, where probed, from equal state."""
    if tally.first is not None and tally.first.stage == "weights in":
        return Judgement("different", "the sides start from other weights")
    for at, (gaps, ground) in enumerate(zip(tally.gaps, reached(floor.perturbed), strict=True)):
        for key, gap in gaps.items():
            if exact(key) and gap.distance:
                return Judgement("different", f"{_when(tally.gaps, at)} {_named(key)} differs, which no rounding explains")
            if key[1] in ACCURACIES:
                if key[0] != "running metric" and gap.distance > ACCURACY_POINTS:
                    return Judgement("different", f"{_when(tally.gaps, at)} {_named(key)} differs by {gap.distance:.3g}")
            elif ground[key] <= BLIND and not gap.distance <= _bound(gap, ground[key]):
                return Judgement("different", f"{_when(tally.gaps, at)} {_over(key, gap, ground[key])}")
    for step, gaps, ground in zip(floor.probed, floor.sides[name], around(floor.one_step), strict=True):
        for key, gap in gaps.items():
            if key[0] == "running metric" or key[1] in ACCURACIES:
                continue  # a single step starts its own running mean
            if not ground[key] <= BLIND:
                return Judgement(
                    "different", f"at step {step} even the floor of one step is {ground[key]:.3g}: nothing is proved"
                )
            if not gap.distance <= (0 if exact(key) else _bound(gap, ground[key])):
                return Judgement("different", f"taken from equal state, at step {step} {_over(key, gap, ground[key])}")
    return Judgement(
        "round-off", f"within {FACTOR:g} times the measured floor; {len(floor.probed)} single steps from equal state too"
    )


def exact(key: tuple[str, str]) -> bool:
    """What rounding cannot touch: the batch, and the count of steps."""
    return key[0] == "batch" or key == ("slots", "iteration")


def _bound(gap: Gap, ground: float) -> float:
    # No arithmetic can be asked to agree closer than one ULP of a tensor's largest value, even where the floor is zero.
    return FACTOR * max(ground, gap.one)


def _when(gaps: Sequence[Gaps], at: int) -> str:
    """The moment in words: a step, counted through all epochs, or the end of an epoch. Weights are compared at steps alone."""
    steps = sum(any(stage == "weights out" for stage, _ in moment) for moment in gaps[: at + 1])
    ends = at + 1 - steps
    return f"at step {steps}" if any(stage == "weights out" for stage, _ in gaps[at]) else f"at the end of epoch {ends}"


def _named(key: tuple[str, str]) -> str:
    return f"the stage {key[0]!r}, tensor {key[1]},"


def _over(key: tuple[str, str], gap: Gap, ground: float) -> str:
    return f"{_named(key)} differs by {gap.distance:.3g}, and {FACTOR:g} times the floor is {_bound(gap, ground):.3g}"


def reached(measured: Sequence[dict[tuple[str, str], float]]) -> list[dict[tuple[str, str], float]]:
    """For each moment the largest floor so far: three runs may by chance come close again, noise once reached stays possible."""
    highest: dict[tuple[str, str], float] = {}
    floors = []
    for ground in measured:
        highest = highest | {key: max(highest.get(key, 0.0), value) for key, value in ground.items()}
        floors.append(highest)
    return floors


def around(measured: Sequence[dict[tuple[str, str], float]]) -> list[dict[tuple[str, str], float]]:
    """For each probed step the largest floor among its neighbours: of a single number three runs say too little."""
    return [
        {key: max(ground[key] for ground in measured[max(at - NEIGHBOURS, 0) : at + NEIGHBOURS + 1]) for key in measured[at]}
        for at in range(len(measured))
    ]


def curves_agree(left: History, right: History) -> bool:
    """Whether two trainings look the same in their curves, those on the test set included."""
    if not left.loss or len(left.loss) != len(right.loss) or len(left.val_loss) != len(right.val_loss):
        return False
    errors = [[*one.loss, *one.val_loss, *one.mean_absolute_error, *one.val_mean_absolute_error] for one in (left, right)]
    losses = zip(*errors, strict=True)
    accuracies = zip(left.accuracy + left.val_accuracy, right.accuracy + right.val_accuracy, strict=True)
    return all(abs(a - b) <= LOSS_SHARE * max(abs(a), abs(b)) for a, b in losses) and all(
        abs(a - b) <= ACCURACY_POINTS for a, b in accuracies
    )
