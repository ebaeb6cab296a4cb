"""What a training leaves behind: curves (``History``) and, where asked for, every step (``StepRecord``).

These records are all that a comparison sees. They hold NumPy arrays only, so it cannot matter which framework made them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

# The stages in the order in which they happen. The first difference is looked for in this order.
STEP_STAGES = (
    "weights in",
    "batch",
    "logits",
    "example losses",
    "loss",
    "gradients",
    "slots",
    "weights out",
    "running metric",
)
EPOCH_STAGES = ("epoch loss", "metrics", "evaluation", "prediction")
STAGES = STEP_STAGES + EPOCH_STAGES
SUMS = 4  # of what a state carries: loss, count, metric, count of the epoch under way
CURVES = ("accuracy", "loss", "mean_absolute_error", "val_accuracy", "val_loss", "val_mean_absolute_error")


@dataclass(frozen=True, kw_only=True)
class State:
    """Everything that the next step depends on: weights and the optimiser's variables, both in Keras's order, for each Dropout
    its seed and its count of calls, int64 (2,), and what is ``carried`` beside them: of the epoch under way loss, count, metric
    and count as added up so far, float32 () each; then the product of a Nadam that Keras's loss scaling wraps and leaves out of
    its list, or what the NumPy rung keeps in float64 and hands out rounded. Without ``carried`` nothing is said of these."""

    weights: list[np.ndarray]
    slots: list[np.ndarray]
    seeds: list[np.ndarray] = field(default_factory=list)
    carried: list[np.ndarray] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class StepRecord:
    """One step as it ran. ``epoch`` and ``step`` count from 1, ``step`` through all epochs.

    Shapes: inputs (batch, columns) as the first layer saw them, targets (batch,) or (batch, classes) as the loss saw them,
    logits (batch, classes), example_losses (batch,) before they are weighed, loss () with what regularisers add, gradients as
    the weights that have one, weights as all of the net's, slots as the optimiser's variables (iteration, learning_rate, ...),
    seeds and carried as in ``State``, running (2,): loss and ``metric`` of the epoch so far. The gradients are those handed to
    the optimiser, before it clips them; of a net in mixed float16 they are scaled with the loss.
    """

    epoch: int
    step: int
    inputs: np.ndarray
    targets: np.ndarray
    logits: np.ndarray
    example_losses: np.ndarray
    loss: np.ndarray
    gradients: list[np.ndarray]
    slots: list[np.ndarray]
    weights: list[np.ndarray]
    running: np.ndarray
    seeds: list[np.ndarray] = field(default_factory=list)
    carried: list[np.ndarray] = field(default_factory=list)
    metric: str = "accuracy"

    @property
    def state(self) -> State:
        """The state after this step."""
        return State(weights=self.weights, slots=self.slots, seeds=self.seeds, carried=self.carried)


@dataclass(frozen=True, kw_only=True)
class EpochRecord:
    """The end of an epoch: its loss and its accuracy, or a regression's mean absolute error, and, where there is a test set,
    those on it and the logits (rows, outputs)."""

    epoch: int
    loss: np.ndarray
    accuracy: np.ndarray | None = None
    mean_absolute_error: np.ndarray | None = None
    val_loss: np.ndarray | None = None
    val_accuracy: np.ndarray | None = None
    val_mean_absolute_error: np.ndarray | None = None
    predictions: np.ndarray | None = None


Record = StepRecord | EpochRecord
Sink = Callable[[Record], None]


@dataclass
class History:
    """What ``fit`` returns. Keras: ``keras.callbacks.History``.

    Each list has one float an epoch; the ``val_`` lists are empty where nothing was validated. A regression has
    ``mean_absolute_error`` in place of ``accuracy``.
    """

    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    mean_absolute_error: list[float] = field(default_factory=list)
    val_loss: list[float] = field(default_factory=list)
    val_accuracy: list[float] = field(default_factory=list)
    val_mean_absolute_error: list[float] = field(default_factory=list)
    execution: str = ""
    jit_compile: bool = False
    trace: list[Record] | None = None

    def append(self, logs: dict[str, float]) -> None:
        """Add one epoch."""
        for name, value in logs.items():
            getattr(self, name).append(float(value))

    @property
    def epoch(self) -> list[int]:
        """The epochs, counted from 0 as Keras does."""
        return list(range(len(self.loss)))

    def go_on(self, curves: Mapping[str, list[float]]) -> None:
        """Put the curves of the epochs so far before those that are still to come."""
        for name, values in curves.items():
            getattr(self, name).extend(values)

    @property
    def history(self) -> dict[str, list[float]]:
        """The curves as a dictionary, as on Keras's object."""
        return {name: list(getattr(self, name)) for name in CURVES if getattr(self, name)}


def start(record: Sink | bool | None, execution: str, jit_compile: bool) -> tuple[History, Sink | None]:
    """An empty history and where the records of a training go: True keeps them in ``History.trace``."""
    history = History(execution=execution, jit_compile=jit_compile)
    if record is True:
        history.trace = []
        return history, history.trace.append
    return history, record or None
