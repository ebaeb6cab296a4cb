"""Twin: lowlevel/trainer.py. Training by the real ``compile`` and ``fit`` of ``keras.Sequential``.

What is ours is the pipeline that feeds ``fit`` the batches of the plan, and the callback that hands records out.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from highlevel import losses, metrics, network, optimizers, storage
from highlevel.watch import Watch
from shared import records
from shared.batches import INFERENCE_BATCH, BatchPlan, plan_of
from shared.callbacks import notify
from shared.data import Dataset, as_rows
from shared.data.card import DataCard
from shared.feed import batch, feed
from shared.settings import resolve
from shared.spec import ModelSpec, TrainSpec
from shared.weights import checked, checked_state

__all__ = ["Trainer"]


class Trainer:
    """Trains the net of a spec by Keras; same methods in both wings. ``network`` is the ``keras.Sequential`` itself.

    Args:
        model: the net.
        train: how it is trained.
        execution: ``"eager"`` (``run_eagerly``), ``"graph"`` (a step at a time), ``"epoch"`` (``steps_per_execution``), or
            ``"auto"``, which is ``"graph"``.
        jit_compile: True compiles with XLA, which rounds differently; ``"auto"`` is False.
    """

    def __init__(self, model: ModelSpec, train: TrainSpec, *, execution: str = "auto", jit_compile: bool | str = "auto"):
        self.model, self.train = model, train
        self.execution, self.jit_compile = resolve(execution, jit_compile, auto="graph")
        self.network = network.build(model, train.seed)
        self.loss = losses.get(train.loss)(model.dtype)
        self.optimizer = optimizers.get(train)
        self.accuracy = metrics.get(train.loss)
        self.network.compile(
            optimizer=self.optimizer,
            loss=self.loss,
            metrics=[self.accuracy],
            run_eagerly=self.execution == "eager",
            jit_compile=self.jit_compile,
        )
        self.optimizer.build(self.network.trainable_variables)
        self.epoch = 0
        self.card = DataCard.numbered(model.outputs)
        self.stop_training = False
        self._watch: Watch | None = None

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

        # A step that is to be seen must return to Python before the next one begins.
        self._run_at_once(plan.steps if self.execution == "epoch" and sink is None else 1)
        self.network.fit(
            _batches(given.x, given.y, plan, self.epoch, last),
            initial_epoch=self.epoch,
            epochs=last,
            steps_per_epoch=plan.steps,
            shuffle=False,
            validation_data=None if given.x_test is None else _pipeline(INFERENCE_BATCH, given.x_test, given.y_test),
            callbacks=[_Reporter(self, history, callbacks, sink, plan, given.x_test)],
            verbose=verbose,
        )
        return history

    def train_on_batch(self, x: Any, y: Any) -> records.StepRecord:
        """One step on one batch of at most ``batch_size`` rows, watched. Keras: ``Model.train_on_batch``."""
        x, y = batch(x, y, self.model, self.train)
        self._watch_steps(True, y.shape[1:])
        self._run_at_once(1)
        self.network.reset_metrics()
        self.network.train_on_batch(x, y)
        assert self._watch is not None
        return self._watch.record(self.epoch + 1, len(x))

    def _run_at_once(self, steps: int) -> None:
        """How many steps Keras runs before it returns to Python."""
        if self.network.steps_per_execution != steps:
            self.network.steps_per_execution = steps
            self.network.train_function = None  # traced for another number

    # -------------------------------------------------------------------------------------------------- watching

    def _watch_steps(self, on: bool, target_shape: tuple[int, ...]) -> None:
        if on and self._watch is None:
            weights = self.network.trainable_variables
            means = (self.network.metrics[0], self.accuracy)  # Keras's own running loss, and the metric that we gave it
            state = [*weights, *self.optimizer.variables, *(part for mean in means for part in (mean.total, mean.count))]
            variables = [variable.value for variable in state]
            shapes = ((self.model.inputs,), target_shape, (self.model.outputs,))
            self._watch = Watch(variables, len(weights), shapes, self.train.batch_size)
            self._watch.attach(self.network, self.loss)
            self.network.train_function = None  # traced without the watch
        elif not on and self._watch is not None:
            self._watch.detach(self.network, self.loss)
            self._watch = None
            self.network.train_function = None

    # ------------------------------------------------------------------------------------------------- inference

    def predict(self, x: Any, batch_size: int = INFERENCE_BATCH) -> np.ndarray:
        """Logits (n, classes); x (n, inputs). Keras: ``Model.predict``."""
        x = as_rows(x, self.model.inputs, self.model.dtype)
        if len(x) == 0:  # Keras has no answer to no question
            return np.zeros((0, self.model.outputs), x.dtype)
        return self.network.predict(_pipeline(batch_size, x), verbose=0)

    def predict_proba(self, x: Any, batch_size: int = INFERENCE_BATCH) -> np.ndarray:
        """Probabilities (n, classes), each row with sum 1: softmax on the outside of the net."""
        return keras.ops.convert_to_numpy(keras.activations.softmax(self.predict(x, batch_size)))

    def evaluate(self, x: Any, y: Any, batch_size: int = INFERENCE_BATCH) -> tuple[float, float]:
        """Loss and accuracy. Keras: ``Model.evaluate``."""
        given = feed((x, y), self.model, self.train)
        loss, accuracy = self.network.evaluate(_pipeline(batch_size, given.x, given.y), verbose=0)
        return float(loss), float(accuracy)

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


def _pipeline(batch_size: int, *arrays: Any) -> tf.data.Dataset:
    """Arrays in order, in batches. Given the arrays themselves, Keras would cast float64 to float32 on the way."""
    tensors = arrays if len(arrays) > 1 else arrays[0]
    return tf.data.Dataset.from_tensor_slices(tensors).batch(batch_size)


def _batches(x: np.ndarray, y: np.ndarray, plan: BatchPlan, first: int, last: int) -> tf.data.Dataset:
    """The batches of epochs ``first`` to ``last - 1`` in the order of the plan, as one pipeline."""
    rows, labels = tf.constant(x), tf.constant(y)

    def epoch(number: tf.Tensor) -> tf.data.Dataset:
        order = tf.numpy_function(lambda k: plan.order(int(k)), [number], tf.int64, stateful=False)
        order = tf.ensure_shape(order, [plan.examples])

        def rows_of(step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            chosen = order[step * plan.batch_size : (step + 1) * plan.batch_size]
            return tf.gather(rows, chosen), tf.gather(labels, chosen)

        return tf.data.Dataset.range(plan.steps).map(rows_of)

    return tf.data.Dataset.range(first, last).flat_map(epoch).prefetch(tf.data.AUTOTUNE)


class _Reporter(keras.callbacks.Callback):
    """Carries what ``fit`` tells its callbacks to the history, the records and the caller's callbacks."""

    def __init__(self, trainer: Trainer, history: records.History, callbacks, sink, plan: BatchPlan, x_test):
        super().__init__()
        self.trainer, self.history_, self.callbacks = trainer, history, callbacks
        self.sink, self.plan, self.x_test = sink, plan, x_test
        self.epoch_ = trainer.epoch

    def on_train_begin(self, logs=None):
        self.trainer.stop_training = False
        notify(self.callbacks, "set_model", self.trainer)
        notify(self.callbacks, "on_train_begin", {})

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch_ = epoch
        notify(self.callbacks, "on_epoch_begin", epoch, {})

    def on_train_batch_end(self, batch, logs=None):
        if self.sink is not None and self.trainer._watch is not None:
            rows = min(self.plan.batch_size, self.plan.examples - batch * self.plan.batch_size)
            self.sink(self.trainer._watch.record(self.epoch_ + 1, rows))

    def on_epoch_end(self, epoch, logs=None):
        self.history_.append(logs)
        self.trainer.epoch = epoch + 1
        if self.sink is not None:
            predictions = None if self.x_test is None else self.trainer.predict(self.x_test)
            values: dict[str, Any] = {name: np.float32(value) for name, value in logs.items()}
            self.sink(records.EpochRecord(epoch=epoch + 1, predictions=predictions, **values))
        notify(self.callbacks, "on_epoch_end", epoch, dict(logs))
        self.model.stop_training = self.model.stop_training or self.trainer.stop_training

    def on_train_end(self, logs=None):
        notify(self.callbacks, "on_train_end", {})
