"""What a training on several replicas (devices or machines) needs so that it stays the training of one process.

Each replica holds the whole net and gets an equal share of every batch. The gradients of the shares are added up, and every
replica makes the same step. What looks at a whole batch, or at the gradient of one, is therefore not offered here.
"""

from shared.batches import INFERENCE_BATCH, BatchPlan
from shared.checkpoints import Checkpoints
from shared.errors import InputError
from shared.spec import ActivationSpec, DenseSpec, ModelSpec, TrainSpec, require

_ALONE = ("clipnorm", "clipvalue", "global_clipnorm", "gradient_accumulation_steps")


def check_training(model: ModelSpec, train: TrainSpec, execution: str, jit_compile: bool) -> None:
    """Refuse what replicas would compute otherwise than one process does.

    Raises:
        InputError: a layer with statistics or masks of its own, a setting that changes gradients before they are added up,
            averages of the weights, mixed float16, another form than ``graph``, or XLA.
    """
    other = next((layer for layer in model.layers if not isinstance(layer, DenseSpec | ActivationSpec)), None)
    rule = "Replicas see a share of each batch, so their layers are Dense and Activation."
    found = "" if other is None else f"{other.CLASS_NAME} {other.name!r}"
    require(other is None, rule, found, "Leave it out, or train without strategy.")
    settings = {name: getattr(train, name) for name in _ALONE if getattr(train, name) is not None}
    settings |= {"use_ema": True} if train.use_ema else {}
    settings |= {"dtype": model.dtype} if model.dtype == "mixed_float16" else {}
    rule = "Replicas add their gradients up as they are and step at once."
    shown = ", ".join(f"{name}={value!r}" for name, value in settings.items())
    require(not settings, rule, shown, "Leave it out, or train without strategy.")
    rule = "Replicas train in graphs of a step, without XLA."
    shown = f"execution={execution!r}, jit_compile={jit_compile!r}"
    require(execution == "graph" and not jit_compile, rule, shown, "Leave execution and jit_compile out.")


def check_fit(plan: BatchPlan, tests: int, replicas: int, checkpoints: Checkpoints | None, recorded: bool) -> None:
    """Refuse what ``fit`` cannot do with so many replicas; ``tests``: the rows on which it validates.

    Raises:
        InputError: a batch that cannot be shared out equally, checkpoints within an epoch, or a record of every step.
    """
    check_shares(plan.examples, plan.batch_size, replicas)
    check_shares(tests, INFERENCE_BATCH, replicas)
    rule = "A training on replicas keeps a checkpoint at every epoch's end."
    every = None if checkpoints is None else checkpoints.every
    require(checkpoints is None or every == "epoch", rule, f"every={every!r}", 'Use every="epoch".')
    alone(None if not recorded else "record")


def check_shares(rows: int, batch_size: int, replicas: int) -> None:
    """Refuse batches that cannot be shared out equally: Keras would weigh unequal shares alike, and cannot evaluate them at all.

    Raises:
        InputError: there is such a batch.
    """
    odd = next((size for size in (min(batch_size, rows), rows % batch_size) if size % replicas), None)
    if odd is not None:
        raise InputError(
            f"Every batch, the last one too, is shared out equally among the replicas. Received: a batch of {odd} of {rows} "
            f"rows, and {replicas} replicas. Use a batch size that {replicas} divides, and leave out {rows % replicas} rows."
        )


def alone(strategy: object) -> None:
    """Refuse to watch single steps of a training with a ``strategy``.

    Raises:
        InputError: there is one.
    """
    rule = "Single steps are watched in a training without strategy."
    require(strategy is None, rule, "one with a strategy", "Leave strategy out, or do not ask for the steps.")
