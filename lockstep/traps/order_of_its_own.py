"""The loop takes the rows in an order of its own.

Two trainings on other batches differ from the first step on, and comparing them says nothing about the rest of the step. A
loop that shuffles by itself, or that lets a batch go on across the end of an epoch, is not wrong for that; it is another
training than the `fit` beside it.

Instead: draw one order and give it to both sides: `shuffle=False` and rows that already stand in it, or yield the rows that
each step used.

Seen: the stage "batch"; where only losses and weights are seen, the loss of the first step.
"""

import random

import numpy as np

from lockstep.auditing.loop import Loop
from lockstep.auditing.reference import Batch
from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._steps import BATCH, net, rows

SEEDS = (0, 1, 2, 3, 42, 123, 1234)


def right(self, batches, step):
    """The batch that `fit` takes at that step."""
    return batches[step]


def wrong(self, batches, step):
    """A batch of as many rows, counted from the end."""
    planned = batches[step]
    return self.rows(len(self.x) - 1 - planned.rows, planned.epoch)


def variants(replay):
    """Where the loop makes its own batches: from the end; across the ends of epochs; as common generators shuffle."""
    if not replay.own_batches:
        return
    yield Variant({"batch": wrong}, "the rows are taken from the last to the first")
    if len(replay.x) % replay.batch_size:
        yield Variant({"batch": _across}, "batches go on across the end of an epoch")
    for seed in SEEDS:
        for name, orders in GENERATORS.items():
            for again in (True, False):
                each = "one order for all epochs" if again else "an order for each epoch"
                yield Variant({"batch": _shuffled(orders, seed, again)}, f"{name.format(seed)}, {each}")


def _across(self, batches, step):
    """As of a data set that is repeated first and batched then."""
    begin = step * self.batch_size
    return self.rows(np.arange(begin, begin + self.batch_size) % len(self.x), begin // len(self.x) + 1)


def _numpy(seed, count):
    generator = np.random.default_rng(seed)
    while True:
        yield generator.permutation(count)


def _legacy(seed, count):
    generator = np.random.RandomState(seed)
    while True:
        yield generator.permutation(count)


def _python(seed, count):
    generator = random.Random(seed)
    while True:
        order = list(range(count))
        generator.shuffle(order)
        yield np.array(order)


GENERATORS = {
    "rows as np.random.default_rng({}) permutes them": _numpy,
    "rows as np.random.RandomState({}) permutes them": _legacy,
    "rows as random.Random({}) shuffles them": _python,
}


def _shuffled(orders, seed, again):
    """The rows of a step in an order that a generator gives, anew for each epoch or once."""

    def batch(self, batches, step):
        size = self.batch_size
        epoch, at = divmod(step, -(-len(self.x) // size))
        drawn = orders(seed, len(self.x))
        for _ in range(0 if again else epoch):
            next(drawn)
        return self.rows(next(drawn)[at * size : (at + 1) * size], epoch + 1)

    return batch


def measure() -> Effect:
    """How far the weights of a small net are apart after one epoch in either order."""
    x, y = rows()
    planned = [Batch(1, part, x[part], y[part]) for part in np.split(np.arange(len(x)), range(BATCH, len(x), BATCH))]
    numbers, ends = {}, []
    for name, half in (("wrong", wrong), ("right", right)):
        loop = Loop(net(), x=x, y=y)
        for step in range(len(planned)):
            batch = half(loop.replay, planned, step)
            loop.step(batch.x, batch.y)
        numbers[f"{name} loss"] = float(loop.model.evaluate(x, y, batch_size=len(x), verbose=0))
        ends.append(loop.model.get_weights())
    numbers["weights"] = max(float(np.abs(a - b).max()) for a, b in zip(*ends, strict=True))
    text = "after one epoch weights are up to {weights:.2g} apart, and the loss is {wrong loss:.3f} and {right loss:.3f}"
    return Effect(text.format(**numbers), numbers)


TRAP = Trap(
    name="order-of-its-own",
    text=__doc__,
    source="S1.10",
    kind="loop",
    cause="batch-order",
    stage="batch",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
