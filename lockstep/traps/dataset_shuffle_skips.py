"""`fit` on a shuffled data set skips every other order of it.

`fit` makes two iterators of a data set for every epoch and uses one of them, and a data set that is shuffled anew for each
iterator draws an order for both. So the epochs of `fit` see the orders 0, 2, 4, ... of `dataset.shuffle(n, seed)`, and a loop
of one's own over the same data set sees 0, 1, 2, ... From the second epoch on the two train on other batches.

Instead: hand `fit` one endless pipeline, `.repeat()`, with `steps_per_epoch`; it is then iterated once. Or draw the orders
beforehand (`shared.BatchPlan`).

Seen: the stage "batch", from the second epoch on.
"""

import tensorflow as tf

from lockstep.traps import Effect, Trap
from lockstep.traps._orders import orders


def wrong(rows: int, epochs: int, seed: int) -> list[list[int]]:
    """The order of each epoch of ``fit``."""
    shuffled = tf.data.Dataset.range(rows).shuffle(rows, seed, reshuffle_each_iteration=True).batch(4)
    return orders(lambda model: model.fit(shuffled, epochs=epochs, shuffle=False, verbose=0), epochs)


def right(rows: int, epochs: int, seed: int) -> list[list[int]]:
    """The order of each epoch of ``fit``."""
    shuffled = tf.data.Dataset.range(rows).shuffle(rows, seed, reshuffle_each_iteration=True).batch(4).repeat()
    steps = rows // 4
    return orders(lambda model: model.fit(shuffled, epochs=epochs, steps_per_epoch=steps, shuffle=False, verbose=0), epochs)


def measure() -> Effect:
    """Which orders of the data set four epochs see."""
    rows, epochs, seed = 20, 4, 1
    shuffled = tf.data.Dataset.range(rows).shuffle(rows, seed, reshuffle_each_iteration=True)
    drawn = [[int(row) for row in shuffled] for _ in range(2 * epochs)]
    numbers: dict[str, int] = {}
    shown = {}
    for name, half in (("wrong", wrong), ("right", right)):
        used = [drawn.index(order) for order in half(rows, epochs, seed)]
        numbers |= {f"{name} epoch {epoch}": at for epoch, at in enumerate(used, start=1)}
        shown[name] = ", ".join(str(at) for at in used)
    return Effect("four epochs see the orders {wrong} of the data set, not {right}".format(**shown), numbers)


TRAP = Trap(
    name="dataset-shuffle-skips",
    text=__doc__,
    source="Keras 3",
    kind="framework",
    cause="batch-order",
    wrong=wrong,
    right=right,
    measure=measure,
)
