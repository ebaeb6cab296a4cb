"""Twin: lowlevel/trainer.py. Training by the real ``compile`` and ``fit`` of ``keras.Sequential``.

What is ours is the pipeline that feeds ``fit`` the batches of the plan, and the callback that hands records out.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property, partial
from itertools import chain
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from highlevel import distribution, epochs, exports, losses, metrics, network, optimizers, pipeline, storage
from highlevel.callbacks import TensorBoard
from highlevel.watch import Watch
from shared import records
from shared.answers import both, link
from shared.batches import INFERENCE_BATCH, BatchPlan, plan_of
from shared.blocks import Blocks, blocks_of
from shared.callbacks import notify
from shared.checkpoints import Checkpoints, Point
from shared.checkpoints.folder import checkpoints_of
from shared.checkpoints.keeper import Keeper
from shared.data import Dataset, StreamedRows, as_rows
from shared.data.card import DataCard
from shared.data.streamed import told
from shared.feed import Feed, batch, feed
from shared.replicas import alone, check_fit, check_shares, check_training
from shared.settings import resolve, starts_with_column
from shared.spec import ModelSpec, TrainSpec
from shared.weights import checked, checked_state, compiled_in, specs_in

__all__ = ["Trainer", "load_model"]


class Trainer:
    """Trains the net of a spec by Keras; same methods in both wings. ``network`` is the ``keras.Sequential`` itself.

    Args:
        model: the net.
        train: how it is trained.
        execution: ``"eager"`` (``run_eagerly``), ``"graph"`` (a step at a time), ``"epoch"`` (all batches of an epoch in one call
            of the train function, which callbacks see as one batch: ``highlevel/epochs.py``), or ``"auto"``: ``"epoch"``, but for
            replicas and for callbacks of Keras that look at each batch. With a record, and with checkpoints that are due within
            an epoch, ``fit`` goes a step at a time in any case.
        jit_compile: True compiles with XLA, which rounds differently; ``"auto"`` does so from 5,000 parameters on.
        strategy: a ``tf.distribute.MirroredStrategy`` (devices) or ``MultiWorkerMirroredStrategy`` (machines), the first thing of
            TensorFlow that the process uses; each batch is shared out among its replicas. None trains alone.

    Raises:
        InputError: what replicas cannot train, with a strategy: see ``shared.replicas``.

    >>> from shared import ModelSpec, TrainSpec
    >>> trainer = Trainer(ModelSpec.mlp(4, 3, 2), TrainSpec(epochs=5))
    >>> history = trainer.fit((np.eye(4), [0, 1, 0, 1]))
    >>> len(history.loss), trainer.predict(np.eye(4)).shape
    (5, (4, 2))
    """

    def __init__(
        self,
        model: ModelSpec,
        train: TrainSpec,
        *,
        execution: str = "auto",
        jit_compile: bool | str = "auto",
        strategy: tf.distribute.Strategy | None = None,
    ):
        self.model, self.train, self.strategy = model, train, strategy
        self.execution, self.jit_compile = resolve(execution, jit_compile, model, alone=strategy is None)
        self._auto = execution == "auto"
        with distribution.scope(strategy):
            if strategy is not None:
                check_training(model, train, self.execution, self.jit_compile)
            self.network = network.build(model, train.seed)
            self.loss = losses.get(train, model.variable_dtype)
            self.optimizer = optimizers.get(train, model.dtype)
            self.metric = metrics.get(train)
            self.network.compile(
                optimizer=self.optimizer,
                loss=self.loss,
                metrics=[self.metric],
                run_eagerly=self.execution == "eager",
                jit_compile=self.jit_compile,
            )
            self.optimizer.build(self.network.trainable_variables)
        # Keras 3.15 has no `fit` for several machines: see ``_Workers``
        self.engine = _Workers(self.network, strategy) if distribution.machines(strategy) else self.network
        self.epoch = 0
        self.card = DataCard.numbered(model.outputs)
        self.stop_training = False
        self._point: Point | None = None  # from where the next ``fit`` goes on
        self._watch: Watch | None = None
        self._whole: dict[tuple, Any] = {}  # functions that run whole epochs, by how many rows there are

    # ------------------------------------------------------------------------------------------------ training

    def fit(
        self,
        data: Any,
        plan: BatchPlan | np.ndarray | None = None,
        record: records.Sink | bool | None = None,
        *,
        epochs: int | None = None,
        validation_data: Any = None,
        sample_weight: Any = None,
        class_weight: Mapping[int, float] | None = None,
        callbacks: Sequence[Any] = (),
        verbose: int = 0,
        checkpoint: Checkpoints | str | os.PathLike[str] | None = None,
        resume: bool = False,
    ) -> records.History:
        """Train; a second call continues where the first ended. Keras: ``Model.fit``.

        Args:
            data: a ``Dataset``, or a pair (x (n, inputs), y (n,) or (n, 1)). Rows that ``stream_file`` left in their file are
                read a block at a time.
            plan: the order of the examples, one row for each epoch since the trainer was made; drawn from the spec where None.
            record: True keeps every step in ``History.trace``; a function is called with each record instead.
            epochs: how many; the spec's where None.
            validation_data: (x, y); a ``Dataset``'s own test set where None.
            sample_weight: a number for each row (n,), by which its loss is multiplied; the divisor stays the number of rows.
            class_weight: label -> such a number for all rows of that class; 1 where a class is not named.
            callbacks: objects with any of Keras's ``set_model``, ``on_train_begin``, ``on_epoch_begin``, ``on_epoch_end``,
                ``on_train_end``; the model that they get is this trainer.
            verbose: 0 silent, 1 a progress bar, 2 a line an epoch.
            checkpoint: a folder for checkpoints, or a ``Checkpoints`` that says more.
            resume: go on from the newest one, in the same bits, of whichever wing it is; begin where there is none. ``epochs``
                counts from the beginning of this training.

        Raises:
            InputError: data, plan or labels do not fit the net, or checkpoints not the training.
        """
        given = feed(data, self.model, self.train, validation_data, sample_weight, class_weight)
        plan = plan_of(plan, len(given.x), self.train.batch_size, self.train.seed, self.train.shuffle)
        source = blocks_of([part for part in (given.x, given.y, given.weights) if part is not None], plan, self.strategy)
        history, sink = records.start(record, self.execution, self.jit_compile)
        checkpoints, count = checkpoints_of(checkpoint, resume), self.train.epochs if epochs is None else epochs
        if self.strategy is not None:
            tests = 0 if given.x_test is None else len(given.x_test)
            check_fit(plan, tests, distribution.replicas(self.strategy), checkpoints, sink is not None)
        keeping = Keeper(
            checkpoints, resume, self, given, plan, count, storage.arithmetic(self), distribution.chief(self.strategy)
        )
        with keeping as keeper, distribution.with_workers(self.strategy), told(given.x):
            point, self._point = self._point or Point.start(self.epoch), None
            distribution.same_epoch(self.strategy, point.epoch)
            todo = point.epochs(count)
            plan.reach(todo.stop)
            self._watch_steps(sink is not None, given.y.shape[1:])
            self.card = DataCard.of(data) if isinstance(data, Dataset) else self.card

            # A step that is to be seen must return to Python before the next one begins.
            whole = self.execution == "epoch" and sink is None and not point.step and keeper.by_epochs
            whole = whole and not (self._auto and any(map(_looks_at_batches, callbacks)))
            each = 1 if not whole else plan.steps if source is None else source.steps  # steps a call of the train function
            ours = [one for one in callbacks if not _of_keras(one)]
            keeping = _Keeping(self, history, callbacks, keeper, plan, todo, point, each)
            hooks = [_Reporter(self, history, ours, sink, given.x_test, keeping), *filter(_of_keras, callbacks), keeping]
            with self._fed(given, source, plan, todo, point, whole) as fed:
                self.engine.fit(
                    initial_epoch=todo.start, epochs=todo.stop, shuffle=False, callbacks=hooks, verbose=verbose, **fed
                )
        return history

    def train_on_batch(self, x: Any, y: Any, sample_weight: Any = None) -> records.StepRecord:
        """One step on one batch of at most ``batch_size`` rows, watched. Keras: ``Model.train_on_batch``."""
        alone(self.strategy)
        given = batch(x, y, self.model, self.train, sample_weight)
        self._watch_steps(True, given.y.shape[1:])
        self.network.reset_metrics()
        self.network.train_on_batch(given.x, given.y, given.weights)
        assert self._watch is not None
        counted = getattr(self.optimizer, "inner_optimizer", self.optimizer).variables[
            0
        ]  # `iterations` counts updates, not steps
        return self._watch.record(self.epoch + 1, int(counted), len(given.x))

    @contextmanager
    def _fed(
        self, given: Feed, source: Blocks | None, plan: BatchPlan, todo: range, point: Point, whole: bool
    ) -> Iterator[dict[str, Any]]:
        """What ``fit`` is fed with; for as long as the block runs, the net has functions that take it."""
        tests = [part for part in (given.x_test, given.y_test) if part is not None]
        fed: dict[str, Any] = {"steps_per_epoch": plan.steps if not whole else 1 if source is None else source.count}
        own = {}  # Keras's functions, as far as others take their place
        try:
            if whole and source is not None:
                fed["x"], own["train_function"] = _blocks(source, todo), self.network.train_function
                self.network.train_function = self._by_blocks(source, fed["x"].element_spec)
            elif whole:
                fed["x"], own["train_function"] = _orders(plan, todo), self.network.train_function
                parts = [part for part in (given.x, given.y, given.weights) if part is not None]
                self.network.train_function = self._at_once("train", plan.batch_size, *parts)
            elif source is not None:
                fed["x"] = _streamed(source, todo, point.step)
            else:
                weights, by_class = (given.sample_weight, given.class_weight) if self.strategy is None else (given.weights, None)
                parts = [part for part in (given.x, given.y, weights) if part is not None]
                fed |= {"x": _batches(parts, plan, todo, point.step), "class_weight": by_class}
            if tests and self.strategy is None and self.execution != "eager":
                in_order = tf.data.Dataset.from_tensors(tf.range(len(tests[0]), dtype=tf.int64)).repeat()
                fed |= {"validation_data": in_order, "validation_steps": 1}
                own["test_function"] = self.network.test_function
                self.network.test_function = self._at_once("test", INFERENCE_BATCH, *tests)
            elif tests:
                fed["validation_data"] = _pipeline(INFERENCE_BATCH, *tests)
            yield fed
        finally:
            for name, function in own.items():
                setattr(self.network, name, function)

    def _at_once(self, kind: str, batch_size: int, *parts: np.ndarray) -> Callable[[Any], dict[str, tf.Tensor]]:
        """The function of the net that runs all batches of such rows in one call."""
        key = (kind, batch_size, len(parts[0]))
        if key not in self._whole:
            apart = kind == "test" or starts_with_column(self.model)
            self._whole[key] = epochs.whole(self.network, len(parts[0]), batch_size, kind, apart)
        return partial(self._whole[key], [tf.constant(part) for part in parts])

    def _by_blocks(self, source: Blocks, spec: tuple[tf.TensorSpec, ...]) -> Callable[[Any], dict[str, tf.Tensor]]:
        """The train function of the net that runs all batches of a block in one call."""
        key = ("blocks", source.plan.batch_size, source.steps, spec)
        if key not in self._whole:
            apart = starts_with_column(self.model)
            self._whole[key] = epochs.blocks(self.network, spec, source.steps, source.plan.batch_size, apart)
        return self._whole[key]

    def _carry_on(self, point: Point) -> None:
        """Give the running means what they had added up when the epoch was broken off."""
        for variable, value in zip(storage.variables(self)[-1], point.state.carried, strict=True):
            variable.assign(value)

    # -------------------------------------------------------------------------------------------------- watching

    def _watch_steps(self, on: bool, target_shape: tuple[int, ...]) -> None:
        if on and self._watch is None:
            weights, *rest = storage.variables(self)
            groups = ([one.value for one in group] for group in (weights, self.network.trainable_weights, *rest))
            shapes = ((self.model.inputs,), target_shape, (self.model.outputs,))
            self._watch = Watch(tuple(groups), shapes, self.train.batch_size, self.train.metric)
            self._watch.attach(self.network, self.loss)
            self.network.train_function = None  # traced without the watch
        elif not on and self._watch is not None:
            self._watch.detach(self.network, self.loss)
            self._watch = None
            self.network.train_function = None

    # ------------------------------------------------------------------------------------------------- inference

    @cached_property
    def _logits(self) -> Callable[[tf.Tensor], tf.Tensor]:
        """Rows to logits as one graph, which reads the weights as they are; called without a search for the right trace."""
        rows = tf.TensorSpec((None, self.model.inputs), self.model.variable_dtype)
        jit = self.jit_compile or None
        return tf.function(lambda x: self.network(x, training=False), jit_compile=jit, autograph=False).get_concrete_function(
            rows
        )

    def predict(self, x: Any, batch_size: int = INFERENCE_BATCH) -> np.ndarray:
        """Logits (n, outputs) in the type of the weights; x (n, inputs). Keras: ``Model.predict``."""
        x = as_rows(x, self.model.inputs, self.model.variable_dtype)
        if len(x) == 0:  # Keras has no answer to no question
            return np.zeros((0, self.model.outputs), x.dtype)
        if self.strategy is not None or self.execution == "eager":
            with told(x):
                return self.engine.predict(_pipeline(batch_size, x), verbose=0).astype(x.dtype)
        # `Model.predict` makes a pipeline at each call, which takes longer than a thousand rows of a small net.
        starts = range(0, len(x), batch_size)
        parts = [self._logits(tf.constant(x[start : start + batch_size])).numpy().astype(x.dtype, copy=False) for start in starts]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def predict_proba(self, x: Any, batch_size: int = INFERENCE_BATCH) -> np.ndarray:
        """Probabilities on the outside of the net: softmax, rows (n, classes) with sum 1; of a binary loss the sigmoid, for one
        output as (n, 2), the probabilities of 0 and 1.

        Raises:
            InputError: a regression has none.
        """
        logits = self.predict(x, batch_size)
        if link(self.model, self.train) == "softmax":
            return keras.ops.convert_to_numpy(keras.activations.softmax(logits))
        return both(keras.ops.convert_to_numpy(keras.activations.sigmoid(logits)))

    def evaluate(self, x: Any, y: Any, batch_size: int = INFERENCE_BATCH) -> tuple[float, float]:
        """Loss, and accuracy or mean absolute error. Keras: ``Model.evaluate``."""
        given = feed((x, y), self.model, self.train)
        check_shares(len(given.x), batch_size, distribution.replicas(self.strategy))
        with told(given.x):
            loss, accuracy = self.engine.evaluate(_pipeline(batch_size, given.x, given.y), verbose=0)
        return float(loss), float(accuracy)

    # ------------------------------------------------------------------------------------------ weights and files

    def weights(self) -> list[np.ndarray]:
        """Copies of all weights in Keras's order: kernel, bias, layer by layer. Keras: ``Model.get_weights``."""
        return [weight.numpy() for weight in self.network.weights]

    def state(self) -> records.State:
        """Copies of the weights, of the optimiser's variables and of what else the next step depends on."""
        weights, slots, seeds, carried = ([one.numpy() for one in group] for group in storage.variables(self))
        return records.State(weights=weights, slots=slots, seeds=seeds, carried=carried)

    def restore(self, state: records.State) -> None:
        """Put back what ``state`` gave, but for what an epoch had added up: every epoch begins anew with that.

        Raises:
            InputError: shapes or counts that do not fit; nothing is changed then.
        """
        state = checked_state(state, self.model, self.state())
        *groups, carried = storage.variables(self)
        values = [*state.weights, *state.slots, *state.seeds, *state.carried[records.SUMS :]]
        for variable, value in zip([*chain(*groups), *carried[records.SUMS :]], values, strict=bool(state.carried)):
            variable.assign(value)

    def continue_from(self, point: Point) -> None:
        """Stand where a training was left, within an epoch too; the next ``fit``, which must be that training, goes on there.

        Raises:
            InputError: a state that does not fit; nothing is changed then.
        """
        self.restore(point.state)
        self.epoch, self._point = point.epoch, point

    def export(self, path: str | Path, data: Dataset | None = None) -> None:
        """Write the net for use elsewhere: x (n, inputs) to logits. Keras: ``Model.export``.

        The name says in which format: ``.onnx``, ``.tflite`` (LiteRT), ``.safetensors`` (weights and specs), or a new folder
        for a SavedModel. The optimiser stays behind. ``data`` as in ``save``; only safetensors holds it.

        Raises:
            InputError: a net that the format has no types for, a missing extra, or a path that cannot be written to.
        """
        exports.write(path, self, self.card if data is None else DataCard.of(data))

    def load(self, weights: Sequence[np.ndarray] | str | Path) -> None:
        """Set the weights from a list; or all that a file of either wing or of plain Keras holds: weights, optimiser, progress,
        so that ``fit`` goes on where the writer's would have. Keras: ``load_weights``.

        Raises:
            InputError: shapes that do not fit, or a file that cannot be read; nothing is changed then.
        """
        if isinstance(weights, str | Path):
            storage.read(weights, self)
        else:
            self.restore(replace(self.state(), weights=checked(weights, self.model)))

    def save(self, path: str | Path, data: Dataset | None = None) -> None:
        """Write weights and optimiser to a ``.weights.h5`` file that both wings and plain Keras load, or to a ``.keras`` file,
        from which ``keras.saving.load_model`` makes the compiled model too. Keras: ``save_weights``, ``Model.save``.

        The file names the classes and describes the rows of ``data``, or else of the data set that was trained on last.

        Raises:
            InputError: another ending, or a path that cannot be written to.
        """
        storage.write(path, self, self.card if data is None else DataCard.of(data))

    def summary(self, print_fn=print) -> None:
        """Print the layers with their shapes and parameters. Keras: ``Model.summary``."""
        network.summary(self.network, print_fn)


def load_model(path: str | Path, train: TrainSpec | None = None) -> Trainer:
    """The trainer whose net and training a file describes, with all that it holds. Keras: ``keras.saving.load_model``.

    Args:
        path: a ``.weights.h5`` or ``.safetensors`` file of either wing, or a ``.keras`` file of either wing or of plain Keras.
        train: how to train, in the place of what the file says.

    Raises:
        InputError: the file cannot be read, does not say what its net is, or says what specs have no words for.
    """
    model, train = specs_in(path, train)
    trainer = Trainer(model, train, jit_compile=compiled_in(path))  # goes on in the arithmetic in which it was trained
    trainer.load(path)
    return trainer


def _pipeline(batch_size: int, *arrays: Any) -> tf.data.Dataset:
    """Arrays in order, in batches. Given the arrays themselves, Keras would cast float64 to float32 on the way."""
    if isinstance(arrays[0], StreamedRows):
        plan = BatchPlan(len(arrays[0]), batch_size, shuffle=False)
        counted = tf.data.experimental.assert_cardinality(plan.steps)  # else Keras warns that the rows come to an end
        return _streamed(Blocks(arrays, plan), range(1), 0).apply(counted)
    tensors = arrays if len(arrays) > 1 else arrays[0]
    return tf.data.Dataset.from_tensor_slices(tensors).batch(batch_size)


def _orders(plan: BatchPlan, epochs: range) -> tf.data.Dataset:
    """The orders of the epochs, one element an epoch, int64 (examples,); the next is drawn while an epoch is trained."""

    def order(number: tf.Tensor) -> tf.data.Dataset:
        drawn = tf.numpy_function(lambda k: plan.order(int(k)), [number], tf.int64, stateful=False)
        return tf.data.Dataset.from_tensors(tf.ensure_shape(drawn, [plan.examples]))

    # Of `map`, Keras would know how many elements there are, and begin anew after the last.
    return tf.data.Dataset.range(epochs.start, epochs.stop).flat_map(order).prefetch(1)


def _batches(parts: list[np.ndarray], plan: BatchPlan, epochs: range, begun: int) -> tf.data.Dataset:
    """The batches of the epochs in the order of the plan, as one pipeline of x, y and perhaps weights; ``begun`` batches of the
    first epoch are left out."""
    tensors = [tf.constant(part) for part in parts]

    def epoch(number: tf.Tensor) -> tf.data.Dataset:
        order = tf.numpy_function(lambda k: plan.order(int(k)), [number], tf.int64, stateful=False)
        order = tf.ensure_shape(order, [plan.examples])

        def rows_of(step: tf.Tensor) -> tuple[tf.Tensor, ...]:
            chosen = order[step * plan.batch_size : (step + 1) * plan.batch_size]
            return tuple(tf.gather(part, chosen) for part in tensors)

        first = tf.where(tf.equal(number, epochs.start), tf.constant(begun, tf.int64), 0)
        return tf.data.Dataset.range(first, plan.steps).map(rows_of)

    return tf.data.Dataset.range(epochs.start, epochs.stop).flat_map(epoch).prefetch(tf.data.AUTOTUNE)


def _blocks(source: Blocks, epochs: range) -> tf.data.Dataset:
    """The blocks of the epochs, elements of x, y and perhaps weights."""

    def rows_of(_: tf.Tensor, *rows: tf.Tensor) -> tf.data.Dataset:
        return tf.data.Dataset.from_tensors(rows)

    return pipeline.blocks(source, epochs).flat_map(rows_of)  # of `map`, Keras would know how many there are: see `_orders`


def _streamed(source: Blocks, epochs: range, begun: int) -> tf.data.Dataset:
    """The same batches, cut from blocks of rows that stand in order."""
    size, begun = source.plan.batch_size, epochs.start * source.plan.steps + begun

    def cut(block: tf.Tensor, *parts: tf.Tensor) -> tf.data.Dataset:
        first = tf.maximum(begun - source.start(block), 0)
        steps = tf.data.Dataset.range(first, -(-tf.shape(parts[0], tf.int64)[0] // size))
        return steps.map(lambda step: tuple(part[step * size : (step + 1) * size] for part in parts))

    return pipeline.blocks(source, epochs, begun % source.plan.steps).flat_map(cut).prefetch(2)


class _Workers:
    """``fit``, ``evaluate`` and ``predict`` on several machines, where those of Keras 3.15 fail before the first step.

    The step is Keras's own ``train_step``: its layers, loss, metrics, and the optimiser, which adds the gradients up. The loop
    around it is ours. Every machine reads all data and takes its share of each batch. See the trap ``workers-fail-in-fit``.
    """

    def __init__(self, network: keras.Sequential, strategy: tf.distribute.Strategy):
        self.network = network
        self._train, self._test = (
            tf.function(lambda *batch, step=step: strategy.run(lambda: step(distribution.share(*batch))), autograph=False)
            for step in (network.train_step, network.test_step)
        )
        self._logits = tf.function(lambda rows: network(rows, training=False), autograph=False)

    def fit(self, x, *, initial_epoch, epochs, steps_per_epoch, validation_data=None, callbacks, verbose, **_):
        """As ``Model.fit``, of what our trainer asks of it."""
        settings = {"verbose": verbose, "epochs": epochs, "steps": steps_per_epoch}
        told = keras.callbacks.CallbackList(callbacks, add_progbar=verbose != 0, model=self.network, **settings)
        self.network.stop_training = False
        told.on_train_begin()
        stream, logs = iter(x), {}
        for epoch in range(initial_epoch, epochs):
            self.network.reset_metrics()
            told.on_epoch_begin(epoch)
            for step in range(steps_per_epoch):
                told.on_train_batch_begin(step)
                self._train(*next(stream))
                told.on_train_batch_end(step)
            logs = self._results()
            if validation_data is not None:
                loss, metric = self.evaluate(validation_data)
                logs |= {f"val_{name}": value for name, value in zip(list(logs), (loss, metric), strict=True)}
            told.on_epoch_end(epoch, logs)
            if self.network.stop_training:
                break
        self.network.optimizer.finalize_variable_values(self.network.trainable_weights)
        told.on_train_end(logs)

    def evaluate(self, batches, verbose=0):
        """As ``Model.evaluate``: loss and metric."""
        self.network.reset_metrics()
        for rows in batches:
            self._test(*rows)
        return list(self._results().values())

    def predict(self, batches, verbose=0):
        """As ``Model.predict``: logits; every machine computes all of them."""
        return np.concatenate([self._logits(rows).numpy() for rows in batches])

    def _results(self) -> dict[str, float]:
        return {name: float(value) for name, value in self.network.get_metrics_result().items()}


def _of_keras(callback: Any) -> bool:
    """Keras's own callbacks are handed to ``fit``; others are told by the reporter."""
    return isinstance(callback, keras.callbacks.Callback)


def _looks_at_batches(callback: Any) -> bool:
    """Whether one of Keras's own callbacks has something to do before or after each batch of a training."""
    hooks = ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end")
    plain = keras.callbacks.Callback
    ends_only = isinstance(callback, TensorBoard)  # ours writes at the ends of epochs
    return (
        _of_keras(callback) and not ends_only and any(getattr(type(callback), hook) is not getattr(plain, hook) for hook in hooks)
    )


class _Reporter(keras.callbacks.Callback):
    """Carries what ``fit`` tells its callbacks to the history, the records and the caller's callbacks; the first in their row."""

    def __init__(self, trainer: Trainer, history: records.History, callbacks, sink, x_test, keeping: "_Keeping"):
        super().__init__()
        self.trainer, self.history_, self.callbacks = trainer, history, callbacks
        self.sink, self.x_test, self.keeping = sink, x_test, keeping

    def on_train_begin(self, logs=None):
        self.trainer.stop_training = False
        notify(self.callbacks, "set_model", self.trainer)
        notify(self.callbacks, "on_train_begin", {})

    def on_epoch_begin(self, epoch, logs=None):
        notify(self.callbacks, "on_epoch_begin", epoch, {})

    def on_train_batch_end(self, batch, logs=None):
        if self.sink is not None and self.trainer._watch is not None:
            epoch, plan = self.trainer.epoch, self.keeping.plan
            step = self.keeping.begun + batch
            rows = min(plan.batch_size, plan.examples - step * plan.batch_size)
            self.sink(self.trainer._watch.record(epoch + 1, epoch * plan.steps + step + 1, rows))

    def on_epoch_end(self, epoch, logs=None):
        self.keeping.take_back()
        self.history_.append(logs)
        self.trainer.epoch = epoch + 1
        if self.sink is not None:
            predictions = None if self.x_test is None else self.trainer.predict(self.x_test)
            values: dict[str, Any] = {name: np.float32(value) for name, value in logs.items()}
            self.sink(records.EpochRecord(epoch=epoch + 1, predictions=predictions, **values))
        notify(self.callbacks, "on_epoch_end", epoch, dict(logs))
        self.model.stop_training = self.model.stop_training or self.trainer.stop_training

    def on_train_end(self, logs=None):
        self.trainer.stop_training = self.model.stop_training
        notify(self.callbacks, "on_train_end", {})


class _Keeping(keras.callbacks.Callback):
    """Tells the keeper of checkpoints what ``fit`` has done, and lets ``fit`` go on within an epoch; the last in the row.

    ``fit`` gives every epoch the same number of steps. One of which some are done already must end earlier: ``stop_training``
    ends it, with all that an epoch's end brings, and is taken back there, before ``fit`` asks whether the training is to end.
    """

    def __init__(self, trainer: Trainer, history, callbacks, keeper: Keeper, plan: BatchPlan, todo: range, point: Point, each):
        super().__init__()
        self.trainer, self.history_, self.callbacks, self.keeper = trainer, history, callbacks, keeper
        self.plan, self.todo, self.point, self.each = plan, todo, point, each
        self.begun, self.cut = 0, False  # steps of this epoch that were done before `fit` began; whether it was ended for that

    def on_train_begin(self, logs=None):
        self.keeper.begin(self.point, self.history_, self.callbacks)

    def on_epoch_begin(self, epoch, logs=None):
        self.begun = self.point.steps_of(epoch)
        if self.begun:
            self.trainer._carry_on(self.point)  # `fit` has just reset them

    def on_train_batch_end(self, batch, logs=None):
        step = min(self.begun + (batch + 1) * self.each, self.plan.steps)  # Keras counts from 0 in every epoch
        if self.trainer.strategy is None:  # else workers would stop at different steps, and wait for each other
            self.keeper.after_step(step)
        if self.begun and step == self.plan.steps and not self.model.stop_training:
            self.model.stop_training = self.cut = True

    def take_back(self):
        """Called at the epoch's end, before the callbacks that may want to end the training."""
        if self.cut:
            self.model.stop_training = self.cut = False

    def on_epoch_end(self, epoch, logs=None):
        stopped = self.model.stop_training
        self.keeper.after_epoch(last=stopped or epoch + 1 == self.todo.stop, stopped=stopped)
