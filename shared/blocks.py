"""Rows that are streamed, in the order of a batch plan: which batches a block holds, and how it is read.

A block is some whole batches of one epoch, in order; it is read and cast while the net trains on the one before.  Both wings
take their blocks from here, and bring them to the net by ``tf.data``, in ``pipeline.py``.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from shared.batches import BatchPlan
from shared.data import StreamedRows
from shared.spec import require

BLOCK_BYTES = 2**23  # of rows as the net takes them; four blocks are in memory: one in use, one ready, two being read


class Blocks:
    """The blocks of a training, counted through all its epochs.

    Args:
        parts: rows (n, inputs), streamed, then targets and perhaps weights, arrays in the order of the data.
        plan: the order.

    >>> blocks = Blocks([np.arange(10.0)[:, None], np.arange(10)], BatchPlan(10, 4, shuffle=False))
    >>> blocks.steps, blocks.count, blocks.read(0)[1].tolist()
    (3, 1, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    """

    def __init__(self, parts: Sequence[Any], plan: BatchPlan) -> None:
        self.parts, self.plan = parts, plan
        batch = plan.batch_size * parts[0].shape[1] * parts[0].dtype.itemsize
        self.steps = min(max(1, BLOCK_BYTES // batch), plan.steps)  # steps a block; the last one of an epoch may have fewer
        self.count = -(-plan.steps // self.steps)  # blocks an epoch
        self._order = lru_cache(maxsize=2)(plan.order)  # drawn once an epoch; at its end two are read from at once

    def first(self, epoch: int, step: int = 0) -> int:
        """The number of the block in which step ``step`` of an epoch lies; both are counted from 0."""
        return epoch * self.count + step // self.steps

    def start(self, block: int) -> int:
        """Which step of the training is the first of the block, counted from 0 through all epochs; numbers or tensors."""
        return block // self.count * self.plan.steps + block % self.count * self.steps

    def read(self, block: int) -> list[np.ndarray]:
        """The rows of every part that the block holds, in order.

        Raises:
            InputError: the file is not what it was.
        """
        epoch, block = divmod(int(block), self.count)
        rows = self.steps * self.plan.batch_size
        chosen = self._order(epoch)[block * rows : (block + 1) * rows]
        return [part[chosen] for part in self.parts]


def blocks_of(parts: Sequence[Any], plan: BatchPlan, strategy: object = None) -> Blocks | None:
    """The blocks of such parts; None where all are in memory.

    Raises:
        InputError: rows that are streamed, and a strategy.
    """
    if not isinstance(parts[0], StreamedRows):
        return None
    rule = "Replicas train on rows in memory."
    require(strategy is None, rule, "streamed rows and a strategy", "Leave strategy out, or read the data with load_file.")
    return Blocks(parts, plan)
