"""The figures of an epoch are measured after it, with the weights that it ended with.

`fit` prints running means: each batch is counted with the weights that it found, so the first batches of an epoch weigh on its
loss with weights that are long better by its end. Whoever evaluates the training set after the epoch gets lower losses and
higher accuracies from the same training, and takes it for a difference between two trainings.

Instead: compare like with like: running means with running means, or `model.evaluate` on both sides. With dropout or batch
normalisation the two differ all the more, since nothing is dropped in an evaluation.

Seen: weights and losses of the steps agree, and the epoch's figures do not.
"""

import numpy as np

from lockstep.auditing.replay import Replay
from lockstep.traps import Effect, Trap, Variant
from lockstep.traps._steps import net, rows

right = Replay.figures


def wrong(self, epoch):
    """Loss and accuracy with the weights at the end."""
    return dict(epoch.after)


def variants(replay):
    """At the end of an epoch; and those of its last batch."""
    yield Variant({"figures": wrong})
    yield Variant({"figures": _last}, "those of the last batch of the epoch alone")


def _last(self, epoch):
    return {"loss": float(epoch.losses[-1]), "accuracy": float(epoch.hits[-1] / epoch.sizes[-1])}


def measure() -> Effect:
    """The first epoch of a small net: its running loss, and the loss after it."""
    from lockstep.auditing.loop import Loop

    x, y = rows()
    loop = Loop(net(), x=x, y=y)
    losses = [float(loop.step(x[at : at + 32], y[at : at + 32])) for at in range(0, len(x), 32)]
    sizes = [min(32, len(x) - at) for at in range(0, len(x), 32)]
    numbers = {
        "right": float(np.average(losses, weights=sizes)),
        "wrong": float(loop.model.evaluate(x, y, batch_size=len(x), verbose=0)),
    }
    return Effect("loss of the first epoch {wrong:.3f}, not {right:.3f}".format(**numbers), numbers)


TRAP = Trap(
    name="measured-after",
    text=__doc__,
    source="Keras 3",
    kind="loop",
    cause="epoch-metric-running",
    stage="epoch loss",
    wrong=wrong,
    right=right,
    measure=measure,
    variants=variants,
)
