"""Train several sides on the same weights and the same batches, and compare every step as it happens."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from typing import Any

import numpy as np

from lockstep.divergence import Names, Tally
from lockstep.environment import environment
from lockstep.floor import measure
from lockstep.report import Answers, Outcome, Pair, Report
from lockstep.sides import Side, sides_of
from lockstep.stand import ComparisonKeeper, Stand, StandFile, identity_of
from lockstep.streams import together
from lockstep.verdict import judge
from shared.batches import BatchPlan, plan_of
from shared.checkpoints import Checkpoints
from shared.checkpoints.folder import checkpoints_of
from shared.checkpoints.session import Session
from shared.data import Dataset
from shared.data.card import DataCard
from shared.errors import InputError
from shared.feed import Feed, feed
from shared.records import History, Record
from shared.spec import ModelSpec, TrainSpec
from shared.weights import checked

__all__ = ["compare"]


def compare(
    model: ModelSpec,
    train: TrainSpec,
    data: Any,
    *,
    sides: str | Sequence[str | Side] = ("epoch", "keras"),
    weights: Sequence[np.ndarray] | None = None,
    plan: BatchPlan | np.ndarray | None = None,
    sample_weight: np.ndarray | None = None,
    class_weight: Mapping[int, float] | None = None,
    progress: Callable[[tuple[Record, ...], list[Tally]], None] | None = None,
    notice: Callable[[str], None] | None = None,
    checkpoint: Checkpoints | str | os.PathLike[str] | None = None,
    resume: bool = False,
) -> Report:
    """Train all sides side by side; each is compared with the last.

    Args:
        model, train: what is trained, and how.
        data: a ``Dataset`` or a pair (x, y).
        sides: names (see ``lockstep.sides.NAMES``) or ``Side`` objects; the last one is the reference.
        weights: first weights for all sides; those that the reference draws from the seed where None.
        plan: the order of the examples; drawn from the seed where None.
        sample_weight, class_weight: as ``fit`` takes them.
        progress: called after each moment with the sides' records and the tallies of the pairs.
        notice: called with a line where something takes time that the caller did not expect.
        checkpoint: a folder for checkpoints, or a ``Checkpoints`` that says more.
        resume: go on with the comparison, and with what it has found, from the newest one; begin where there is none.

    Raises:
        InputError: sides, data, weights, plan or checkpoints that do not fit.

    >>> from shared import ModelSpec, TrainSpec
    >>> import numpy as np, lockstep
    >>> x, y = np.eye(6), np.arange(6) % 3
    >>> lockstep.compare(ModelSpec.mlp(6, 4, 3), TrainSpec(batch_size=4), (x, y)).verdict
    'identical'
    """
    began = time.perf_counter()
    checkpoints = checkpoints_of(checkpoint, resume)
    *others, reference = sides_of(sides)
    given = feed(data, model, train, None, sample_weight, class_weight)
    plan = plan_of(plan, len(given.x), train.batch_size, train.seed, train.shuffle)
    trainers = [side.make(model, train) for side in (*others, reference)]
    if len({id(trainer) for trainer in trainers}) < len(trainers):
        raise InputError("Every side trains a net of its own. Received: one trainer twice. Let Side.make return a new one.")
    initial = checked(trainers[-1].weights() if weights is None else weights, model)
    for trainer in trainers:
        trainer.load(initial)

    starts = [trainer.state() for trainer in trainers]
    stand = Stand(starts, [Tally(Names.of(model, train)) for _ in others], [History() for _ in trainers])
    for tally, start in zip(stand.tallies, starts[:-1], strict=True):
        tally.see_start(start, starts[-1])
    histories: list[Any] = [None] * len(trainers)
    with ExitStack() as stack:
        keeper = None
        if checkpoints is not None:
            training = identity_of(model, train, given, plan, [side.name for side in (*others, reference)], weights)
            session = stack.enter_context(Session(checkpoints, resume, training, plan.steps, train.epochs))
            file = StandFile(model, train, plan, 0 if given.x_test is None else len(given.x_test), starts)
            keeper = ComparisonKeeper(session, file, stand, train.epochs)
            stand = keeper.stand
        if stand.last:
            for trainer, point in zip(trainers, stand.points, strict=True):
                trainer.continue_from(point)
        tallies = stand.tallies
        works = [_work(trainer, given, plan, histories, at) for at, trainer in enumerate(trainers)]
        moments = stack.enter_context(closing(together(works)))  # whatever goes wrong here, no training is left running
        for moment in moments:
            for tally, record in zip(tallies, moment[:-1], strict=True):
                tally.see(record, moment[-1])
            if progress is not None:
                progress(moment, tallies)
            if keeper is not None:
                keeper.after(moment, time.perf_counter() - began)
        before = keeper.seconds if keeper is not None else 0.0

    unequal = [side for side, tally in zip(others, tallies, strict=True) if tally.first and np.isfinite(tally.max_abs)]
    expected = (plan.steps * train.epochs, train.epochs)
    floor = None
    if unequal:
        if notice is not None:
            notice(f"not identical: measuring how far rounding alone carries {reference.name}")
        floor = measure(reference, unequal, model, train, given, plan, initial)
    pairs = [
        Pair.of(side.name, reference.name, tally, judge(tally, floor, side.name, (history, histories[-1]), expected), floor)
        for side, tally, history in zip(others, tallies, histories[:-1], strict=True)
    ]
    ended = dict(zip([side.name for side in (*others, reference)], trainers, strict=True))
    return Report(
        pairs=pairs,
        model=model,
        train=train,
        data=data.source if isinstance(data, Dataset) else f"{len(given.x)} rows given by the caller",
        classes=data.classes if isinstance(data, Dataset) else tuple(str(label) for label in range(model.outputs)),
        histories=dict(zip(ended, histories, strict=True)),
        outcomes={name: Outcome.of(trainer, given, train) for name, trainer in ended.items()},
        environment=environment(),
        seconds=before + time.perf_counter() - began,
        answers=Answers.of(ended, given, data),
        nets={name: trainer.weights() for name, trainer in ended.items()},
        card=DataCard.of(data) if isinstance(data, Dataset) else None,
    )


def _work(trainer: Any, given: Feed, plan: BatchPlan, histories: list, at: int):
    validation = None if given.x_test is None else (given.x_test, given.y_test)

    def work(sink):
        histories[at] = trainer.fit((given.x, given.y), plan, sink, validation_data=validation, **given.options)

    return work
