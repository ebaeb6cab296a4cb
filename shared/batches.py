"""Which examples each step sees: the plan that is drawn once and handed to both wings.

Frameworks shuffle each in their own way, so equal seeds would not give equal batches. The plan is made by NumPy, outside
of both: epoch k of seed s is one permutation drawn from the generator ``[s, k]``. Any epoch can therefore be drawn by
itself, and three epochs are a prefix of three hundred.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from shared.errors import InputError
from shared.spec import require

# Rows per call when nothing is learned from them (predict, evaluate). Larger than Keras's 32, since these calls are ruled by
# overhead, and the same in both wings: the rows of a matrix product may round differently in a batch of another size.
INFERENCE_BATCH = 1024


@dataclass(frozen=True, eq=False)
class BatchPlan:
    """The order of the examples in every epoch, cut into batches; the last batch of an epoch may be smaller.

    Args:
        examples: how many rows there are.
        batch_size: rows a step.
        seed: fixes all permutations.
        shuffle: False keeps the rows in order.
        orders: explicit orders, int array (epochs, examples), in place of drawn ones; copied.

    Raises:
        InputError: a count that is none, or orders that do not fit the examples.

    >>> plan = BatchPlan(5, 2, shuffle=False)
    >>> plan.steps, plan.order(0).tolist()
    (3, [0, 1, 2, 3, 4])
    """

    examples: int
    batch_size: int
    seed: int = 0
    shuffle: bool = True
    orders: np.ndarray | None = None

    def __post_init__(self) -> None:
        for field, least in (("examples", 1), ("batch_size", 1), ("seed", 0)):
            value = getattr(self, field)
            whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
            rule = f"BatchPlan.{field} must be a whole number of at least {least}."
            require(whole and value >= least, rule, f"{field}={value!r}", f"Use {field}={max(least, 1)}.")
        if self.orders is None:
            return
        try:
            orders = np.array(self.orders)
        except ValueError:  # rows of unequal length
            orders = np.empty(0)
        right = orders.ndim == 2 and orders.dtype.kind in "iu" and orders.shape[1] == self.examples and orders.size > 0
        require(
            right and orders.min() >= 0 and orders.max() < self.examples,
            f"A batch plan is an integer array (epochs, {self.examples}) of row numbers below {self.examples}.",
            f"{orders.dtype} {orders.shape}",
            "Use one row an epoch, as np.random.permutation gives.",
        )
        orders.flags.writeable = False
        object.__setattr__(self, "orders", orders)

    @property
    def steps(self) -> int:
        """Steps an epoch, the partial one included."""
        return -(-self.examples // self.batch_size)

    def order(self, epoch: int) -> np.ndarray:
        """Row numbers of epoch ``epoch`` (counted from 0), int64 (examples,).

        Raises:
            InputError: a negative epoch, or explicit orders that end before this one.
        """
        require(epoch >= 0, "Epochs of a batch plan are counted from 0.", f"epoch={epoch!r}", "Use epoch=0 for the first.")
        if self.orders is not None:
            self.reach(epoch + 1)
            return np.array(self.orders[epoch], np.int64)
        if not self.shuffle:
            return np.arange(self.examples)
        return np.random.Generator(np.random.PCG64([self.seed, epoch])).permutation(self.examples)

    def reach(self, epochs: int) -> None:
        """Raise ``InputError`` where explicit orders end before so many epochs."""
        if self.orders is not None and epochs > len(self.orders):
            raise InputError(
                f"The batch plan must have an order for every epoch. Received: {len(self.orders)} orders, asked for "
                f"epoch {epochs}. Give more rows, or fewer epochs."
            )

    def batches(self, epoch: int) -> Iterator[np.ndarray]:
        """The row numbers of each step of an epoch, int64 (batch,)."""
        order = self.order(epoch)
        for start in range(0, self.examples, self.batch_size):
            yield order[start : start + self.batch_size]


def plan_of(plan: "BatchPlan | np.ndarray | None", examples: int, batch_size: int, seed: int, shuffle: bool) -> BatchPlan:
    """The plan that ``fit`` follows: the one given, an array of orders, or one drawn from the spec."""
    if plan is None:
        return BatchPlan(examples, batch_size, seed, shuffle)
    if not isinstance(plan, BatchPlan):
        return BatchPlan(examples, batch_size, orders=plan)
    if (plan.examples, plan.batch_size) != (examples, batch_size):
        raise InputError(
            f"The batch plan must fit the data: {examples} rows in batches of {batch_size}. Received: {plan.examples} rows "
            f"in batches of {plan.batch_size}. Draw it with BatchPlan({examples}, {batch_size})."
        )
    return plan
