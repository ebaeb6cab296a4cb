"""Twin: highlevel/trainer.py. Training written out: forward, loss, gradient, update, and the loop around them.

The step is written once, in ``_step``. The three forms run the same step and differ only in how much of the loop TensorFlow
compiles: nothing (``eager``), one step (``graph``), or all full batches of an epoch (``epoch``).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from lowlevel import losses, metrics, network, optimizers, storage
from lowlevel.watch import Watch
from shared import records
from shared.batches import INFERENCE_BATCH, BatchPlan, plan_of
from shared.callbacks import notify
from shared.data import Dataset, as_rows
from shared.data.card import DataCard
from shared.feed import Feed, batch, feed
from shared.settings import resolve
from shared.spec import ModelSpec, TrainSpec
from shared.weights import checked, checked_state

__all__ = ["Trainer"]


class Trainer:
    """Trains the net of a spec. Keras: ``compile`` and ``fit`` of ``keras.Sequential``; same methods in both wings.

    Args:
        model: the net.
        train: how it is trained.
        execution: ``"eager"``, ``"graph"`` (a step at a time), ``"epoch"``, or ``"auto"``, which is ``"epoch"``.
        jit_compile: True compiles with XLA, which rounds differently; ``"auto"`` is False.
    """

    def __init__(self, model: ModelSpec, train: TrainSpec, *, execution: str = "auto", jit_compile: bool | str = "auto"):
        self.model, self.train = model, train
        self.execution, self.jit_compile = resolve(execution, jit_compile, auto="epoch")
        self.network = network.build(model, train.seed)
        self.loss = losses.get(train.loss)
        self.reduction = losses.mean_over_batch
        self.optimizer = optimizers.get(train)
        self.optimizer.build(self.network.weights)
        self.mean_loss, self.mean_accuracy = metrics.get()
        self.epoch = 0
        self.card = DataCard.numbered(model.outputs)
        self.stop_training = False
        self._watch: Watch | None = None
        self._compiled: dict[tuple, Any] = {}

    # ------------------------------------------------------------------------------------------------ training

    def fit(
        self,
        data: Any,
        plan: BatchPlan | np.ndarray | None = None,
        record: records.Sink | bool | None = None,
        *,
        epochs: int | None = None,
        validation_data: Any = None,
        callbacks: Sequence[Any] = (),
        verbose: int = 0,
    ) -> records.History:
        """Train; a second call continues where the first ended. Keras: ``Model.fit``.

        Args:
            data: a ``Dataset``, or a pair (x (n, inputs), y (n,) or (n, 1)).
            plan: the order of the examples, one row for each epoch since the trainer was made; drawn from the spec where None.
            record: True keeps every step in ``History.trace``; a function is called with each record instead.
            epochs: how many; the spec's where None.
            validation_data: (x, y); a ``Dataset``'s own test set where None.
            callbacks: objects with any of Keras's ``set_model``, ``on_train_begin``, ``on_epoch_begin``, ``on_epoch_end``,
                ``on_train_end``; the model that they get is this trainer.
            verbose: 0 silent, 1 a progress bar, 2 a line an epoch.

        Raises:
            InputError: data, plan or labels do not fit the net.
        """
        given = feed(data, self.model, self.train, validation_data)
        plan = plan_of(plan, len(given.x), self.train.batch_size, self.train.seed, self.train.shuffle)
        last = self.epoch + (self.train.epochs if epochs is None else epochs)
        plan.reach(last)
        history, sink = records.start(record, self.execution, self.jit_compile)
        self._watch_steps(sink is not None, given.y.shape[1:])
        self.card = DataCard.of(data) if isinstance(data, Dataset) else self.card

        x, y = tf.constant(given.x), tf.constant(given.y)
        self.stop_training = False
        notify(callbacks, "set_model", self)
        notify(callbacks, "on_train_begin", {})
        todo = range(self.epoch, last)
        for epoch in tqdm(todo, unit="epoch") if verbose == 1 else todo:  # even a disabled bar would start a thread
            notify(callbacks, "on_epoch_begin", epoch, {})
            self.mean_loss.reset()
            self.mean_accuracy.reset()
            for rows in self._run_epoch(x, y, plan, epoch, each_step=sink is not None):
                if sink is not None and self._watch is not None:
                    sink(self._watch.record(epoch + 1, rows))
            logs = self._end_epoch(epoch, given, sink)
            history.append(logs)
            self.epoch = epoch + 1
            if verbose == 2:
                print(f"Epoch {self.epoch}/{last} - " + " - ".join(f"{name}: {value:.4f}" for name, value in logs.items()))
            notify(callbacks, "on_epoch_end", epoch, logs)
            if self.stop_training:
                break
        notify(callbacks, "on_train_end", {})
        return history

    def train_on_batch(self, x: Any, y: Any) -> records.StepRecord:
        """One step on one batch of at most ``batch_size`` rows, watched. Keras: ``Model.train_on_batch``."""
        x, y = batch(x, y, self.model, self.train)
        self._watch_steps(True, y.shape[1:])
        self.mean_loss.reset()
        self.mean_accuracy.reset()
        self._function("step")(tf.constant(x), tf.constant(y))
        assert self._watch is not None
        return self._watch.record(self.epoch + 1, len(x))

    def _step(self, x: tf.Tensor, y: tf.Tensor) -> None:
        """One training step: x (batch, inputs), y (batch,) or (batch, classes). Everything else here is bookkeeping."""
        with tf.GradientTape() as tape:
            logits = self.network(x)
            example_losses = self.loss(y, logits)
            loss = self.reduction(example_losses)
        gradients = tape.gradient(loss, self.network.weights)
        self.optimizer.apply(gradients, self.network.weights)
        self._measure(y, logits, loss)
        if self._watch is not None:
            self._watch.see(x, y, logits, example_losses, loss, gradients)

    def _measure(self, y: tf.Tensor, logits: tf.Tensor, loss: tf.Tensor) -> None:
        """Add a batch to the running means."""
        count = tf.cast(tf.shape(logits)[0], tf.float32)
        self.mean_loss.add(tf.cast(loss, tf.float32) * count, count)
        self.mean_accuracy.add(tf.reduce_sum(metrics.accuracy(y, logits)), count)

    # ------------------------------------------------------------------------------------------- the three forms

    def _run_epoch(self, x: tf.Tensor, y: tf.Tensor, plan: BatchPlan, epoch: int, each_step: bool) -> Iterator[int]:
        """Train one epoch; yields the size of the last batch after each step (``each_step``) or once at the end."""
        order = tf.constant(plan.order(epoch))
        x, y = tf.gather(x, order), tf.gather(y, order)  # outside of the step: XLA would fuse it in, and round differently
        size = plan.batch_size
        full, rest = divmod(plan.examples, size)
        if self.execution == "epoch":
            pieces = [(first, first + 1) for first in range(full)] if each_step else [(0, full)][: full and 1]
            for first, last in pieces:
                self._function("steps")(x, y, tf.constant(first), tf.constant(last))
                yield size
        else:
            for first in range(full):
                self._function("step")(x[first * size : (first + 1) * size], y[first * size : (first + 1) * size])
                yield size
        if rest:  # the partial batch is a step of its own size: padding it with a mask would cost more and round differently
            self._function("step")(x[full * size :], y[full * size :])
            yield rest

    def _steps(self, x: tf.Tensor, y: tf.Tensor, first: tf.Tensor, last: tf.Tensor) -> None:
        """Full batches ``first`` to ``last - 1`` of an epoch whose rows stand in order, in one loop inside TensorFlow."""
        size = self.train.batch_size

        def batch_of(rows: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
            others = rows.shape[1:]
            return tf.slice(rows, [step * size] + [0] * len(others), [size, *others])

        def body(step: tf.Tensor) -> tuple[tf.Tensor]:
            self._step(batch_of(x, step), batch_of(y, step))
            return (step + 1,)

        tf.while_loop(lambda step: step < last, body, (first,), parallel_iterations=1)

    def _function(self, name: str):
        """The method ``_name``, compiled as the trainer's form asks, once."""
        key = (name, self._watch is not None)
        if key not in self._compiled:
            function = getattr(self, f"_{name}")
            if self.execution != "eager":
                function = tf.function(function, jit_compile=self.jit_compile or None, autograph=False)
            self._compiled[key] = function
        return self._compiled[key]

    # -------------------------------------------------------------------------------------------------- watching

    def _watch_steps(self, on: bool, target_shape: tuple[int, ...]) -> None:
        if not on:
            self._watch = None
        elif self._watch is None:
            means = [part for mean in (self.mean_loss, self.mean_accuracy) for part in (mean.total, mean.count)]
            state = [*self.network.weights, *self.optimizer.variables, *means]
            count = len(self.network.weights)
            self._watch = Watch(state, count, ((self.model.inputs,), target_shape, (self.model.outputs,)), self.train.batch_size)
            self._compiled = {key: function for key, function in self._compiled.items() if not key[1]}

    def _end_epoch(self, epoch: int, given: Feed, sink: records.Sink | None) -> dict[str, float]:
        logs = {"loss": self.mean_loss.result().numpy(), "accuracy": self.mean_accuracy.result().numpy()}
        if given.x_test is not None:
            logs["val_loss"], logs["val_accuracy"] = self._evaluate(given.x_test, given.y_test, INFERENCE_BATCH)
        if sink is not None:
            predictions = None if given.x_test is None else self.predict(given.x_test)
            sink(records.EpochRecord(epoch=epoch + 1, predictions=predictions, **logs))
        return {name: float(value) for name, value in logs.items()}

    # ------------------------------------------------------------------------------------------------- inference

    def predict(self, x: Any, batch_size: int = INFERENCE_BATCH) -> np.ndarray:
        """Logits (n, classes); x (n, inputs). Keras: ``Model.predict``."""
        x = as_rows(x, self.model.inputs, self.model.dtype)
        call = self._function("logits")
        parts = [call(tf.constant(x[start : start + batch_size])) for start in range(0, len(x), batch_size)]
        return np.concatenate([np.zeros((0, self.model.outputs), x.dtype), *(part.numpy() for part in parts)])

    def predict_proba(self, x: Any, batch_size: int = INFERENCE_BATCH) -> np.ndarray:
        """Probabilities (n, classes), each row with sum 1: softmax on the outside of the net."""
        return tf.nn.softmax(self.predict(x, batch_size)).numpy()

    def evaluate(self, x: Any, y: Any, batch_size: int = INFERENCE_BATCH) -> tuple[float, float]:
        """Loss and accuracy. Keras: ``Model.evaluate``."""
        given = feed((x, y), self.model, self.train)
        loss, accuracy = self._evaluate(given.x, given.y, batch_size)
        return float(loss), float(accuracy)

    def _evaluate(self, x: np.ndarray, y: np.ndarray | None, batch_size: int) -> tuple[np.ndarray, np.ndarray]:
        assert y is not None
        self.mean_loss.reset()
        self.mean_accuracy.reset()
        call = self._function("test")
        for start in range(0, len(x), batch_size):
            call(tf.constant(x[start : start + batch_size]), tf.constant(y[start : start + batch_size]))
        return self.mean_loss.result().numpy(), self.mean_accuracy.result().numpy()

    def _logits(self, x: tf.Tensor) -> tf.Tensor:
        return self.network(x)

    def _test(self, x: tf.Tensor, y: tf.Tensor) -> None:
        logits = self.network(x)
        self._measure(y, logits, self.reduction(self.loss(y, logits)))

    # ------------------------------------------------------------------------------------------ weights and files

    def weights(self) -> list[np.ndarray]:
        """Copies of all weights in Keras's order: kernel, bias, layer by layer. Keras: ``Model.get_weights``."""
        return [weight.numpy() for weight in self.network.weights]

    def state(self) -> records.State:
        """Copies of the weights and of the optimiser's variables."""
        return records.State(weights=self.weights(), slots=[slot.numpy() for slot in self.optimizer.variables])

    def restore(self, state: records.State) -> None:
        """Put back what ``state`` gave.

        Raises:
            InputError: shapes or counts that do not fit; nothing is changed then.
        """
        state = checked_state(state, self.model, self.state().slots)
        for variable, value in zip(self.network.weights, state.weights, strict=True):
            variable.assign(value)
        for variable, value in zip(self.optimizer.variables, state.slots, strict=True):
            variable.assign(value)

    def load(self, weights: Sequence[np.ndarray] | str | Path) -> None:
        """Set the weights from a list, or weights and optimiser from a file of either wing. Keras: ``load_weights``.

        Raises:
            InputError: shapes that do not fit, or a file that cannot be read; nothing is changed then.
        """
        if isinstance(weights, str | Path):
            storage.read(weights, self)
        else:
            self.restore(records.State(weights=checked(weights, self.model), slots=self.state().slots))

    def save(self, path: str | Path, data: Dataset | None = None) -> None:
        """Write weights and optimiser to a ``.weights.h5`` file that both wings and plain Keras load.

        The file names the classes and describes the rows of ``data``, or else of the data set that was trained on last.
        """
        storage.write(path, self, self.card if data is None else DataCard.of(data))

    def summary(self, print_fn=print) -> None:
        """Print the layers with their shapes and parameters. Keras: ``Model.summary``."""
        network.summary(self.network, print_fn)
