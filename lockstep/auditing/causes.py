"""Causes by simulation: which trap, or which two, make the replayed step do what the loop did, at every step.

Each step is taken from the weights that the loop had before it; only the optimiser's own state is carried along. So a trap
that is the cause reproduces every step to rounding, and one that is not fails early. The loss that the loop returned
sorts out most pairs before any gradient is taken.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import inf, log, nan
from typing import Any

import numpy as np
import tensorflow as tf

from lockstep.auditing.ground import LOSS, Distances, Ground, key
from lockstep.auditing.observe import Observed
from lockstep.auditing.reference import Batch, Reference, Step, Values
from lockstep.auditing.replay import Replay
from lockstep.traps import Trap, Variant
from lockstep.verdict import FACTOR

APART = (tf.errors.OpError, ValueError, TypeError)  # what parts raise that do not go together
LEAD = 0.25  # of the way to the loop's first loss, what one of two may leave to the other
SHARP = 1e-3  # a residual below this is as good as none
NEAR = 3.0  # residuals whose ratio is below this, or that are within the floor itself, are not told apart


@dataclass(frozen=True)
class Deviation:
    """A trap in one of its forms."""

    trap: Trap
    variant: Variant

    def __str__(self) -> str:
        return f"{self.trap.name} ({self.variant.detail})" if self.variant.detail else self.trap.name


Combination = tuple[Deviation, ...]


@dataclass(frozen=True)
class Trial:
    """How near a combination came. ``worst`` and ``typical`` are residuals as multiples of the bound: at most 1 is round-off.

    ``failed`` is the first step, from 1, that it did not reproduce; None where it reproduced all.
    """

    deviations: Combination
    worst: float
    typical: float
    failed: int | None
    evidence: tuple["Evidence", ...] = ()
    landed: Values | None = None  # the weights after the first step

    @property
    def fitted(self) -> bool:
        """Whether a number was found from the loop itself; what reproduces it without that is the simpler explanation."""
        return any(one.variant.fit is not None for one in self.deviations)


@dataclass(frozen=True)
class Effect:
    """For each weight, whether a deviation leaves its first step to the reference, and whether that lands where the loop did."""

    nothing: tuple[bool, ...]
    did: tuple[bool, ...]


@dataclass(frozen=True)
class Evidence:
    """One number of one step: what the loop had, what the reference, and what the replay with the deviation."""

    step: int
    tensor: str
    observed: float
    reference: float
    simulated: float


def deviations_of(replay: Replay, traps: Iterable[Trap]) -> list[Deviation]:
    """Every form of every trap that the reference's step can take."""
    return [Deviation(trap, variant) for trap in traps if trap.variants is not None for variant in trap.variants(replay)]


class Search:
    """Tries combinations of deviations against one loop."""

    def __init__(self, replay: Replay, seen: Observed, ground: Ground, single: Sequence[Step], first: int = 0) -> None:
        self.replay, self.seen, self.ground, self.single = replay, seen, ground, single
        self.target = seen.weights[1:]  # what a replayed step is compared with
        self.shown = first  # the step of which the evidence is given
        self.reference: Reference = replay.reference
        self.held = {id(weight): at for at, weight in enumerate(self.reference.weights)}
        self.trained = [self.held[id(weight)] for weight in replay.model.trainable_variables]
        self.placed: int | None = None  # before which step the model's weights are
        self._chains: dict[frozenset[int], _Chain] = {}
        self._outputs: dict[frozenset[int], tuple[tf.Tensor, Batch]] = {}

    def explain(self, deviations: Sequence[Deviation]) -> list[Trial]:
        """Combinations that reproduce the loop, single deviations, or pairs where no single one does.

        The nearest come first; of equally near ones those without a number that was fitted, then in the catalogue's order.
        """
        self._null = self.attempt(())
        singles = [self.attempt((one,)) for one in deviations]
        self._first = {id(one): self._effect(trial) for one, trial in zip(deviations, singles, strict=True)}
        found = [trial for trial in singles if trial.failed is None]
        if not found:
            found = [trial for pair in self._pairs(deviations) if (trial := self.attempt(pair)).failed is None]
        if not found:
            return []
        nearest = max(min(trial.typical for trial in found), SHARP)
        best = max(nearest, 1 / FACTOR)

        def rank(trial: Trial) -> tuple[bool, bool, int]:
            return trial.typical > NEAR * best, trial.fitted, int(log(max(trial.typical / nearest, 1)) / log(NEAR))

        return sorted(found, key=rank)

    def null(self) -> Trial:
        """The replay without any deviation."""
        return self.attempt(())

    def _pairs(self, deviations: Sequence[Deviation]) -> Iterator[Combination]:
        """All pairs of parts that do not exclude each other, and whose loss is the loop's at the first step."""
        early = [one for one in deviations if one.variant.early]
        late = [one for one in deviations if not one.variant.early]
        fitting: list[Combination] = [()] if self._loss_fits(()) else []
        fitting += [(one,) for one in early if self._loss_fits((one,))]
        for combination in fitting:
            if combination:
                yield from ((*combination, other) for other in late if compatible(combination[0], other))
            else:
                yield from (pair for pair in combinations(late, 2) if compatible(*pair) and self._worth(*pair))
        yield from [pair for pair in combinations(early, 2) if compatible(*pair) and self._pair_fits(*pair)]

    def _pair_fits(self, left: Deviation, right: Deviation) -> bool:
        """``_loss_fits`` of two; a forward pass is taken only where neither of them leaves the first one as it is."""
        if self.seen.losses[0] is None:
            return not (left.variant.lone or right.variant.lone) and self._worth(left, right)
        if left.variant.forward and right.variant.forward:
            for one, other in ((left, right), (right, left)):
                if self._loss((one,)) == self._loss(()):
                    return self._loss_fits((other,))
            if (left.variant.lone or right.variant.lone) and not (self._leads(left) or self._leads(right)):
                return False
        return self._loss_fits((left, right))

    def _leads(self, one: Deviation) -> bool:
        """Whether a deviation alone brings the first loss most of the way to the loop's."""
        loss, null, observed = self._loss((one,)), self._loss(()), self.seen.losses[0]
        return observed is not None and abs(loss - float(observed)) < LEAD * abs(null - float(observed))

    def _effect(self, trial: Trial) -> Effect | None:
        """What a deviation alone does to each weight in the first step; None where it was not taken."""
        if trial.landed is None or self._null.landed is None:
            return None
        nothing = tuple(np.array_equal(a, b) for a, b in zip(trial.landed, self._null.landed, strict=True))
        ratios = self._ratios(0, np.asarray(np.nan), trial.landed)
        return Effect(nothing, tuple(ratios[key(name)] <= 1 for name in self.ground.names))

    def _worth(self, left: Deviation, right: Deviation) -> bool:
        """Whether two updates can together be what the loop did in its first step, as far as each alone shows it.

        A weight that one of them leaves to the reference must have landed where the other alone brings it.
        """
        one, other = self._first[id(left)], self._first[id(right)]
        if one is None or other is None:
            return True
        if self._null.failed != 1 and not all((*one.nothing, *other.nothing)):
            return False
        pairs = (*zip(one.nothing, other.did, strict=True), *zip(other.nothing, one.did, strict=True))
        return all(did for idle, did in pairs if idle)

    def _loss_fits(self, combination: Combination) -> bool:
        observed, simulated = self.seen.losses[0], self._loss(combination)
        if observed is None:
            return True
        return self._over(LOSS, 0, abs(float(observed) - simulated), abs(simulated), abs(float(self.single[0].loss))) <= 1

    def _loss(self, combination: Combination) -> float:
        """The reported loss of the first step; NaN of parts that do not go together."""
        try:
            return self._chain(combination).loss()
        except APART:
            return nan

    def attempt(self, combination: Combination) -> Trial:
        """Replay step after step until one is not reproduced."""
        chain = self._chain(combination)
        if chain.variants and not self._loss_fits(combination):
            return Trial(combination, inf, inf, 1)
        late = [one.variant for one in combination if not one.variant.early]
        parts = [variant.parts for variant in late]
        with self.replay.planted(*parts):
            slots = self.replay.first_slots(self.reference.start[2])
        worst, squares, count = 0.0, 0.0, 0
        evidence: tuple[Evidence, ...] = ()
        landed: Values | None = None
        try:
            for step in range(self.seen.steps):
                reported, gradients, forward = chain.take(step)
                self.replay.step, self.replay.past = step, [one[1] for one in chain.done[:step]]
                for at, variant in enumerate(late):
                    if step == 0 and variant.fit is not None:
                        _, simulated = self.update(gradients, forward, slots, step, parts)
                        fitted = variant.fit(*(self._changes(values) for values in (self.seen.weights[1], simulated)))
                        if fitted is None:
                            return Trial(combination, inf, inf, 1)
                        combination = _renamed(combination, variant, *fitted)
                        parts[at] = fitted[1]
                slots, weights = self.update(gradients, forward, slots, step, parts)
                ratios = self._ratios(step, reported, weights)
                worst = max([worst, *ratios.values()])
                landed = weights if step == 0 else landed
                if step == self.shown:
                    evidence = self._evidence(step, reported, weights)
                squares, count = squares + sum(ratio**2 for ratio in ratios.values()), count + len(ratios)
                if not worst <= 1:
                    return Trial(combination, worst, inf, step + 1, evidence, landed)
        except APART:
            return Trial(combination, inf, inf, 1)
        return Trial(combination, worst, (squares / max(count, 1)) ** 0.5, None, evidence, landed)

    def update(
        self, gradients: Any, forward: Values, slots: Values, step: int, parts: Sequence[Any] = ()
    ) -> tuple[Values, Values]:
        """The optimiser's variables and the weights after a step, of those that the forward pass left."""
        replay, before = self.replay, self.seen.weights[step]
        self.placed = None
        for at, weight in zip(self.trained, replay.trainable, strict=True):
            weight.assign(before[at])
        for slot, value in zip(replay.slots, slots, strict=True):
            slot.assign(value)
        with replay.planted(*parts):
            replay.update(gradients)
        weights = list(forward)
        for at, weight in zip(self.trained, replay.trainable, strict=True):
            weights[at] = weight.numpy()
        return [slot.numpy() for slot in replay.slots], weights

    def _ratios(self, step: int, reported: np.ndarray, weights: Values) -> Distances:
        """How far the replay lands from the loop, as multiples of what rounding may do."""
        single = self.single[step]
        found: Distances = {}
        loss = self.seen.losses[step]
        if loss is not None:
            distance = abs(float(loss) - float(reported))
            found[LOSS] = self._over(LOSS, step, distance, abs(float(reported)), abs(float(single.loss)))
        for name, before, after, simulated, true in zip(
            self.ground.names, self.seen.weights[step], self.target[step], weights, single.weights, strict=True
        ):
            distance = float(np.abs(after.astype(np.float64) - simulated).max(initial=0.0))
            sizes = [float(np.abs(value.astype(np.float64) - before).max(initial=0.0)) for value in (simulated, true)]
            found[key(name)] = self._over(key(name), step, distance, *sizes)
        return found

    def _over(self, what: tuple[str, str], step: int, distance: float, size: float, reference: float) -> float:
        """A distance as a multiple of the bound, which is as much wider as the replay's numbers are larger."""
        bound = self.ground.bounds[step][what] * max(1.0, size / reference if reference else 1.0)
        if not np.isfinite(distance):
            return inf
        return distance / bound if bound else (inf if distance else 0.0)

    def _changes(self, weights: Values) -> Values:
        """By how much the first step changed the trained weights."""
        before = self.seen.weights[0]
        return [weights[at].astype(np.float64) - before[at] for at in self.trained]

    def _evidence(self, step: int, reported: np.ndarray, weights: Values) -> tuple[Evidence, ...]:
        """The loss, and of the weights the number in which loop and reference differ most."""
        found = []
        loss = self.seen.losses[step]
        if loss is not None:
            found.append(Evidence(step + 1, "loss", float(loss), float(self.single[step].loss), float(reported)))
        most, place = -1.0, None
        for at, (after, true) in enumerate(zip(self.seen.weights[step + 1], self.single[step].weights, strict=True)):
            distance = np.abs(after.astype(np.float64) - true)
            over = distance.max(initial=0.0) / max(self.ground.bounds[step][key(self.ground.names[at])], 1e-300)
            if over > most:
                most, place = over, (at, np.unravel_index(int(distance.argmax()), distance.shape))
        if place is not None:
            at, where = place
            name = self.ground.names[at] + (f"[{', '.join(map(str, where))}]" if where else "")
            values = (self.seen.weights[step + 1][at], self.single[step].weights[at], weights[at])
            found.append(Evidence(step + 1, name, *(float(value[where]) for value in values)))
        return tuple(found)

    def outputs(self, variants: Sequence[Variant]) -> tuple[tf.Tensor, Batch]:
        """The net's outputs of the first step, and its batch, under deviations of the forward pass; each taken once."""
        name = frozenset(id(variant) for variant in variants)
        if name not in self._outputs:
            self._outputs[name] = _Chain(self, variants).first()
        return self._outputs[name]

    def _chain(self, combination: Combination) -> "_Chain":
        early = [one.variant for one in combination if one.variant.early]
        name = frozenset(id(variant) for variant in early)
        if name not in self._chains:
            self._chains[name] = _Chain(self, early)
        return self._chains[name]


class _Chain:
    """Forward and backward passes under some early deviations, step after step, each done once."""

    def __init__(self, search: Search, variants: Sequence[Variant]) -> None:
        self.search, self.variants, self.parts = search, variants, [variant.parts for variant in variants]
        self._loss: float | None = None
        self.others = search.reference.start[1]
        self.done: list[tuple[np.ndarray, list[tf.Tensor], Values]] = []

    def take(self, step: int) -> tuple[np.ndarray, list[tf.Tensor], Values]:
        """The reported loss, the gradients, and the loop's weights after the forward pass."""
        while len(self.done) <= step:
            self.done.append(self._next(len(self.done)))
        return self.done[step]

    def loss(self) -> float:
        """The reported loss of the first step, without gradients where they are not there yet."""
        if not self.done and self._loss is None:
            outputs, batch = self.search.outputs([one for one in self.variants if one.forward])
            if self.search.placed != 0:  # penalties are taken of the weights
                self.enter()
            with self.search.replay.planted(*self.parts):
                self._loss = float(self.search.replay.losses(outputs, batch)[1])
        return float(self.done[0][0]) if self._loss is None else self._loss

    def first(self) -> tuple[tf.Tensor, Batch]:
        """The net's outputs and the batch of the first step."""
        replay = self.search.replay
        with replay.planted(*self.parts):
            self.enter()
            batch = replay.batch(self.search.seen.batches, 0)
            return replay.network.forward(replay.inputs(tf.constant(batch.x))), batch

    def enter(self, step: int = 0) -> None:
        """Move the model to where the forward pass of a step begins."""
        reference, replay = self.search.reference, self.search.replay
        self.search.placed = step
        reference.write(reference.others, self.others)
        reference.write(reference.weights, replay.seen(self.search.seen.weights, step))

    def _next(self, step: int) -> tuple[np.ndarray, list[tf.Tensor], Values]:
        search, reference = self.search, self.search.reference
        search.replay.step, search.replay.reports = step, [one[0] for one in self.done]
        with search.replay.planted(*self.parts):
            self.enter(step)
            reported, gradients = search.replay.backward(search.replay.batch(search.seen.batches, step))
        self.others = reference.read(reference.others)
        return reported, gradients, reference.read(reference.weights)


def compatible(left: Deviation, right: Deviation) -> bool:
    """Whether both can stand in one step: two traps, and no part is replaced by both."""
    return left.trap is not right.trap and not left.variant.parts.keys() & right.variant.parts.keys()


def _renamed(combination: Combination, variant: Variant, detail: str, parts: Any) -> Combination:
    """The combination with the form of a deviation that was fitted."""
    return tuple(
        Deviation(one.trap, Variant(parts, detail, variant.fit)) if one.variant is variant else one for one in combination
    )
