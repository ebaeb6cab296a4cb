"""Twin: highlevel/distribution.py. One net on several replicas, devices or machines: who computes what, and how they stay equal.

Every replica holds all weights. In a step it takes its share of the batch, computes the gradient of its part of the loss, and
the parts are added up across replicas (the all-reduce); then each makes the same update with the same sum.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import tensorflow as tf

from shared.errors import InputError, WorkerLost
from shared.spec import require

__all__ = ["add_up", "chief", "machines", "replicas", "same_epoch", "scale", "scope", "share", "unscale", "with_workers"]


def scope(strategy: Any) -> Any:
    """Variables made inside are held by every replica, all with the values that the first one draws.

    Raises:
        InputError: neither None nor a strategy that keeps a whole net on every replica.
    """
    kinds = (tf.distribute.MirroredStrategy, tf.distribute.MultiWorkerMirroredStrategy)
    rule = "strategy is a tf.distribute.MirroredStrategy or MultiWorkerMirroredStrategy."
    require(strategy is None or isinstance(strategy, kinds), rule, f"strategy={strategy!r:.80}", "Leave it out to train alone.")
    return nullcontext() if strategy is None else strategy.scope()


def replicas(strategy: Any) -> int:
    """How many replicas there are, on all machines."""
    return 1 if strategy is None else strategy.num_replicas_in_sync


def machines(strategy: Any) -> int:
    """How many machines (``TF_CONFIG`` names them) train together; 0 where there is but this process."""
    resolver = None if strategy is None else strategy.cluster_resolver
    return 0 if resolver is None else sum(map(resolver.cluster_spec().num_tasks, resolver.cluster_spec().jobs))


def chief(strategy: Any) -> bool:
    """Whether this process is the one that writes checkpoints: the first worker, or the only one."""
    if not machines(strategy):
        return True
    resolver = strategy.cluster_resolver
    first = "chief" if "chief" in resolver.cluster_spec().jobs else "worker"
    return (resolver.task_type, resolver.task_id) == (first, 0)


# ------------------------------------------------------------------------------------------------------- within a step


def share(*rows: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """The rows of the batch that are this replica's: one stretch, in the order of the replicas; called in ``strategy.run``."""
    context = tf.distribute.get_replica_context()
    count, number = context.num_replicas_in_sync, tf.cast(context.replica_id_in_sync_group, tf.int32)

    def border(size: tf.Tensor, at: tf.Tensor) -> tf.Tensor:
        return at * (size // count) + tf.minimum(at, size % count)  # the first replicas have a row more where some must

    return tuple(part[border(tf.shape(part)[0], number) : border(tf.shape(part)[0], number + 1)] for part in rows)


def scale(loss: tf.Tensor) -> tf.Tensor:
    """A replica's part of the loss: the mean over its share, divided by the number of replicas; the parts' sum is the batch's."""
    count = tf.distribute.get_strategy().num_replicas_in_sync
    return loss if count == 1 else loss * tf.cast(1.0 / count, loss.dtype)


def unscale(loss: tf.Tensor) -> tf.Tensor:
    """The mean over a replica's share again."""
    count = tf.distribute.get_strategy().num_replicas_in_sync
    return loss if count == 1 else loss * tf.cast(count, loss.dtype)


def add_up(gradients: list[tf.Tensor]) -> list[tf.Tensor]:
    """The sums across all replicas, the same bits on each: the all-reduce."""
    context = tf.distribute.get_replica_context()
    return gradients if context.num_replicas_in_sync == 1 else context.all_reduce(tf.distribute.ReduceOp.SUM, gradients)


# ---------------------------------------------------------------------------------------------------- around a training


def same_epoch(strategy: Any, epoch: int) -> None:
    """See that all workers begin after the same epoch.

    Raises:
        InputError: they do not.
    """
    if strategy is None:
        return

    @tf.function(autograph=False)
    def total() -> tf.Tensor:
        return strategy.reduce(tf.distribute.ReduceOp.SUM, strategy.run(lambda: tf.constant(epoch)), axis=None)

    found = int(total())
    if found != epoch * replicas(strategy):
        raise InputError(
            f"All workers go on after the same epoch. Received: epoch {epoch} here, and others elsewhere. "
            "Let checkpoint name one folder that every worker sees."
        )


@contextmanager
def with_workers(strategy: Any) -> Iterator[None]:
    """Where another worker is lost during the block, end in one clear line.

    Raises:
        WorkerLost: a worker does not answer any more.
    """
    try:
        yield
    except (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.InternalError, tf.errors.CancelledError) as error:
        if strategy is None:
            raise
        why = str(error.message).partition("aborted by: ")[2].split("\n")[0] or type(error).__name__
        raise WorkerLost(
            f"All workers of a training must live to its end. Received: one that is gone ({why:.120}). "
            "Start all of them again; with checkpoint and resume=True they go on from the newest checkpoint."
        ) from error
