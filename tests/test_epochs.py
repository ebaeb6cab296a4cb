"""Whole epochs in one call end in the bits of a training a step at a time, whose steps ``test_parity.py`` compares with `fit`."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from cases import GROWN, LONG, QUICK, data_for

import highlevel
import lowlevel
from lockstep import traps
from lowlevel import epochs
from lowlevel.carried import turned
from shared import Checkpoints, InputError, ModelSpec, TrainSpec

SOME = [QUICK[0], *GROWN[::3]]
XLA = {"plain": False, "xla": True}
FEW = [QUICK[0]]  # XLA takes seconds to compile each


def trained(case, execution: str, xla: bool) -> list[bytes]:
    """All that a training leaves: curves, weights, optimiser, seeds, running means."""
    trainer = lowlevel.Trainer(case.model, case.train, execution=execution, jit_compile=xla)
    history = trainer.fit(data_for(case.train), **getattr(case, "options", {}))
    state = trainer.state()
    assert len(history.loss) == case.train.epochs
    return [repr(history.history).encode()] + [a.tobytes() for a in (*state.weights, *state.slots, *state.seeds, *state.carried)]


def same(case, xla: bool) -> None:
    assert trained(case, "epoch", xla) == trained(case, "graph", xla)


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=() if case in SOME else pytest.mark.long) for case in (*QUICK, *GROWN)], ids=str
)
def test_whole_epochs_equal_steps(case):
    same(case, xla=False)


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=() if case in FEW else pytest.mark.long) for case in [*QUICK[::2], *GROWN[::2]]],
    ids=str,
)
def test_whole_epochs_equal_steps_under_xla(case, elsewhere):
    elsewhere.submit(same, case, True).result(timeout=300)


WIDE = ModelSpec.mlp(2700, 25, 5)  # 67,655 parameters: without XLA too many for one vector


def wide_equals_steps_and_fit(options: dict) -> None:
    """With the first kernel turned and a vector for each other weight, in the bits of a step at a time and of the real ``fit``,
    compiled as well; the last batch is smaller."""
    x, y = np.random.default_rng(5).normal(size=(90, WIDE.inputs)).astype(np.float32), np.arange(90) % 5
    train = TrainSpec(epochs=3, batch_size=40, **options)
    state = epochs._Carried(lowlevel.Trainer(WIDE, train, execution="epoch", jit_compile=True), rest=10)
    assert [cell.turned for cell in state.packed.vectors] == [True, False, False, False]
    assert [cell.vector for cell in state.packed.vectors] == [False, True, True, True]
    found = []
    for wing, form in ((lowlevel, "epoch"), (lowlevel, "graph"), (highlevel, "graph")):
        trainer = wing.Trainer(WIDE, train, execution=form, jit_compile=True)
        history = trainer.fit((x, y))
        state = trainer.state()
        found.append([history.history, *(value.tobytes() for value in (*state.weights, *state.slots))])
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize(
    "options",
    [
        {"optimizer": "adam"},
        *(
            pytest.param(options, marks=pytest.mark.long)
            for options in (
                {"optimizer": "sgd"},
                {"optimizer": "sgd", "momentum": 0.9, "nesterov": True},
                {"optimizer": "adamw", "weight_decay": 0.01},
                {"optimizer": "rmsprop", "momentum": 0.9, "centered": True},
                {"optimizer": "adagrad"},
                {"optimizer": "lion"},
                {"optimizer": "nadam", "clipvalue": 0.01},
                {"optimizer": "adam", "use_ema": True},
            )
        ),
    ],
    ids=lambda options: ",".join(map(str, options.values())),
)
def test_large_nets_equal_steps_and_fit_under_xla(options, elsewhere):
    elsewhere.submit(wide_equals_steps_and_fit, options).result(timeout=300)


def test_only_tall_kernels_are_turned_and_only_where_the_bits_stay(monkeypatch):
    shapes = [(2700, 25), (25,), (25, 2700), (1100, 65), (400, 25)]
    weights = [tf.Variable(tf.zeros(shape)) for shape in shapes]
    assert turned.tall(weights, [40, 10]) == {0}
    assert turned.tall(weights, [20]) == set(), "batches too small to pay for it"
    alike = turned._alike
    monkeypatch.setattr(turned, "_alike", lambda rows, *shape: rows != 10 and alike(rows, *shape))
    assert turned.tall(weights, [40, 10]) == set(), "the last batch rounds otherwise"
    assert turned.tall(weights, [40]) == {0}


@pytest.mark.long
@pytest.mark.parametrize("arithmetic", XLA)
@pytest.mark.parametrize("case", LONG[::13], ids=str)
def test_cases_of_the_long_table(case, arithmetic, elsewhere):
    elsewhere.submit(same, case, XLA[arithmetic]).result(timeout=300)


# ------------------------------------------------------------------------------------------- calls into TensorFlow, and traces

SMALL, LARGE = ModelSpec.mlp(12, 6, 5), ModelSpec.mlp(12, 300, 5)
TRAIN = TrainSpec(epochs=20, batch_size=10)


def counted(trainer, monkeypatch) -> list[int]:
    """How many epochs each call into TensorFlow trains, as they happen."""
    calls, original = [], type(trainer)._run_epochs

    def run(self, rows, plan, first, count, room):
        calls.append(count)
        return original(self, rows, plan, first, count, room)

    monkeypatch.setattr(type(trainer), "_run_epochs", run)
    return calls


def traces(trainer) -> int:
    return sum(function.experimental_get_tracing_count() for function in trainer._compiled.values())


def test_several_epochs_are_one_call(data, tmp_path, monkeypatch):
    """Sixteen epochs a call where nobody looks between them, one where somebody does; from a single trace, in the same bits."""
    x, y, *_ = data

    class Ends:
        seen = 0

        def on_epoch_end(self, epoch, logs):
            self.seen += 1

    ends, folder = Ends(), Checkpoints(tmp_path, every=10)  # two epochs of 45 rows in batches of 10
    left = []
    for options, expected in (({}, [16, 4]), ({"callbacks": [ends]}, [1] * 20), ({"checkpoint": folder}, [1] * 20)):
        trainer = lowlevel.Trainer(SMALL, TRAIN)
        calls = counted(trainer, monkeypatch)
        history = trainer.fit((x, y), **options)
        assert (calls, traces(trainer)) == (expected, 1)
        left.append([*history.loss, *history.accuracy, *(weight.tobytes() for weight in trainer.weights())])
    assert ends.seen == 20
    assert left[0] == left[1] == left[2]
    assert len(set(left[0][:20])) > 10


def test_steps_are_taken_one_by_one_where_somebody_looks(data, tmp_path, monkeypatch):
    x, y, *_ = data
    for options in ({"record": True}, {"checkpoint": Checkpoints(tmp_path, every=3)}):
        trainer = lowlevel.Trainer(SMALL, replace(TRAIN, epochs=2))
        calls = counted(trainer, monkeypatch)
        trainer.fit((x, y), **options)
        assert calls == []


def test_a_second_fit_goes_on_without_a_trace(data):
    """Under XLA as without; three epochs and then seventeen end in the bits of twenty."""
    x, y, *_ = data
    for xla in (False, True):
        one, two = (lowlevel.Trainer(SMALL, TRAIN, jit_compile=xla) for _ in range(2))
        one.fit((x, y))
        two.fit((x, y), epochs=3)
        two.fit((x, y), epochs=17)
        assert traces(two) == 1
        assert [a.tobytes() for a in one.weights()] == [b.tobytes() for b in two.weights()]


# --------------------------------------------------------------------------------------------------------------- arithmetic


@pytest.mark.parametrize("model", [SMALL, pytest.param(LARGE, marks=pytest.mark.long)], ids=["small", "large"])
def test_by_default_the_wings_are_equal(model, data, tmp_path):
    """Below and above the size from which on XLA compiles; three epochs are a prefix of nine; files say how they were trained."""
    x, y, x_test, y_test = data
    histories, trainers = [], [wing.Trainer(model, TRAIN) for wing in (lowlevel, highlevel)]
    for trainer in trainers:
        assert trainer.jit_compile is (model is LARGE)
        histories.append(trainer.fit((x, y), epochs=9, validation_data=(x_test, y_test)))
    assert histories[0].history == histories[1].history
    assert histories[0].jit_compile is histories[1].jit_compile is (model is LARGE)
    assert [a.tobytes() for a in trainers[0].weights()] == [b.tobytes() for b in trainers[1].weights()]
    short = lowlevel.Trainer(model, TRAIN).fit((x, y), epochs=3)
    assert short.loss == histories[0].loss[:3]
    for wing, trainer in zip((highlevel, lowlevel), trainers, strict=True):
        for name in ("net.weights.h5", "net.keras"):
            trainer.save(tmp_path / name)
            assert wing.load_model(tmp_path / name).jit_compile is (model is LARGE)


@pytest.mark.long
def test_a_file_says_whether_xla_compiled(tmp_path, data):
    """Also where the rule would say otherwise, so that a training goes on in the same arithmetic."""
    x, y, *_ = data
    trainer = lowlevel.Trainer(SMALL, TRAIN, jit_compile=True)
    trainer.fit((x, y), epochs=2)
    for name in ("net.weights.h5", "net.keras"):
        trainer.save(tmp_path / name)
    ends = [trainer.fit((x, y), epochs=2).loss]
    for wing in (lowlevel, highlevel):
        for name in ("net.weights.h5", "net.keras"):
            loaded = wing.load_model(tmp_path / name)
            assert loaded.jit_compile
            ends.append(loaded.fit((x, y), epochs=2).loss)
    assert ends == [ends[0]] * 5


def test_the_fused_kernel_is_near_and_has_a_name(data, tmp_path):
    """A step of TensorFlow's kernel of Adam differs from Keras's by at most 4e-7 of the learning rate's size; nothing takes it
    unasked, and its checkpoints are its own."""
    x, y, *_ = data
    plain, fused = (lowlevel.Trainer(SMALL, TRAIN, execution=form, jit_compile=False) for form in ("epoch", "fused"))
    first = [weight.copy() for weight in plain.weights()]
    order = np.arange(45)[None]
    for trainer in (plain, fused):
        trainer.fit((x[:10], y[:10]), order[:, :10], epochs=1)
    for start, one, other in zip(first, plain.weights(), fused.weights(), strict=True):
        assert np.abs(one - start).max() > 5e-4  # Adam's first step is as long as the learning rate, 1e-3
        np.testing.assert_allclose(other, one, rtol=0, atol=2e-7)
    fused = lowlevel.Trainer(SMALL, TRAIN, execution="fused")
    history = fused.fit((x, y), checkpoint=tmp_path)
    assert (history.execution, history.jit_compile) == ("fused", False)
    assert history.loss[-1] < history.loss[0]
    with pytest.raises(InputError, match="arithmetic"):
        lowlevel.Trainer(SMALL, TRAIN).fit((x, y), epochs=30, checkpoint=tmp_path, resume=True)
    for make in (
        lambda: lowlevel.Trainer(SMALL, TrainSpec(optimizer="sgd", learning_rate=0.1), execution="fused"),
        lambda: lowlevel.Trainer(SMALL, TRAIN, execution="fused", jit_compile=True),
        lambda: highlevel.Trainer(SMALL, TRAIN, execution="fused"),
    ):
        with pytest.raises(InputError, match="fused"):
            make()


@pytest.mark.parametrize("name", ["adam-epsilon-added", "mean-of-batch-means", "sum-differentiated"])
def test_what_is_planted_trains_whole_epochs_too(name, data):
    """A method put into optimiser or means acts on the state that the loop carries; so does a function put into the trainer."""
    x, y, *_ = data
    ends = []
    for planted, execution in ((True, "graph"), (True, "epoch"), (False, "epoch")):
        trainer = lowlevel.Trainer(SMALL, replace(TRAIN, epochs=3), execution=execution)
        if planted:
            traps.trap(name).plant(trainer)
        history = trainer.fit((x, y))
        ends.append([history.loss, *(weight.tobytes() for weight in trainer.weights())])
    assert ends[0] == ends[1] != ends[2]
