"""The noise floor: how far rounding alone carries a training apart, measured on the reference itself.

Three copies of the reference run on inputs that differ from the true ones in the last bit. Whatever distance they reach is
what a difference of rounding may reach; it grows with the steps, since training amplifies it. Where it has grown too large to
prove anything, single steps decide: each side takes the step from the reference's own state, and so does the reference on
inputs that differ in the last bit.
"""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lockstep.divergence import Gaps, Names, distances
from lockstep.sides import Side
from lockstep.streams import together
from shared.batches import BatchPlan
from shared.feed import Feed
from shared.records import State, StepRecord
from shared.spec import ModelSpec, TrainSpec

RUNS = 3
PROBES = 300  # single steps tried, spread over the training; each costs four steps and four restorations


@dataclass
class Floor:
    """What was measured. Entries are dictionaries: (stage, tensor) -> largest absolute difference, or its ``Gap``.

    ``perturbed``: the runs on perturbed inputs against the reference, one entry a moment. ``one_step``: the same from equal
    state, one entry for each of the steps ``probed``. ``sides``: each side's single steps from the reference's state
    against the reference's own.
    """

    perturbed: list[dict[tuple[str, str], float]] = field(default_factory=list)
    probed: list[int] = field(default_factory=list)
    one_step: list[dict[tuple[str, str], float]] = field(default_factory=list)
    sides: dict[str, list[Gaps]] = field(default_factory=dict)


def perturb(x: np.ndarray, run: int) -> np.ndarray:
    """``x`` with every number moved to a neighbouring one, up or down at random; zeros stay zero."""
    up = np.random.Generator(np.random.PCG64(run)).random(x.shape) < 0.5
    moved = np.nextafter(x, np.where(up, np.inf, -np.inf).astype(x.dtype))
    return np.where(x == 0, x, moved)


def measure(
    reference: Side,
    sides: Sequence[Side],
    model: ModelSpec,
    train: TrainSpec,
    given: Feed,
    plan: BatchPlan,
    initial: Sequence[np.ndarray],
    probed: Sequence[int] | None = None,
) -> Floor:
    """Run the reference and its perturbed copies again, and try single steps of every side.

    ``initial``: the first weights, in Keras's order. ``probed``: which steps are tried singly; ``PROBES`` of them where None.
    Raises whatever a side raises.
    """
    names = Names.of(model, train)

    def trainer(side: Side) -> Any:
        made = side.make(model, train)
        made.load(initial)
        return made

    def work(run: int | None):
        x, x_test = (value if value is None or run is None else perturb(value, run) for value in (given.x, given.x_test))
        validation = None if x_test is None else (x_test, given.y_test)
        made = trainer(reference)
        return lambda sink: made.fit((x, given.y), plan, sink, validation_data=validation, **given.options)

    total = plan.steps * train.epochs
    wanted = set(np.linspace(1, total, min(total, PROBES)).astype(int).tolist() if probed is None else probed)
    floor = Floor(sides={side.name: [] for side in sides})
    probes = {side.name: trainer(side) for side in sides}
    shaken = trainer(reference)
    before = shaken.state()
    with closing(together([work(None), *(work(run) for run in range(RUNS))])) as moments:
        for true, *moved in moments:
            floor.perturbed.append(_largest([distances(record, true, names) for record in moved]))
            if not isinstance(true, StepRecord):
                continue
            if true.step in wanted:
                start = (true.step - 1) % plan.steps * plan.batch_size
                rows = plan.order(true.epoch - 1)[start : start + plan.batch_size]
                x, *rest = given.x[rows], given.y[rows], *([] if given.weights is None else [given.weights[rows]])
                floor.probed.append(true.step)
                runs = [_one(shaken, before, true, names, perturb(x, run), *rest) for run in range(RUNS)]
                floor.one_step.append(_largest(runs))
                for name, probe in probes.items():
                    floor.sides[name].append(_one(probe, before, true, names, x, *rest))
            before = true.state
    return floor


def _one(trainer: Any, before: State, true: StepRecord, names: Names, *batch: np.ndarray) -> Gaps:
    """How far one step of ``trainer`` on a batch (x, y, perhaps weights) from the state ``before`` lands from the true step."""
    trainer.restore(before)
    return distances(trainer.train_on_batch(*batch), true, names)


def _largest(gaps: list[Gaps]) -> dict[tuple[str, str], float]:
    return {key: max(gap[key].distance for gap in gaps) for key in gaps[0]}
