"""From what was seen of a loop to a finding: compare with ``fit``, judge, and ask for causes."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from lockstep.auditing import start
from lockstep.auditing.causes import Search, Trial, deviations_of
from lockstep.auditing.endings import covered, ended
from lockstep.auditing.epochs import Said
from lockstep.auditing.facts import facts
from lockstep.auditing.faults import fault_line, no_update, with_fault
from lockstep.auditing.finding import Cause, Finding
from lockstep.auditing.ground import LOSS, Distances, Ground, Key, distances, key
from lockstep.auditing.masks import own_masks
from lockstep.auditing.naming import ranked, rivals, unknown
from lockstep.auditing.observe import Observed, not_finite
from lockstep.auditing.reference import Reference, Step
from lockstep.auditing.replay import Replay
from lockstep.divergence import Divergence, gap, same_bits
from lockstep.traps import loops
from lockstep.verdict import BLIND, FACTOR, LOSS_SHARE
from shared.errors import InputError
from shared.spec.rules import line


def analyse(comparison: "Comparison", said: Sequence[Said] = (), expected: int | None = None) -> Finding:
    """The finding on a loop that was run.

    Args:
        said: what it said at the ends of epochs.
        expected: how many steps it should have taken; as many as it took where None.
    """
    seen, reference = comparison.seen, comparison.reference
    if not seen.steps:
        return with_fault(seen, Finding(verdict="different", why=fault_line(seen), first=None, notes=seen.notes))
    try:
        with reference.watched():
            comparison.run()
            finding = comparison.judge()
            if comparison.finite and finding.verdict in ("alike", "different"):
                finding = comparison.explained(finding)
            elif comparison.finite and expected is not None and seen.fault is None:
                finding = covered(finding, seen, expected, comparison.batch_size, len(comparison.data[0]))
            if comparison.finite and said:
                finding = ended(finding, seen, comparison.single, said, comparison.replay())
    finally:
        reference.restore()
    return with_fault(seen, finding) if seen.fault is not None else finding


class Comparison:
    """One loop against its reference: ``run``, then ``judge``, then ``explained``.

    Args:
        seen: the loop.
        reference: within ``watched`` from ``run`` on.
        names: of the weights that both have.
        batch_size, data: as the person gave them.
        own_batches: which rows the loop's steps took is not known.

    Attributes:
        rivals: after ``explained``, the trials of different causes that the data cannot tell apart, the nearest first.
    """

    def __init__(
        self,
        seen: Observed,
        reference: Reference,
        names: Sequence[str],
        batch_size: int,
        data: tuple[np.ndarray, np.ndarray],
        own_batches: bool = False,
    ) -> None:
        self.seen, self.reference, self.names = seen, reference, tuple(names)
        self.batch_size, self.data, self.own_batches = batch_size, data, own_batches
        self.finite = True
        self.rivals: list[Trial] = []

    def run(self) -> None:
        """Train the reference from its own weights and from the loop's, and measure what rounding may do."""
        seen = self.seen
        at = seen.weights[: seen.steps]
        try:
            self.free = self.reference.run(seen.batches)
        except Exception as error:  # Keras raises what it likes
            raise InputError(
                f"The reference must be able to train on x and y. Received: {type(error).__name__}: {line(str(error))}. "
                "Try model.fit(x, y) first."
            ) from None
        self.single = self.reference.run(seen.batches, at)
        steps = (*self.free, *self.single)
        self.finite = not any(not_finite(step.loss, step.weights, self.names) for step in steps)
        if self.finite:
            self.ground = Ground(self.reference, self.names, seen.batches, at, self.free, self.single)

    def judge(self) -> Finding:
        """The verdict, the first divergence and the facts."""
        seen = self.seen
        observed = list(zip(seen.losses, seen.weights[1:], strict=True))
        first_bit = self._first_bit()
        gaps = [
            gap(_cast(a, b), b)
            for (_, ours), step in zip(observed, self.free, strict=True)
            for a, b in zip(ours, step.weights, strict=True)
        ]
        largest: dict[str, Any] = {
            "max_abs": max(one[0] for one in gaps),
            "max_ulp": max(one[1] for one in gaps),
            "steps": seen.steps,
        }
        notes = [*seen.notes, *self._dtypes()]
        if not self.finite:
            text = next(filter(None, (not_finite(step.loss, step.weights, self.names) for step in self.free)), "")
            return Finding(verdict="different", why=f"the reference itself: {text}", first=first_bit, notes=notes, **largest)
        free = [distances(self.names, ours, (step.loss, step.weights)) for ours, step in zip(observed, self.free, strict=True)]
        single = [
            distances(self.names, ours, (step.loss, step.weights)) for ours, step in zip(observed, self.single, strict=True)
        ]
        self.over = [_over(found, bound) for found, bound in zip(single, self.ground.bounds, strict=True)]
        local = [step for step, ratios in enumerate(self.over, start=1) if not max(ratios.values()) <= 1]
        drifted = [
            step
            for step, (found, bound) in enumerate(zip(free, self.ground.free_bounds, strict=True), start=1)
            if any(bound[k] <= FACTOR * BLIND and not found[k] <= bound[k] for k in found)
        ]
        if first_bit is None and not notes_on_dtype(notes):
            count = sum(value.size for step in self.free for value in step.weights)
            why = f"{count:,} weights compared, every bit equal"
            return Finding(verdict="identical", why=why, first=None, notes=notes, **largest)
        starts_elsewhere = first_bit is not None and first_bit.stage == "weights in"
        if not local and not drifted and not starts_elsewhere:
            why = f"within {FACTOR:g} times the measured floor at each of {seen.steps} steps, from equal weights too"
            return Finding(verdict="round-off", why=why, first=first_bit, notes=notes, **largest)
        if starts_elsewhere:
            first, times, why = first_bit, 0.0, "the loop starts from other weights"
        elif local:
            first, times = self._first(local[0], self.single[local[0] - 1], self.ground.bounds, single)
            why = f"{len(local)} of {seen.steps} steps differ beyond rounding, taken from equal weights"
        else:
            first, times = self._first(drifted[0], self.free[drifted[0] - 1], self.ground.free_bounds, free)
            why = "each step is within rounding, and together they drift further than rounding does"
        return Finding(
            verdict="alike" if self._curves_agree() else "different",
            why=why,
            first=first,
            over=times,
            local=tuple(local),
            facts=facts(seen, self.single, self.over, self.names),
            notes=notes,
            **largest,
        )

    def explained(self, finding: Finding) -> Finding:
        """The finding with its causes, the likeliest first; ``unknown`` where there are none."""
        own = [self._initial()] if self._starts_elsewhere() else []
        if self.seen.still:
            return _with(finding, [*own, no_update(self.seen)])
        replay = self.replay()
        if isinstance(replay, str):
            return _with(finding, own or [unknown(f"the reference cannot be taken apart ({replay}), so no cause was tried")])
        if not any(not max(ratios.values()) <= 1 for ratios in self.over):
            return _with(finding, own or [unknown("each step taken by itself is within rounding")])
        search = self.search(replay)
        if self._reference_is_its_own(search):
            why = "the reference has a train_step or a loss of its own that cannot be replayed in parts"
            return _with(finding, own or [unknown(why)])
        deviations = [one for one in deviations_of(replay, loops()) if not one.variant.figures]
        trials = search.explain(deviations)
        if trials:
            self.rivals = rivals(trials)
            return _with(finding, [*own, *ranked(trials)])
        masks = own_masks(search)
        if masks is not None:
            why = "the loop draws dropout masks of its own, and its losses are among those that other masks give"
            return replace(_with(finding, [*own, masks]), verdict="alike", why=why)
        if self.own_batches and not own and (begun := start.found(search)) is not None:
            evidence = "going back from its first step gives weights from which that step has the loop's loss"
            return _with(finding, [self._initial(begun, evidence)])
        return _with(finding, own or [unknown("no trap of the catalogue, and no two of them, reproduce what the loop did")])

    def search(self, replay: Replay) -> Search:
        """The search for causes; what it finds is shown at the first step that differs."""
        first = next((step for step, ratios in enumerate(self.over) if not max(ratios.values()) <= 1), 0)
        return Search(replay, self.seen, self.ground, self.single, first)

    def replay(self) -> Replay | str:
        """The reference's step in parts, or why it cannot be taken apart."""
        try:
            return Replay(self.reference, self.batch_size, *self.data, self.own_batches)
        except TypeError as error:
            return str(error)

    def _reference_is_its_own(self, search: Search) -> bool:
        """Whether the replay without any deviation fails to reproduce the reference."""
        own = Observed(self.seen.batches, self.seen.weights, [step.loss for step in self.single])
        ours = Search(search.replay, own, self.ground, self.single)
        ours.target = [step.weights for step in self.single]
        return ours.null().failed is not None

    def _first_bit(self) -> Divergence | None:
        for name, a, b in zip(self.names, self.seen.weights[0], self.reference.start[0], strict=True):
            if not same_bits(_cast(a, b), b):
                return Divergence(1, 1, "weights in", name, *gap(_cast(a, b), b))
        for number, (batch, step) in enumerate(zip(self.seen.batches, self.free, strict=True), start=1):
            loss = self.seen.losses[number - 1]
            named = [] if loss is None else [(*LOSS, _cast(loss, step.loss), step.loss)]
            named += [
                (*key(name), _cast(a, b), b)
                for name, a, b in zip(self.names, self.seen.weights[number], step.weights, strict=True)
            ]
            for stage, name, a, b in named:
                if not same_bits(np.asarray(a), np.asarray(b)):
                    return Divergence(batch.epoch, number, stage, name, *gap(np.asarray(a), np.asarray(b)))
        return None

    def _first(self, step: int, true: Step, bounds: Sequence[Distances], found: Sequence[Distances]) -> tuple[Divergence, float]:
        """The first tensor of a step that is out of bounds, and how far above the floor it is."""
        bound, distance = bounds[step - 1], found[step - 1]
        what: Key = next(k for k in distance if not distance[k] <= bound[k])
        if what == LOSS:
            loss = self.seen.losses[step - 1]
            assert loss is not None
            sizes = gap(np.asarray(_cast(loss, true.loss)), np.asarray(true.loss))
        else:
            at = self.names.index(what[1])
            sizes = gap(_cast(self.seen.weights[step][at], true.weights[at]), true.weights[at])
        floor = bound[what] / FACTOR
        return Divergence(self.seen.batches[step - 1].epoch, step, *what, *sizes), distance[what] / floor if floor else np.inf

    def _starts_elsewhere(self) -> bool:
        return any(not same_bits(_cast(a, b), b) for a, b in zip(self.seen.weights[0], self.reference.start[0], strict=True))

    def _initial(self, begun: Sequence[np.ndarray] | None = None, *evidence: str) -> Cause:
        weights = zip(self.names, self.seen.weights[0] if begun is None else begun, self.reference.start[0], strict=True)
        differing = [
            f"{name}: largest difference {gap(_cast(a, b), b)[0]:.3g}" for name, a, b in weights if not same_bits(_cast(a, b), b)
        ]
        return Cause(
            "initial-weights",
            "The loop starts from other weights than the model.",
            (*evidence, *differing[:4]),
            "Copy the model's weights into your variables before the first step.",
            "weights in",
        )

    def _dtypes(self) -> list[str]:
        theirs = {str(value.dtype) for value in self.reference.start[0]}
        ours = {str(value.dtype) for value in self.seen.weights[0]}
        if ours == theirs:
            return []
        kinds = f"the variables are {', '.join(sorted(ours))}, the model's weights {', '.join(sorted(theirs))}"
        return [f"dtype: {kinds}; bits cannot be equal"]

    def _curves_agree(self) -> bool:
        pairs = [(float(a), float(b.loss)) for a, b in zip(self.seen.losses, self.free, strict=True) if a is not None]
        return bool(pairs) and all(abs(a - b) <= LOSS_SHARE * max(abs(a), abs(b)) for a, b in pairs)


def notes_on_dtype(notes: Sequence[str]) -> bool:
    """Whether one of the notes says that the types differ."""
    return any(note.startswith("dtype:") for note in notes)


def _with(finding: Finding, causes: list[Cause]) -> Finding:
    return replace(finding, causes=[*finding.causes, *causes])


def _over(found: Distances, bound: Distances) -> Distances:
    return {k: found[k] / bound[k] if bound[k] else (np.inf if found[k] else 0.0) for k in found}


def _cast(value: np.ndarray, like: np.ndarray) -> np.ndarray:
    return np.asarray(value).astype(np.asarray(like).dtype)
