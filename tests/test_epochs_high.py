"""The high-level wing's whole-epoch form: the bits of a step at a time and of plain ``fit``, callbacks, and how often it calls.

The plain ``fit`` of these tests is written here, with Keras alone.
"""

import itertools
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from cases import GROWN, QUICK, ROWS, Grown, dense, small_data

import highlevel
import highlevel.epochs
import lowlevel
from shared import BatchNormalizationSpec, BatchPlan, Checkpoints, ModelSpec, TrainSpec
from shared.batches import INFERENCE_BATCH
from shared.records import EpochRecord

MODEL = ModelSpec.mlp(12, 8, 6, 5)
TRAIN = TrainSpec(epochs=3, batch_size=7, seed=5, learning_rate=0.01)
EVEN = 42  # rows that leave no partial batch of 7


def bits(trainer) -> list[bytes]:
    """All that the next step depends on: weights, slots, seeds, and the running means."""
    state = trainer.state()
    return [array.tobytes() for group in (state.weights, state.slots, state.seeds, state.carried) for array in group]


def given_for(case) -> tuple[Any, dict[str, Any]]:
    """Rows with targets that fit the loss, and the options of ``fit``: with a test set, cut anew for two batches of it."""
    x, y, x_test, y_test = small_data(ROWS)
    change = {"mean_squared_error": lambda y: y / 4, "binary_crossentropy": lambda y: y % 2}.get(case.train.loss, lambda y: y)
    options = case.options if isinstance(case, Grown) else {}
    return (x, change(y)), {"validation_data": (x_test, change(y_test)), **options}


def forms_agree(case, xla: bool) -> None:
    """Three epochs in one call each, and a step at a time: history and state have the same bits, and a second ``fit`` too."""
    data, options = given_for(case)
    train = replace(case.train, epochs=3)
    ends = []
    for execution in ("graph", "epoch"):
        trainer = highlevel.Trainer(case.model, train, execution=execution, jit_compile=xla)
        start = bits(trainer)
        histories = [trainer.fit(data, **options).history, trainer.fit(data, epochs=1, **options).history]
        ends.append((histories, bits(trainer), int(trainer.network.optimizer.variables[0])))
        assert bits(trainer) != start
        assert len(histories[0]["loss"]) == 3
        assert {"loss", "val_loss"} <= set(histories[0])
    assert ends[0] == ends[1]


SHORT = {"everything-rmsprop", "weighed-classes"}
MEANT = [pytest.param(case, marks=() if str(case) in SHORT else pytest.mark.long) for case in (*QUICK, *GROWN)]


def test_the_short_cases_exist():
    assert {case.name for case in GROWN} >= SHORT


@pytest.mark.parametrize("case", MEANT, ids=str)
def test_one_call_an_epoch_equals_a_step_at_a_time(case):
    forms_agree(case, xla=False)


@pytest.mark.long
@pytest.mark.parametrize("case", [*QUICK[::3], *GROWN[::2]], ids=str)
def test_one_call_an_epoch_equals_a_step_at_a_time_under_xla(case, elsewhere):
    elsewhere.submit(forms_agree, case, True).result(timeout=300)


def chunks_agree() -> None:
    """Six full batches and a partial one: in chunks of one, of four, which do not come out even, and of all."""
    (x, y, *_), batch = small_data(), 7 * (12 * 4 + 8)
    ends = []
    for size in (None, 1, 4 * batch, 2**24):
        if size is not None:
            highlevel.epochs._CHUNK = size
        trainer = highlevel.Trainer(MODEL, TRAIN, execution="epoch" if size else "graph", jit_compile=False)
        ends.append((trainer.fit((x, y)).history, bits(trainer)))
    assert len(ends[0][0]["loss"]) == 3
    assert ends[1:] == ends[:1] * 3


def test_rows_are_taken_by_chunks(elsewhere):
    elsewhere.submit(chunks_agree).result(timeout=300)  # elsewhere: it sets the size of a chunk


# --------------------------------------------------------------------------------------------- a plain `fit`, without our code


class Plain:
    """A net as Keras's users write it, trained by ``fit`` on batches of a plan that ``tf.data`` hands over one by one."""

    def __init__(self, xla: bool, first: list[np.ndarray]):
        layers = [keras.layers.Dense(8, "relu"), keras.layers.BatchNormalization(), keras.layers.Dense(5)]
        self.net = keras.Sequential([keras.Input((12,)), *layers])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self.net.compile(keras.optimizers.Adam(0.01), loss, metrics=["accuracy"], jit_compile=xla)
        self.net.optimizer.build(self.net.trainable_variables)
        self.net.set_weights(first)

    def fit(self, x, y, orders, batch_size, **options) -> dict[str, list[float]]:
        def batches():
            for order in orders:
                for start in range(0, len(order), batch_size):
                    yield x[order[start : start + batch_size]], y[order[start : start + batch_size]]

        kinds = (tf.TensorSpec((None, 12), tf.float32), tf.TensorSpec((None,), tf.int64))
        stream = tf.data.Dataset.from_generator(batches, output_signature=kinds)
        steps = -(-len(x) // batch_size)
        return self.net.fit(stream, epochs=len(orders), steps_per_epoch=steps, verbose=0, shuffle=False, **options).history

    def bits(self) -> list[bytes]:
        return [one.numpy().tobytes() for one in (*self.net.weights, *self.net.optimizer.variables)]


LAYERS = (dense(8, "L1", activation="relu"), BatchNormalizationSpec(name="B1"), dense(5, "L2"))
NORMALISED = ModelSpec(inputs=12, layers=LAYERS)


def equals_plain_fit(rows: int, xla: bool) -> None:
    x, y, x_test, y_test = (part.astype(kind) for part, kind in zip(small_data(), ("f4", "i8") * 2, strict=True))
    x, y, plan = x[:rows], y[:rows], BatchPlan(rows, 7, seed=5)
    trainer = highlevel.Trainer(NORMALISED, TRAIN, execution="epoch", jit_compile=xla)
    plain = Plain(xla, trainer.weights())
    tests = tf.data.Dataset.from_tensor_slices((x_test, y_test)).batch(INFERENCE_BATCH)
    expected = plain.fit(x, y, [plan.order(epoch) for epoch in range(3)], 7, validation_data=tests)
    found = trainer.fit((x, y), plan, validation_data=(x_test, y_test)).history
    assert found == expected
    assert len(found["val_accuracy"]) == 3
    state = trainer.state()
    assert [array.tobytes() for array in (*state.weights, *state.slots)] == plain.bits()
    assert trainer.network.predict(x, verbose=0).tobytes() == plain.net.predict(x, verbose=0).tobytes()


COUNTS = [45, pytest.param(EVEN, marks=pytest.mark.long), pytest.param(5, marks=pytest.mark.long)]


@pytest.mark.parametrize("rows", COUNTS)
def test_one_call_an_epoch_equals_plain_fit(rows):
    equals_plain_fit(rows, xla=False)


@pytest.mark.parametrize("rows", COUNTS)
def test_one_call_an_epoch_equals_plain_fit_under_xla(rows, elsewhere):
    elsewhere.submit(equals_plain_fit, rows, True).result(timeout=300)


# -------------------------------------------------------------------------------------------------------- calls and traces


class Counted:
    """A train or test function that counts how often it is called, and with what."""

    def __init__(self, function):
        self.function, self.calls = function, 0

    def __call__(self, *given):
        self.calls += 1
        return self.function(*given)


def counted(monkeypatch) -> tuple[list, list]:
    """Every function for whole epochs that is made from now on, and every trace of Keras's two steps."""
    made, traces, whole = [], [], highlevel.epochs.whole

    def watched(network, examples, batch_size, kind, apart):
        made.append((kind, Counted(whole(network, examples, batch_size, kind, apart))))
        return made[-1][1]

    for name in ("train_step", "test_step"):
        step = getattr(keras.Sequential, name)
        monkeypatch.setattr(
            keras.Sequential, name, lambda self, rows, step=step, name=name: (traces.append(name), step(self, rows))[1]
        )
    monkeypatch.setattr(highlevel.epochs, "whole", watched)
    return made, traces


@pytest.mark.parametrize(("rows", "xla", "train_traces"), [(45, False, 1), (EVEN, False, 1), (45, True, 2)])
def test_an_epoch_is_one_call_and_nothing_is_traced_twice(monkeypatch, rows, xla, train_traces):
    """XLA compiles the partial batch as a program of its own; otherwise one loop takes it along."""
    made, traces = counted(monkeypatch)
    x, y, x_test, y_test = small_data()
    trainer = highlevel.Trainer(MODEL, TRAIN, jit_compile=xla)
    assert trainer.execution == "epoch"
    trainer.fit((x[:rows], y[:rows]), epochs=4, validation_data=(x_test, y_test))
    assert [(kind, one.calls) for kind, one in made] == [("train", 4), ("test", 4)]
    assert (traces.count("train_step"), traces.count("test_step")) == (train_traces, 1)
    trainer.fit((x[:rows] + 1, y[:rows]), epochs=3, validation_data=(x_test, y_test))  # other numbers, the same programs
    assert [(kind, one.calls) for kind, one in made] == [("train", 7), ("test", 7)]
    assert (traces.count("train_step"), traces.count("test_step")) == (train_traces, 1)
    assert int(trainer.optimizer.iterations) == 7 * -(-rows // 7)
    assert trainer.network.train_function is None  # Keras makes its own where it is needed next
    assert isinstance(trainer.network, keras.Sequential)


@pytest.mark.parametrize("why", ["record", "batch hooks", "checkpoint"])
def test_what_must_be_seen_within_an_epoch_is_trained_step_by_step(monkeypatch, tmp_path, why):
    made, _ = counted(monkeypatch)
    x, y, *_ = small_data()
    seen = []
    options = {
        "record": {"record": lambda record: seen.append(record)},
        "batch hooks": {"callbacks": [BatchHook(seen)]},
        "checkpoint": {"checkpoint": Checkpoints(tmp_path, every=3, tell=seen.append, keep=99)},
    }
    trainer, plain = highlevel.Trainer(MODEL, TRAIN), highlevel.Trainer(MODEL, TRAIN, execution="graph")
    trainer.fit((x, y), **options[why])
    plain.fit((x, y))
    assert made == []
    assert bits(trainer) == bits(plain)
    steps = [one for one in (seen if why != "checkpoint" else tmp_path.iterdir()) if not isinstance(one, EpochRecord)]
    assert len(steps) == {"record": 21, "batch hooks": 21, "checkpoint": 7}[why]


class BatchHook(keras.callbacks.Callback):
    """Counts batches."""

    def __init__(self, seen):
        super().__init__()
        self.seen = seen

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append((batch, sorted(logs)))


def test_batch_hooks_are_called_once_an_epoch_where_the_form_was_asked_for():
    x, y, *_ = small_data()
    seen: list = []
    highlevel.Trainer(MODEL, TRAIN, execution="epoch").fit((x, y), callbacks=[BatchHook(seen)])
    assert seen == [(0, ["accuracy", "loss"])] * 3


@pytest.mark.parametrize(
    ("every", "by_epochs"), [(None, True), ("epoch", True), (7, True), (14, True), (3, False), (10, False), ("30s", False)]
)
def test_checkpoints_at_ends_of_epochs_let_whole_epochs_run(monkeypatch, tmp_path, every, by_epochs):
    made, _ = counted(monkeypatch)
    x, y, *_ = small_data()
    checkpoints = Checkpoints(tmp_path / "all", every=every, keep=99)
    highlevel.Trainer(MODEL, TRAIN).fit((x, y), epochs=4, checkpoint=checkpoints)  # 7 steps an epoch
    assert bool(made) == by_epochs
    kept = {None: [], "epoch": [7, 14, 21, 28], 7: [7, 14, 21, 28], 14: [14, 28], 3: [*range(3, 28, 3), 28], 10: [10, 20, 28]}
    found = [int(path.name[11:19]) for path in checkpoints.paths()]
    assert found == kept.get(every, [28])


# --------------------------------------------------------------------------------------------------------------- callbacks


def test_callbacks_of_keras_act_at_each_epoch():
    """A schedule by epochs, one that waits for a plateau, and one that ends the training: as a step at a time, bit for bit."""
    x, y, x_test, y_test = small_data()
    ends = []
    for execution in ("graph", "epoch"):
        asked: list = []
        schedule = keras.callbacks.LearningRateScheduler(lambda epoch, rate, asked=asked: asked.append(epoch) or rate * 0.9)
        plateau = keras.callbacks.ReduceLROnPlateau("val_loss", factor=0.5, patience=1, min_delta=0.05)
        stopping = keras.callbacks.EarlyStopping("val_loss", patience=4, min_delta=0.2, restore_best_weights=True)
        trainer = highlevel.Trainer(MODEL, replace(TRAIN, learning_rate=0.05), execution=execution)
        told = [schedule, plateau, stopping]
        history = trainer.fit((x, y), epochs=30, validation_data=(x_test, y_test), callbacks=told).history
        ends.append((history, asked, stopping.stopped_epoch, bits(trainer)))
    history, asked, stopped, _ = ends[1]
    rates = trainer.network.history.history["learning_rate"]
    assert 0 < stopped < 29
    assert len(history["loss"]) == stopped + 1 == len(asked)
    assert any(later < 0.6 * earlier for earlier, later in itertools.pairwise(rates))  # the plateau's halving
    assert ends[0] == ends[1]


class Own:
    """Any object with some of the hooks: writes them down, reads the weights, sets a rate, and stops the training."""

    def __init__(self):
        self.calls, self.weights = [], []

    def set_model(self, model):
        self.model = model

    def on_epoch_begin(self, epoch, logs):
        self.calls.append(("begin", epoch))

    def on_epoch_end(self, epoch, logs):
        self.calls.append(("end", epoch))
        self.weights.append(self.model.weights()[0].tobytes())
        self.model.optimizer.learning_rate = 0.01 / (epoch + 2)
        self.model.stop_training = epoch == 2


def test_own_objects_are_told_at_each_epoch_and_act():
    x, y, *_ = small_data()
    owns, ends = [], []
    for execution in ("graph", "epoch"):
        owns.append(Own())
        trainer = highlevel.Trainer(MODEL, TRAIN, execution=execution)
        ends.append((trainer.fit((x, y), epochs=9, callbacks=[owns[-1]]).history, bits(trainer)))
    assert owns[1].calls == [(when, epoch) for epoch in range(3) for when in ("begin", "end")]
    assert len(set(owns[1].weights)) == 3
    assert owns[0].weights == owns[1].weights
    assert ends[0] == ends[1]


class Asks(keras.callbacks.Callback):
    """Uses the net in the middle of ``fit``, as callbacks do: evaluates and trains on batches of its own."""

    def __init__(self, x, y):
        super().__init__()
        self.x, self.y, self.answers = x.astype("f4"), y, []

    def on_epoch_end(self, epoch, logs=None):
        answers = [self.model.evaluate(self.x, self.y, verbose=0), self.model.train_on_batch(self.x[:7], self.y[:7])]
        self.answers += [float(number) for pair in answers for number in pair]


def test_a_callback_may_use_the_net_within_fit():
    x, y, x_test, y_test = small_data()
    ends = []
    for execution in ("graph", "epoch"):
        asks, trainer = Asks(x_test[:9], y_test[:9]), highlevel.Trainer(MODEL, TRAIN, execution=execution)
        history = trainer.fit((x, y), validation_data=(x_test, y_test), callbacks=[asks]).history
        ends.append((history, asks.answers, bits(trainer)))
    assert len(set(ends[1][1])) > 6
    assert ends[0] == ends[1]


def test_the_net_is_whole_again_after_an_error():
    class Fails:
        def on_epoch_end(self, epoch, logs):
            raise KeyError("in a callback")

    x, y, x_test, y_test = small_data()
    trainer, plain = highlevel.Trainer(MODEL, TRAIN), highlevel.Trainer(MODEL, TRAIN, execution="graph")
    with pytest.raises(KeyError):
        trainer.fit((x, y), validation_data=(x_test, y_test), callbacks=[Fails()])
    assert (trainer.network.train_function, trainer.network.test_function) == (None, None)
    plain.fit((x, y), epochs=1)
    loss = [one.network.evaluate(x_test.astype("f4"), y_test, verbose=0) for one in (trainer, plain)]
    assert loss[0] == loss[1]


# ------------------------------------------------------------------------------------------------------------- predictions


@pytest.mark.parametrize("xla", [False, pytest.param(True, marks=pytest.mark.long)])
def test_predictions_have_the_bits_of_the_other_wing_and_of_keras(xla):
    """One row, some, and more than a batch; and after a training those of the new weights."""
    x, y, *_ = small_data()
    rows = np.random.default_rng(3).normal(size=(INFERENCE_BATCH + 9, 12)).astype("f4")
    for model in (MODEL, ModelSpec.mlp(12, 1)):
        train = TRAIN if model is MODEL else replace(TRAIN, loss="binary_crossentropy")
        high, low = (wing.Trainer(model, train, jit_compile=xla) for wing in (highlevel, lowlevel))
        before = high.predict(rows)
        for trained in (False, True):
            if trained:
                high.fit((x, y % model.outputs if model is MODEL else y % 2))
            low.load(high.weights())
            for count in (1, 5, len(rows)):
                found = high.predict(rows[:count])
                stream = tf.data.Dataset.from_tensor_slices(rows[:count]).batch(INFERENCE_BATCH)
                assert found.tobytes() == low.predict(rows[:count]).tobytes()
                assert found.tobytes() == high.network.predict(stream, verbose=0).tobytes()
            assert (high.predict(rows).tobytes() != before.tobytes()) == trained


def test_predicting_traces_once(monkeypatch):
    trainer, calls, call = highlevel.Trainer(MODEL, TRAIN), [], keras.Sequential.call
    monkeypatch.setattr(keras.Sequential, "call", lambda self, *rows, **more: (calls.append(rows), call(self, *rows, **more))[1])
    for count in (1, 2, 50, 3000):
        assert trainer.predict(np.zeros((count, 12))).shape == (count, 5)
    assert len(calls) == 1


# ------------------------------------------------------------------------------------------------------------ the page's tip


def test_the_example_of_the_page_runs_and_shows_equal_bits():
    text = (Path(__file__).parents[1] / "docs" / "speed.md").read_text(encoding="utf-8")
    (program,) = (part for part in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "def whole_epochs" in part)
    assert "highlevel" not in program
    assert "lockstep" not in program
    found: dict[str, Any] = {}
    exec(compile(program, "speed.md", "exec"), found)
    nets = found["plain"], found["fast"]
    assert len(found["fast_history"].history["loss"]) == 3
    assert found["fast_history"].history == found["plain_history"].history
    states = [[one.numpy().tobytes() for one in (*net.weights, *net.optimizer.variables)] for net in nets]
    assert states[0] == states[1]
