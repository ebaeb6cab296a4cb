"""What a trace of a training consists of: names and shapes, worked out from the specs and never taken from a file."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lockstep.divergence import Names, epoch_tensors, step_tensors
from shared.errors import InputError
from shared.records import EpochRecord, StepRecord
from shared.spec import DropoutSpec, ModelSpec, TrainSpec, require
from shared.spec.rules import whole

AT_EVERY_STEP = ("loss", "running metric")  # stages whose values are kept at every step
NEVER = ("batch",)  # whose values the data and the orders give
PADDED = ("logits", "example losses")  # have a row for each example, and the last batch of an epoch may be smaller
BUDGET = 3 * 2**19  # bytes of values that are kept where nobody says how many steps
LEAST = 2  # steps whose values are kept: the first and the last
MOST_BYTES = 2**30  # of a whole trace in memory

Tensor = tuple[str, str, tuple[int, ...]]  # stage, tensor, shape


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The tensors of a step, of the end of an epoch, and of the state between two steps, in the order of ``lockstep.divergence``.

    ``steps`` and ``epochs``: how many there are. ``examples``: rows trained on in an epoch.
    """

    of_step: tuple[Tensor, ...]
    of_epoch: tuple[Tensor, ...]
    of_state: tuple[Tensor, ...]
    steps: int
    epochs: int
    examples: int
    tests: int

    @classmethod
    def of(cls, model: ModelSpec, train: TrainSpec, examples: int, tests: int) -> "Layout":
        """The layout for so many rows to train on and to test on (0: no test set)."""
        names, shapes = Names.of(model, train), model.weight_shapes
        batch, outputs = train.batch_size, model.outputs
        weights = [_hollow(shape) for shape in shapes.values()]
        slots = [_hollow(shapes.get(name.rpartition("/")[0], ())) for name in names.slots]
        seeds = [_hollow((2,)) for layer in model.layers if isinstance(layer, DropoutSpec)]
        step = StepRecord(
            epoch=1,
            step=1,
            inputs=_hollow((batch, model.inputs)),
            targets=_hollow((batch,) if train.loss == "sparse_categorical_crossentropy" else (batch, outputs)),
            logits=_hollow((batch, outputs)),
            example_losses=_hollow((batch,)),
            loss=_hollow(()),
            gradients=[_hollow(shapes[name]) for name in names.trainable],
            slots=slots,
            weights=weights,
            running=_hollow((2,)),
            seeds=seeds,
            metric=train.metric,
        )
        measured = ("loss", train.metric, *(("val_loss", f"val_{train.metric}") if tests else ()))
        epoch = EpochRecord(
            epoch=1, predictions=_hollow((tests, outputs)) if tests else None, **dict.fromkeys(measured, _hollow(()))
        )
        return cls(
            of_step=tuple((stage, name, value.shape) for stage, name, value in step_tensors(step, names)),
            of_epoch=tuple((stage, name, value.shape) for stage, name, value in epoch_tensors(epoch)),
            of_state=tuple(
                ("weights in", name, value.shape)
                for name, value in zip(start_names(names, len(seeds)), [*weights, *slots, *seeds], strict=True)
            ),
            steps=-(-examples // batch) * train.epochs,
            epochs=train.epochs,
            examples=examples,
            tests=tests,
        )

    def arrays(self, kept: int) -> dict[str, tuple[int, ...]]:
        """Path -> shape of every array of one recording that keeps the values of so many steps.

        ``before/N`` and ``steps/N`` hold tensor N of the state before, and of, the kept steps; ``steps/N`` of a stage that is
        kept at every step has an entry for each; ``epochs/N`` likewise for epochs, of the predictions only the last.
        ``digests/steps`` and ``digests/epochs`` have a number for each tensor of each moment.
        """
        found: dict[str, tuple[int, ...]] = {
            "digests/steps": (self.steps, len(self.of_step)),
            "digests/epochs": (self.epochs, len(self.of_epoch)),
        }
        for at, (_, _, shape) in enumerate(self.of_state):
            found[f"before/{at}"] = (kept, *shape)
        for at, (stage, _, shape) in enumerate(self.of_step):
            if stage not in NEVER:
                found[f"steps/{at}"] = (self.steps if stage in AT_EVERY_STEP else kept, *shape)
        for at, (_, _, shape) in enumerate(self.of_epoch):
            found[f"epochs/{at}"] = (1 if shape else self.epochs, *shape)
        return found

    def size(self, kept: int, recordings: int = 1) -> int:
        """At most so many bytes are in memory: 8 a number, the orders of the examples included."""
        numbers = sum(math.prod(shape) for shape in self.arrays(kept).values())
        return 8 * (recordings * numbers + self.epochs * self.examples + self.examples + self.tests)

    def check_size(self, kept: int, recordings: int) -> None:
        """Refuse a trace that would not fit into memory.

        Raises:
            InputError: more than ``MOST_BYTES``.
        """
        size = self.size(kept, recordings)
        if size > MOST_BYTES:
            raise InputError(
                f"A golden trace may take {MOST_BYTES:,} bytes in memory. Received: a training of {self.steps:,} steps that "
                f"keeps the values of {kept:,}, up to {size:,} bytes. Use fewer epochs, or keep fewer steps (--every)."
            )

    def kept_steps(self, every: int | None, itemsize: int, recordings: int) -> tuple[int, ...]:
        """The steps whose values are kept: the first, the last and every ``every``-th; or as many as ``BUDGET`` has room for,
        evenly spread over the logarithm of the step.

        Raises:
            InputError: ``every`` is no count, or the trace would not fit into memory.
        """
        require(every is None or whole(every, 1), "every counts steps, from 1.", f"every={every!r}", "Use every=100.")
        if every is not None:
            self.check_size(self.steps // every + LEAST, recordings)
            return tuple(sorted({1, self.steps, *range(every, self.steps + 1, every)}))
        arrays = self.arrays(1)
        values = sum(math.prod(arrays[path]) for path in arrays if path.startswith(("before", "steps")) and arrays[path][0] == 1)
        room = max(BUDGET // (values * itemsize), LEAST)
        self.check_size(min(room, self.steps), recordings)
        return tuple(sorted({round(step) for step in np.geomspace(1, self.steps, min(room, self.steps)).tolist()}))


def start_names(names: Names, seeds: int) -> Sequence[str]:
    """What the tensors of a state are called: weights, the optimiser's variables, seeds of Dropouts."""
    return (*names.weights, *names.slots, *(f"dropout {at}/seed" for at in range(1, seeds + 1)))


def _hollow(shape: tuple[int, ...]) -> np.ndarray:
    """An array of that shape that takes no memory.

    Raises:
        InputError: more numbers than any memory has.
    """
    if math.prod(shape) > MOST_BYTES:
        raise InputError(
            f"A golden trace may take {MOST_BYTES:,} bytes in memory. Received: a tensor of shape {shape}. Use fewer units."
        )
    return np.broadcast_to(np.float32(0), shape)
