"""Random search: draw points and train a net for each, one after the other or many at a time ("caviar": as fish lay eggs)."""

import time
import warnings
from collections.abc import Callable, Generator
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from typing import Any

import numpy as np

from lockstep.tuning.cluster import check_address, count_workers, trained_there
from lockstep.tuning.held import hold_out
from lockstep.tuning.result import Point, SearchResult, ranking
from lockstep.tuning.space import Space, specs_of
from lockstep.tuning.worker import check_wing, deaf_children, threads, trained, trained_in_worker
from shared.errors import InputError
from shared.records import History
from shared.spec import ModelSpec, TrainSpec, require
from shared.spec.rules import MOST, shown, whole

Job = tuple[dict[str, Any], ModelSpec, TrainSpec]


class Search:
    """A search that is checked and drawn, but not yet run. The arguments are those of ``search``."""

    def __init__(
        self,
        space: Space | dict[str, Any],
        data: Any,
        *,
        points: int = 20,
        fine: bool = False,
        wing: str = "low",
        workers: int = 1,
        scheduler: str | None = None,
        epochs: int = 5,
        seed: int = 0,
        validation: float = 0.2,
    ) -> None:
        kind = isinstance(space, Space | dict)
        require(kind, "space is a Space or a dictionary.", f"{space!r:.80}", "Use Space(learning_rate=LogUniform(1e-4, 1)).")
        self.space = space if isinstance(space, Space) else Space(**space)
        for name, count, least in (("points", points, 2 if fine else 1), ("workers", workers, 1), ("epochs", epochs, 1)):
            _count(name, count, least)
        _count("seed", seed, 0)
        check_wing(wing)
        if scheduler is not None:
            check_address(scheduler)
            rule = "A scheduler has workers of its own; workers counts those of this machine."
            require(workers == 1, rule, f"{shown('workers', workers)} and a scheduler", "Leave one of them out.")
        self.points, self.fine, self.wing, self.workers, self.epochs, self.seed = points, fine, wing, workers, epochs, seed
        self.split = hold_out(data, validation, seed)
        self._generator = np.random.RandomState(seed)  # our own; scikit-learn's engine takes this kind
        self._first = self._jobs(self.space)
        self.scheduler = scheduler
        if scheduler is not None:
            self.workers = count_workers(scheduler)

    def run(
        self, progress: Callable[[Point], None] | None = None, refined: Callable[[Space], None] | None = None
    ) -> SearchResult:
        """Train all nets; ``progress`` as in ``search``, ``refined`` is called with the space of the second stage."""
        began = time.perf_counter()
        done: list[Point] = []
        spaces = [self.space]
        self._stage(self._first, done, progress)
        if self.fine:
            best = ranking(done)[: max(2, self.points // 4)]
            spaces.append(self.space.narrow([point.settings for point in best]))
            if refined is not None:
                refined(spaces[-1])
            self._stage(self._jobs(spaces[-1]), done, progress)
        return SearchResult(
            points=tuple(done),
            spaces=tuple(spaces),
            wing=self.wing,
            epochs=self.epochs,
            seed=self.seed,
            data=self.split.source,
            rows=len(self.split.x),
            held_out=len(self.split.x_held),
            workers=self.workers,
            seconds=time.perf_counter() - began,
        )

    def _jobs(self, space: Space) -> list[Job]:
        """The next draws with their specs, every one checked."""
        split = self.split
        fixed = {"inputs": split.inputs, "classes": split.classes, "epochs": self.epochs, "seed": self.seed, "rows": len(split.x)}
        return [(draw, *specs_of(draw, **fixed)) for draw in space.draw(self.points, self._generator)]

    def _stage(self, jobs: list[Job], done: list[Point], progress: Callable[[Point], None] | None) -> None:
        stage = 1 if not done else 2
        with closing(self._histories(jobs)) as histories:  # whatever goes wrong here, workers are told at once
            for job, history in zip(jobs, histories, strict=True):
                done.append(Point(len(done) + 1, stage, *job, history))
                if progress is not None:
                    progress(done[-1])

    def _histories(self, jobs: list[Job]) -> Generator[History, None, None]:
        """The curves of each job, in order."""
        tasks = [(self.wing, model, train) for _, model, train in jobs]
        arrays = self.split.arrays
        if self.scheduler is not None:
            yield from trained_there(self.scheduler, tasks, arrays)
            return
        if self.workers == 1:
            yield from (trained(*task, arrays) for task in tasks)
            return
        from joblib import Parallel, delayed

        setting = threads()
        # a task at a time: nets differ in size, and no worker should sit on several large ones while another has none
        parallel = Parallel(self.workers, backend="loky", return_as="generator", batch_size=1)
        with deaf_children():
            histories = parallel(delayed(trained_in_worker)(setting, *task, arrays) for task in tasks)  # starts the workers
        try:
            with warnings.catch_warnings():
                # loky replaces a worker that has grown by 300 MB, and warns in the thread that would replace it
                warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)
                yield from histories
        except BrokenProcessPool:
            raise InputError(
                "Each worker needs memory for TensorFlow, the data and its net. Received: a worker that was ended from outside, "
                f"as systems do where memory runs out, with workers={self.workers}. Use fewer workers."
            ) from None


def search(
    space: Space | dict[str, Any],
    data: Any,
    *,
    points: int = 20,
    fine: bool = False,
    wing: str = "low",
    workers: int = 1,
    scheduler: str | None = None,
    epochs: int = 5,
    seed: int = 0,
    validation: float = 0.2,
    progress: Callable[[Point], None] | None = None,
) -> SearchResult:
    """Train a net for each of ``points`` random draws; the score is the accuracy on rows held out of the training set.

    Every net is trained without XLA: ``Trainer(point.model, point.train, jit_compile=False)`` gives a point's curves again.

    Args:
        space: what to draw; a dictionary is ``Space(**dictionary)``.
        data: a ``Dataset``, whose test set is not looked at, or a pair (x, y).
        points: how many draws.
        fine: draw as many again inside the smallest space around the best quarter of them.
        wing: ``"low"`` or ``"high"``; the scores are the same, bit for bit.
        workers: processes that train at a time; the scores are the same, bit for bit. 1 trains in this process.
        scheduler: the address of a Dask scheduler, whose workers train in place of this machine's; the scores are the same on
            processors of the same kind, bit for bit. A lost worker's points are trained by the others.
        epochs: how long each net is trained.
        seed: fixes the draws, the rows held out, the first weights and the order of the examples.
        validation: the share of the training rows that is held out, the same of every class.
        progress: called with each point as it is done, in the order of the draws.

    Raises:
        InputError: an argument or a drawn value against its rule; the draws of the first stage are checked before any training.
            With ``scheduler``: Dask is missing, no scheduler or worker answers, or a worker has other versions.
    """
    given = {"points": points, "fine": fine, "wing": wing, "workers": workers, "epochs": epochs, "seed": seed}
    return Search(space, data, validation=validation, scheduler=scheduler, **given).run(progress)  # type: ignore[arg-type]


def _count(name: str, value: Any, least: int) -> None:
    rule = f"{name} must be a whole number from {least} to {MOST}."
    require(whole(value, least), rule, shown(name, value), f"Use {name}={max(least, 1)}.")
