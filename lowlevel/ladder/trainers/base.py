"""What the rungs share as sides of a comparison: data, order of the examples, records, and Keras's layout.

A rung holds W (units, inputs), b (units, 1) and examples as columns; here weights, gradients, slots and logits are turned into
Keras's layout on their way out, and back on their way in.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar

import numpy as np

from lowlevel import network
from shared import records
from shared.batches import INFERENCE_BATCH, BatchPlan, plan_of
from shared.checkpoints import Point
from shared.data import as_rows
from shared.feed import batch, feed
from shared.rungs import check_rung
from shared.spec import ModelSpec, TrainSpec
from shared.weights import checked, checked_state


def through_float32(value: float) -> float:
    """The float64 that TensorFlow makes of a Python number: it passes through float32."""
    return float(np.float32(value))


@dataclass(frozen=True)
class Step:
    """What one step computed: logits (classes, batch), losses (batch,), their mean, and gradients in the order W1, b1, ..."""

    logits: np.ndarray
    losses: np.ndarray
    loss: np.ndarray
    gradients: list[np.ndarray]


class _Means:
    """Loss and accuracy of an epoch so far, added up in float32 as both wings do."""

    def __init__(self) -> None:
        self.totals, self.count = np.zeros(2, np.float32), np.float32(0)

    def add(self, loss: Any, logits: np.ndarray, labels: np.ndarray) -> None:
        count = np.float32(len(labels))
        right = (logits.argmax(axis=0) == labels).sum()
        self.totals += np.array([np.float32(loss) * count, right], np.float32)
        self.count += count

    def result(self) -> np.ndarray:
        return self.totals / self.count

    @property
    def carried(self) -> list[np.ndarray]:
        """As in ``State``: loss, count, accuracy, count."""
        return [np.array(value) for total in self.totals for value in (total, self.count)]

    @classmethod
    def of(cls, carried: Sequence[np.ndarray]) -> "_Means":
        """Those that ``carried`` gave."""
        means = cls()
        means.totals, means.count = np.array(carried[: records.SUMS : 2], np.float32), np.float32(carried[1])
        return means


class Trainer(ABC):
    """What the rungs share: data, order, records, layout. A rung adds one training step, one forward pass and its variables.

    Args:
        model, train: Dense layers, sparse categorical cross-entropy, SGD with or without momentum, or Adam.

    Raises:
        InputError: anything else.
    """

    rung: ClassVar[str]

    def __init__(self, model: ModelSpec, train: TrainSpec) -> None:
        check_rung(self.rung, model, train)
        self.model, self.train = model, train
        layers: tuple[Any, ...] = model.layers  # Dense, all of them, as the check has seen; and the rate is a number
        rate: Any = train.learning_rate
        self.units = (model.inputs, *(layer.units for layer in layers))
        self.activations = tuple(layer.activation for layer in layers)
        self.optimizer_name = "nesterov" if train.nesterov else "momentum" if train.momentum else train.optimizer
        self.names = [f"{letter}{layer}" for layer in range(1, len(model.layers) + 1) for letter in "Wb"]
        self.epoch = self.iteration = 0
        self._point: Point | None = None  # from where the next ``fit`` goes on
        self._means = _Means()
        self.learning_rate = np.float32(rate)
        first = [weight.numpy() for weight in network.build(model, train.seed).weights]  # what the wings start from too
        self._build(dict(zip(self.names, _columns(first), strict=True)))

    # -------------------------------------------------------------------------------------------- what a rung must add

    @abstractmethod
    def _build(self, parameters: dict[str, np.ndarray]) -> None:
        """Make the variables, with these values, and their slots of zeros."""

    @abstractmethod
    def _put(self, parameters: list[np.ndarray], slots: list[np.ndarray]) -> None:
        """Set the variables: W1, b1, ..., and their slots in the same order, those of one variable together."""

    @abstractmethod
    def _get(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """What ``_put`` sets."""

    def _hidden(self) -> list[np.ndarray]:
        """What ``state`` must carry because the weights and slots that it hands out are rounded."""
        return []

    @abstractmethod
    def _step(self, X: np.ndarray, labels: np.ndarray) -> Step:
        """Train on one batch, X (inputs, batch); ``iteration`` counts the steps before this one."""

    @abstractmethod
    def _forward(self, X: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Logits (classes, batch) and losses (batch,) without training."""

    # -------------------------------------------------------------------------------------------------------- training

    def fit(
        self,
        data: Any,
        plan: BatchPlan | np.ndarray | None = None,
        record: records.Sink | bool | None = None,
        *,
        epochs: int | None = None,
        validation_data: Any = None,
    ) -> records.History:
        """Train; arguments and result are those of ``lowlevel.Trainer.fit``. A second call continues.

        Raises:
            InputError: data, plan or labels do not fit the net.
        """
        given = feed(data, self.model, self.train, validation_data)
        plan = plan_of(plan, len(given.x), self.train.batch_size, self.train.seed, self.train.shuffle)
        point, self._point = self._point or Point.start(self.epoch), None
        todo = point.epochs(self.train.epochs if epochs is None else epochs)
        plan.reach(todo.stop)
        history, sink = records.start(record, self.rung, False)
        history.go_on(point.curves)
        for epoch in todo:
            self._means = _Means.of(point.state.carried) if point.steps_of(epoch) else _Means()
            for rows in islice(plan.batches(epoch), point.steps_of(epoch), None):
                x, y = given.x[rows], given.y[rows]
                step = self._train(x, y)
                if sink is not None:
                    sink(self._record(x, y, step))
            loss, accuracy = self._means.result()
            logs: dict[str, Any] = {"loss": loss, "accuracy": accuracy}
            predictions = None
            if given.x_test is not None and given.y_test is not None:
                predictions, means = self._evaluate(given.x_test, given.y_test)
                logs["val_loss"], logs["val_accuracy"] = means.result()
            self.epoch = epoch + 1
            history.append(logs)
            if sink is not None:
                sink(records.EpochRecord(epoch=self.epoch, predictions=predictions, **logs))
        return history

    def train_on_batch(self, x: Any, y: Any) -> records.StepRecord:
        """One step on one batch of at most ``batch_size`` rows."""
        given, self._means = batch(x, y, self.model, self.train), _Means()
        return self._record(given.x, given.y, self._train(given.x, given.y))

    def _train(self, x: np.ndarray, y: np.ndarray) -> Step:
        step = self._step(x.T, y)
        self.iteration += 1
        self._means.add(step.loss, step.logits, y)
        return step

    def _record(self, x: np.ndarray, y: np.ndarray, step: Step) -> records.StepRecord:
        dtype, state = self.model.dtype, self.state()
        return records.StepRecord(
            epoch=self.epoch + 1,
            step=self.iteration,
            inputs=x,
            targets=y.astype(dtype),
            logits=step.logits.T.astype(dtype),
            example_losses=step.losses.astype(dtype),
            loss=np.array(step.loss, np.float32),  # as `fit` has it, in float64 nets too
            gradients=[gradient.astype(dtype) for gradient in _rows(step.gradients)],
            slots=state.slots,
            weights=state.weights,
            running=self._means.result(),
            carried=state.carried,
        )

    # ------------------------------------------------------------------------------------------------------- inference

    def predict(self, x: Any) -> np.ndarray:
        """Logits (n, classes); x (n, inputs)."""
        x = as_rows(x, self.model.inputs, self.model.dtype)
        return self._evaluate(x, np.zeros(len(x), np.int64))[0]

    def _evaluate(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, _Means]:
        """Logits (n, classes), and the means of loss and accuracy."""
        means, parts = _Means(), [np.zeros((0, self.model.outputs), self.model.dtype)]
        for start in range(0, len(x), INFERENCE_BATCH):
            labels = y[start : start + INFERENCE_BATCH]
            logits, losses = self._forward(x[start : start + INFERENCE_BATCH].T, labels)
            means.add(losses.mean(), logits, labels)
            parts.append(logits.T.astype(self.model.dtype))
        return np.concatenate(parts), means

    # --------------------------------------------------------------------------------------------------------- weights

    def weights(self) -> list[np.ndarray]:
        """Copies of all weights in Keras's order and layout, in the net's dtype."""
        return self.state().weights

    def state(self) -> records.State:
        """Copies of the weights and of the optimiser's variables: iteration, learning_rate, slots weight by weight."""
        parameters, slots = self._get()
        dtype = self.model.dtype
        return records.State(
            weights=[weight.astype(dtype) for weight in _rows(parameters)],
            slots=[
                np.array(self.iteration, np.int64),
                np.array(self.learning_rate, np.float32),
                *(slot.astype(dtype) for slot in _rows(slots, len(self.train.slots))),
            ],
            carried=[*self._means.carried, *self._hidden()],
        )

    def restore(self, state: records.State) -> None:
        """Put back what ``state`` of a side with the same specs gave.

        Raises:
            InputError: shapes or counts that do not fit; nothing is changed then.
        """
        state = checked_state(state, self.model, self.state())
        self.iteration, self.learning_rate = int(state.slots[0]), np.float32(state.slots[1])
        self._put(_columns(state.weights), _columns(state.slots[2:]))

    def continue_from(self, point: Point) -> None:
        """Stand where a training was left; the next ``fit`` goes on from there. See ``lowlevel.Trainer.continue_from``.

        Raises:
            InputError: a state that does not fit; nothing is changed then.
        """
        self.restore(point.state)
        self.epoch, self._point = point.epoch, point

    def load(self, weights: Sequence[np.ndarray]) -> None:
        """Set the weights from a list in Keras's order and layout.

        Raises:
            InputError: shapes that do not fit; nothing is changed then.
        """
        self._put(_columns(checked(weights, self.model)), self._get()[1])


def _columns(arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """kernel (inputs, units) to W (units, inputs), bias (units,) to b (units, 1).

    Row after row in memory, as an update leaves them: a product with the same numbers in another layout may round otherwise.
    """
    return [np.ascontiguousarray(array.T) if array.ndim == 2 else array[:, None] for array in arrays]


def _rows(arrays: Sequence[np.ndarray], each: int = 1) -> list[np.ndarray]:
    """The way back, for W and b in turn; ``each`` arrays of one shape stand together."""
    return [array[:, 0] if at // each % 2 else array.T for at, array in enumerate(arrays)]
