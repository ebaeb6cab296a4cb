"""Twin: highlevel/trainer.py. Training written out: forward, loss, gradient, update, and the loop around them.

The step is written once, in ``_step``. The three forms run the same step and differ only in how much of the loop TensorFlow
compiles: nothing (``eager``), one step (``graph``), or whole epochs (``epoch``: ``lowlevel/epochs.py``).
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from lowlevel import distribution, epochs, exports, losses, metrics, network, optimizers, pipeline, storage
from lowlevel.carried import cells
from lowlevel.watch import Watch
from shared import records
from shared.answers import both, link
from shared.batches import INFERENCE_BATCH, BatchPlan, plan_of
from shared.blocks import Blocks, blocks_of
from shared.callbacks import notify
from shared.checkpoints import Checkpoints, Point
from shared.checkpoints.folder import checkpoints_of
from shared.checkpoints.keeper import Keeper
from shared.data import Dataset, as_rows
from shared.data.card import DataCard
from shared.data.streamed import told
from shared.feed import Feed, batch, feed
from shared.replicas import alone, check_fit, check_shares, check_training
from shared.settings import FORMS, FUSED, resolve, starts_with_column
from shared.spec import ModelSpec, TrainSpec
from shared.weights import checked, checked_state, compiled_in, specs_in

__all__ = ["Trainer", "load_model"]

_TOGETHER = 16  # epochs at most that one call trains, where nobody looks between them ...
_WORK = 2**26  # ... and steps times parameters of them all, where there is more than one


class Trainer:
    """Trains the net of a spec. Keras: ``compile`` and ``fit`` of ``keras.Sequential``; same methods in both wings.

    Args:
        model: the net.
        train: how it is trained.
        execution: ``"eager"``, ``"graph"`` (a step at a time), ``"epoch"`` (whole epochs in one call), or ``"auto"``, which is
            ``"epoch"``. All end in the same bits. ``"fused"`` does not: ``"epoch"`` with TensorFlow's own kernel of Adam.
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
        forms = (*FORMS, FUSED)
        self.execution, self.jit_compile = resolve(execution, jit_compile, model, alone=strategy is None, forms=forms)
        with distribution.scope(strategy):
            if strategy is not None:
                check_training(model, train, self.execution, self.jit_compile)
            self.network = network.build(model, train.seed)
            self.optimizer = optimizers.get(train, model.dtype, fused=self.execution == FUSED)
            self.optimizer.build(self.network.trainable_weights)
            self.mean_loss, self.mean_metric = metrics.Mean(), metrics.Mean()
        self.loss = losses.get(train, model.variable_dtype)
        self.reduction = losses.mean_over_batch
        self.metric = metrics.get(train)
        self.epoch = 0
        self.card = DataCard.numbered(model.outputs)
        self.stop_training = False
        self._point: Point | None = None  # from where the next ``fit`` goes on
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
        parts = [part for part in (given.x, given.y, given.weights) if part is not None]
        source = blocks_of(parts, plan, self.strategy)
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

            fits = _WORK // (plan.steps * self.model.parameters)  # epochs in a call, which Ctrl-C cannot break off
            whole = source is None and sink is None and self._runs_whole(plan) and not point.step
            whole = whole and (checkpoints is None or (keeper.by_epochs and fits > 0))
            seen = bool(callbacks or verbose or checkpoints) or given.x_test is not None
            at_once = 1 if seen else max(1, min(_TOGETHER, fits))
            ahead: list[dict[str, Any]] = []  # what epochs that are done already have left
            if source is None:
                rows = [tf.constant(part) for part in parts]
            else:
                stream = iter(pipeline.blocks(source, todo, point.step))
            self.stop_training = False
            notify(callbacks, "set_model", self)
            notify(callbacks, "on_train_begin", {})
            keeper.begin(point, history, callbacks)
            for epoch in tqdm(todo, unit="epoch") if verbose == 1 else todo:  # even a disabled bar would start a thread
                notify(callbacks, "on_epoch_begin", epoch, {})
                if whole:
                    ahead = ahead or self._run_epochs(rows, plan, epoch, min(at_once, todo.stop - epoch), at_once)
                    logs = ahead.pop(0)
                else:
                    self._reset_means()
                    if point.steps_of(epoch):
                        self._carry_on(point)
                    reach = keeper.reach if sink is None else lambda step: step + 1
                    if source is None:
                        steps = self._run_epoch(rows, plan, epoch, point.steps_of(epoch), reach)
                    else:
                        steps = self._run_blocks(stream, source, epoch, point.steps_of(epoch), reach)
                    for step, size in steps:
                        if sink is not None and self._watch is not None:
                            sink(self._watch.record(epoch + 1, epoch * plan.steps + step, size))
                        if self.strategy is None:  # else workers would stop at different steps, and wait for each other
                            keeper.after_step(step)
                    logs = self._logs(self.mean_loss.result().numpy(), self.mean_metric.result().numpy())
                logs = self._end_epoch(epoch, logs, given, sink)
                history.append(logs)
                self.epoch = epoch + 1
                if verbose == 2:
                    figures = " - ".join(f"{name}: {value:.4f}" for name, value in logs.items())
                    print(f"Epoch {self.epoch}/{todo.stop} - {figures}")
                notify(callbacks, "on_epoch_end", epoch, logs)
                keeper.after_epoch(last=self.stop_training or self.epoch == todo.stop, stopped=self.stop_training)
                if self.stop_training:
                    break
            self.optimizer.finalize(self.network.trainable_weights)
            notify(callbacks, "on_train_end", {})
        return history

    def train_on_batch(self, x: Any, y: Any, sample_weight: Any = None) -> records.StepRecord:
        """One step on one batch of at most ``batch_size`` rows, watched. Keras: ``Model.train_on_batch``."""
        alone(self.strategy)
        given = batch(x, y, self.model, self.train, sample_weight)
        self._watch_steps(True, given.y.shape[1:])
        self._reset_means()
        rows = [tf.constant(part) for part in (given.x, given.y, given.weights) if part is not None]
        self._function("step", *rows)(*rows)
        assert self._watch is not None
        return self._watch.record(self.epoch + 1, int(self.optimizer.iteration), len(given.x))

    def _step(self, x: tf.Tensor, y: tf.Tensor, *sample_weight: tf.Tensor) -> tf.Tensor:
        """One training step: x (batch, inputs), y (batch,) or (batch, outputs), and weights (batch,) where examples are weighed.

        Everything else here is bookkeeping.
        """
        sources = cells.sources(self.network.trainable_weights)
        with tf.GradientTape() as tape:
            tape.watch(sources)
            logits = self.network(x, training=True)
            goal = (y, logits, *sample_weight)
            # as with the layers: in eager code the loss is a graph of its own, so that its gradient adds up in the same order
            objective = self._graph("objective", *goal) if tf.executing_eagerly() else self._objective
            example_losses, loss = objective(*goal)
            scaled = self.optimizer.scale_loss(loss)
        gradients = distribution.add_up(tape.gradient(scaled, sources))
        self.optimizer.apply(gradients, self.network.trainable_weights)
        self._measure(y, logits, loss)
        if self._watch is not None:
            self._watch.see(tf.cast(x, self.model.compute_dtype), y, logits, example_losses, loss, gradients)
        return loss  # as Keras's step does: a graph that returns nothing is optimised, and so rounded, in another way

    def _objective(self, y: tf.Tensor, logits: tf.Tensor, *sample_weight: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The losses of the examples (batch,), and the loss () that is minimised."""
        example_losses = self.loss(y, logits)
        penalties = [distribution.scale(penalty) for penalty in self.network.penalties()]
        return example_losses, losses.total(distribution.scale(self.reduction(example_losses, *sample_weight)), penalties)

    def _measure(self, y: tf.Tensor, logits: tf.Tensor, loss: tf.Tensor) -> None:
        """Add a batch to the running means."""
        count = tf.cast(tf.shape(logits)[0], tf.float32)
        self.mean_loss.add(distribution.unscale(loss) * count, count)
        self.mean_metric.add(tf.reduce_sum(self.metric(y, logits)), count)

    def _reset_means(self) -> None:
        self.mean_loss.reset()
        self.mean_metric.reset()

    def _carry_on(self, point: Point) -> None:
        """Give the running means what they had added up when the epoch was broken off."""
        for variable, value in zip(storage.variables(self)[-1], point.state.carried, strict=True):
            variable.assign(value)

    # ------------------------------------------------------------------------------------------- the three forms

    def _runs_whole(self, plan: BatchPlan) -> bool:
        """Whether whole epochs round as steps do. A loop of one round XLA takes apart, and rounds otherwise."""
        rounds = plan.examples // plan.batch_size
        return self.execution in ("epoch", FUSED) and not (self.jit_compile and (rounds < 2 or starts_with_column(self.model)))

    def _run_epochs(self, rows: list[tf.Tensor], plan: BatchPlan, first: int, count: int, room: int) -> list[dict[str, Any]]:
        """Train ``count`` epochs, of ``room`` that a call can take, from ``first`` on: loss and metric of each."""
        orders = np.zeros((room, plan.examples), np.int64)  # of one shape in all calls: XLA compiles for each
        for at in range(count):
            orders[at] = plan.order(first + at)
        losses, found = self._graph("whole", *rows)(tf.constant(count), tf.constant(plan.batch_size), tf.constant(orders), *rows)
        return [self._logs(*both) for both in zip(losses.numpy()[:count], found.numpy()[:count], strict=True)]

    def _run_epoch(
        self, rows: list[tf.Tensor], plan: BatchPlan, epoch: int, step: int, reach: Callable[[int], int]
    ) -> Iterator[tuple[int, int]]:
        """Train one epoch from its step ``step`` on; yields how many steps are done, and the size of the last batch.

        It yields after each step; in the form ``epoch`` when there are ``reach(step)`` of them, and before a partial batch.
        ``rows``: x, y and perhaps weights, all examples in the order of the data.
        """
        order = tf.constant(plan.order(epoch))
        rows = [tf.gather(part, order) for part in rows]  # outside of the step: XLA would fuse it in, and round differently
        yield from self._run_rows(rows, 0, plan.batch_size, step, reach)

    def _run_blocks(
        self, stream: Iterator[Any], source: Blocks, epoch: int, step: int, reach: Callable[[int], int]
    ) -> Iterator[tuple[int, int]]:
        """As ``_run_epoch``, of rows that come a block at a time, in order already; yields at a block's end too."""
        for block in range(source.first(epoch, step), source.first(epoch + 1)):
            _, *rows = next(stream)
            start = source.start(block) - epoch * source.plan.steps
            yield from self._run_rows(rows, start, source.plan.batch_size, max(step, start), reach)

    def _run_rows(
        self, rows: list[tf.Tensor], start: int, size: int, step: int, reach: Callable[[int], int]
    ) -> Iterator[tuple[int, int]]:
        """Train from step ``step`` of an epoch on to the end of rows that stand in order and begin with step ``start``."""
        steps, rest = divmod(len(rows[0]), size)
        full = start + steps
        while step < full:
            if self.execution in ("epoch", FUSED) and not (self.jit_compile and starts_with_column(self.model)):
                first, step = step, min(reach(step), full)
                self._function("block", *rows)(*map(tf.constant, (first - start, step - start, size)), *rows)
            else:
                self._function("step", *rows)(*(part[(step - start) * size : (step - start + 1) * size] for part in rows))
                step += 1
            yield step, size
        if rest:  # the partial batch is a step of its own size: padding it with a mask would cost more and round differently
            self._function("step", *rows)(*(part[steps * size :] for part in rows))
            yield full + 1, rest

    def _function(self, name: str, *rows: tf.Tensor):
        """The method ``_name``, as the trainer's form asks: itself, or compiled."""
        return getattr(self, f"_{name}") if self.execution == "eager" else self._graph(name, *rows)

    def _graph(self, name: str, *rows: tf.Tensor):
        """The method ``_name`` compiled for such rows, once."""
        examples = len(rows[0]) if name == "whole" else None
        key = (name, self._watch is not None, *((part.dtype, examples, *part.shape[1:]) for part in rows))
        if key not in self._compiled:
            # The number of rows stays open, as in `fit`: TensorFlow would turn the division by a known one into a product.
            counts = [tf.TensorSpec((), tf.int32)] * {"block": 3, "whole": 2}.get(name, 0)
            orders = [tf.TensorSpec((None, examples), tf.int64)] if name == "whole" else []
            signature = counts + orders + [tf.TensorSpec((examples, *part.shape[1:]), part.dtype) for part in rows]
            loops = {"whole": lambda: epochs.whole(self, len(rows[0])), "block": lambda: epochs.blocks(self)}
            method = loops[name]() if name in loops else getattr(self, f"_{name}")
            self._compiled[key] = tf.function(
                method if self.strategy is None or name == "logits" else self._on_replicas(method),
                input_signature=signature,
                jit_compile=self.jit_compile or None,
                autograph=False,
            )
        return self._compiled[key]

    def _on_replicas(self, method: Callable[..., Any]) -> Callable[..., Any]:
        """The method as every replica runs it, on its share of the rows."""
        assert self.strategy is not None
        run = self.strategy.run
        return lambda *rows: run(lambda: method(*distribution.share(*rows)))

    # -------------------------------------------------------------------------------------------------- watching

    def _watch_steps(self, on: bool, target_shape: tuple[int, ...]) -> None:
        if not on:
            self._watch = None
        elif self._watch is None:
            weights, *rest = storage.variables(self)
            state = (weights, self.network.trainable_weights, *rest)
            shapes = ((self.model.inputs,), target_shape, (self.model.outputs,))
            self._watch = Watch(state, shapes, self.train.batch_size, self.train.metric)
            self._compiled = {key: function for key, function in self._compiled.items() if not key[1]}

    def _logs(self, loss: np.float32, metric: np.float32) -> dict[str, Any]:
        return {"loss": loss, self.train.metric: metric}

    def _end_epoch(self, epoch: int, logs: dict[str, Any], given: Feed, sink: records.Sink | None) -> dict[str, float]:
        metric = self.train.metric
        if given.x_test is not None:
            logs["val_loss"], logs[f"val_{metric}"] = self._evaluate(given.x_test, given.y_test, INFERENCE_BATCH)
        if sink is not None:
            predictions = None if given.x_test is None else self.predict(given.x_test)
            sink(records.EpochRecord(epoch=epoch + 1, predictions=predictions, **logs))
        return {name: float(value) for name, value in logs.items()}

    # ------------------------------------------------------------------------------------------------- inference

    def predict(self, x: Any, batch_size: int = INFERENCE_BATCH) -> np.ndarray:
        """Logits (n, outputs) in the type of the weights; x (n, inputs). Keras: ``Model.predict``."""
        x = as_rows(x, self.model.inputs, self.model.variable_dtype)
        batches = (tf.constant(x[start : start + batch_size]) for start in range(0, len(x), batch_size))
        parts = [self._function("logits", rows)(rows) for rows in batches]
        return np.concatenate([np.zeros((0, self.model.outputs), x.dtype), *(part.numpy().astype(x.dtype) for part in parts)])

    def predict_proba(self, x: Any, batch_size: int = INFERENCE_BATCH) -> np.ndarray:
        """Probabilities on the outside of the net: softmax, rows (n, classes) with sum 1; of a binary loss the sigmoid, for one
        output as (n, 2), the probabilities of 0 and 1.

        Raises:
            InputError: a regression has none.
        """
        logits = self.predict(x, batch_size)
        if link(self.model, self.train) == "softmax":
            return tf.nn.softmax(logits).numpy()
        return both(tf.nn.sigmoid(logits).numpy())

    def evaluate(self, x: Any, y: Any, batch_size: int = INFERENCE_BATCH) -> tuple[float, float]:
        """Loss, and accuracy or mean absolute error. Keras: ``Model.evaluate``."""
        given = feed((x, y), self.model, self.train)
        check_shares(len(given.x), batch_size, distribution.replicas(self.strategy))
        loss, accuracy = self._evaluate(given.x, given.y, batch_size)
        return float(loss), float(accuracy)

    def _evaluate(self, x: np.ndarray, y: np.ndarray | None, batch_size: int) -> tuple[np.ndarray, np.ndarray]:
        assert y is not None
        self._reset_means()
        for start in range(0, len(x), batch_size):
            rows = [tf.constant(part[start : start + batch_size]) for part in (x, y)]
            self._function("test", *rows)(*rows)
        return self.mean_loss.result().numpy(), self.mean_metric.result().numpy()

    def _logits(self, x: tf.Tensor) -> tf.Tensor:
        return self.network(x)

    def _test(self, x: tf.Tensor, y: tf.Tensor) -> None:
        logits = self.network(x)
        self._measure(y, logits, self._objective(y, logits)[1])

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
