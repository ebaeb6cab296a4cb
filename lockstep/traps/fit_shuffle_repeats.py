"""`fit(shuffle=True)` with a global seed draws one and the same order in every epoch.

With arrays, Keras shuffles inside a `map` of a pipeline that every epoch starts anew, and a seeded operation that is started
anew draws again what it drew first. So after `keras.utils.set_random_seed` all epochs, and all calls of `fit`, see the rows
in one order. Without a seed the orders vary and cannot be had again.

Instead: draw the order of every epoch beforehand (`shared.BatchPlan`) and feed it to `fit` as one pipeline with
`shuffle=False`.

Seen: the stage "batch", from the second epoch on.
"""

from lockstep.traps import Effect, Trap
from lockstep.traps._apart import apart
from shared import BatchPlan


def wrong(rows: int, epochs: int, seed: int) -> list[list[int]]:
    """The order of each epoch; sets the global seed, so it runs in a process of its own."""
    import keras
    import numpy as np

    from lockstep.traps._orders import orders

    keras.utils.set_random_seed(seed)
    return orders(lambda model: model.fit(np.arange(rows), epochs=epochs, batch_size=4, shuffle=True, verbose=0), epochs)


def right(rows: int, epochs: int, seed: int) -> list[list[int]]:
    """The order of each epoch."""
    plan = BatchPlan(rows, batch_size=4, seed=seed)
    return [plan.order(epoch).tolist() for epoch in range(epochs)]


def measure() -> Effect:
    """How many different orders five epochs on 20 rows have."""
    numbers = {}
    for name, orders in (("wrong", apart(wrong, 20, 5, 1)), ("right", right(20, 5, 1))):
        numbers[f"{name} orders"] = len({tuple(order) for order in orders})
    return Effect("five epochs see {wrong orders} order of the rows, not {right orders}".format(**numbers), numbers)


TRAP = Trap(
    name="fit-shuffle-repeats",
    text=__doc__,
    source="Keras 3",
    kind="framework",
    cause="batch-order",
    wrong=wrong,
    right=right,
    measure=measure,
)
