"""The rungs as sides of a comparison: the methods that a side needs, what a rung refuses, and verdicts."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import h5py
import numpy as np
import pytest
from cases import OPTIMIZERS
from conftest import small_data

import highlevel
import lockstep
import lowlevel
from lockstep.divergence import Names, distances
from lockstep.sides import side
from lowlevel.ladder.trainers import NumpyTrainer, TF1Trainer, get
from shared import InputError, ModelSpec, TrainSpec, load_file
from shared.records import EpochRecord, State, StepRecord
from shared.rungs import RUNGS
from shared.spec import slot_names

ROOT = Path(__file__).resolve().parents[1]
MODEL = partial(ModelSpec.mlp, 12, 6, 5)
SIDES = pytest.mark.parametrize("rung", RUNGS)


def bits(state):
    return [array.tobytes() for array in (*state.weights, *state.slots)]


@pytest.mark.parametrize(("rung", "dtype"), [("numpy", "float32"), *((rung, "float64") for rung in RUNGS)])
def test_a_rung_has_what_a_side_needs(rung, dtype):
    x, y, x_test, y_test = small_data()
    model, train = MODEL(dtype=dtype), TrainSpec(epochs=2, batch_size=10, seed=9)
    trainer, low = get(rung)(model, train), lowlevel.Trainer(model, train)
    assert bits(trainer.state()) == bits(low.state())  # the same first weights, and the optimiser's zeros
    history = trainer.fit((x, y), record=True, validation_data=(x_test, y_test))
    assert [type(one) for one in history.trace] == ([StepRecord] * 5 + [EpochRecord]) * 2
    assert len(history.loss) == len(history.accuracy) == len(history.val_loss) == len(history.val_accuracy) == 2
    assert history.loss[1] < history.loss[0]
    expected = low.fit((x, y), record=True, validation_data=(x_test, y_test)).trace
    for one, other in zip(history.trace, expected, strict=True):
        for name, value in vars(other).items():
            if name == "carried":
                continue  # the NumPy rung has more to carry, see ``records.State``
            for mine, theirs in zip(*(_arrays(record, name) for record in (one, other)), strict=True):
                assert (mine.shape, mine.dtype) == (theirs.shape, theirs.dtype), name
            if isinstance(value, int):
                assert getattr(one, name) == value
    predictions = trainer.predict(x_test)
    assert (predictions == history.trace[-1].predictions).all()
    assert trainer.predict(x_test[:0]).shape == (0, 5)
    assert (trainer.predict(x_test).argmax(axis=1) == y_test).mean() == pytest.approx(history.val_accuracy[-1])


def _arrays(record, name):
    value = getattr(record, name)
    return [np.asarray(one) for one in (value if isinstance(value, list) else [value])]


@SIDES
def test_a_second_fit_continues(rung):
    x, y, *_ = small_data()
    model, train = MODEL(dtype="float64"), TrainSpec(epochs=2, batch_size=10, seed=9)
    at_once, in_turn = get(rung)(model, train), get(rung)(model, train)
    whole = at_once.fit((x, y))
    parts = [in_turn.fit((x, y), epochs=1) for _ in range(2)]
    assert whole.loss == parts[0].loss + parts[1].loss
    assert bits(at_once.state()) == bits(in_turn.state())


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@SIDES
def test_a_state_put_back_gives_the_same_step_again(rung, optimizer):
    x, y, *_ = small_data()
    model, train = MODEL(dtype="float64"), TrainSpec(batch_size=10, seed=9, **OPTIMIZERS[optimizer])
    trainer, names = get(rung)(model, train), Names.of(model, train)
    trainer.fit((x, y))
    before = trainer.state()
    step = trainer.train_on_batch(x[:10], y[:10])
    assert bits(trainer.state()) == bits(step.state) != bits(before)
    trainer.restore(before)
    again = trainer.train_on_batch(x[:10], y[:10])
    # TensorFlow 1's momentum is divided by the learning rate on its way in, which may cost the last bit
    assert max(gap.distance for gap in distances(step, again, names).values()) < 1e-16
    assert again.step == step.step == int(before.slots[0]) + 1


@SIDES
def test_weights_and_states_that_do_not_fit_are_refused(rung):
    trainer = get(rung)(MODEL(), TrainSpec())
    before = bits(trainer.state())
    with pytest.raises(InputError, match="Weights must be"):
        trainer.load([np.zeros((12, 6))])
    with pytest.raises(InputError, match="optimiser's variables"):
        trainer.restore(State(weights=trainer.weights(), slots=[]))
    with pytest.raises(InputError, match="at most"):
        trainer.train_on_batch(np.zeros((33, 12)), np.zeros(33, int))
    assert bits(trainer.state()) == before
    trainer.load([np.full(shape, 0.5) for shape in trainer.model.weight_shapes.values()])
    assert all((weight == 0.5).all() for weight in trainer.weights())


@SIDES
def test_what_a_rung_has_no_code_for_is_refused_before_tensorflow_is_needed(rung):
    for model, train, word in (
        (MODEL(), TrainSpec(loss="categorical_crossentropy"), "loss='categorical_crossentropy'"),
        (_with_layer(object()), TrainSpec(), "object"),
        (_with_dtype("bfloat16"), TrainSpec(), "dtype='bfloat16'"),
        (MODEL(), _with_optimizer("lion"), "optimizer='lion'"),
        (MODEL(), _with_rate(object), "learning_rate="),
    ):
        for make in (get(rung), side(rung).check):
            with pytest.raises(InputError) as refused:
                make(model, train)
            assert word in str(refused.value)
            assert f"The side {rung!r} takes Dense layers" in str(refused.value)
            assert "\n" not in str(refused.value)
    side(rung).check(MODEL(activation="tanh"), TrainSpec(optimizer="sgd", momentum=0.9, nesterov=True))
    side("keras").check(MODEL(), TrainSpec(loss="categorical_crossentropy"))


def _changed(spec, **values):
    for name, value in values.items():
        object.__setattr__(spec, name, value)  # what later specs may offer, and these do not
    return spec


def _with_layer(layer):
    return _changed(MODEL(), layers=(layer,))


def _with_dtype(dtype):
    return _changed(MODEL(), dtype=dtype)


def _with_optimizer(name):
    return _changed(TrainSpec(), optimizer=name)


def _with_rate(rate):
    return _changed(TrainSpec(), learning_rate=rate)


QUICK = [("momentum", "sigmoid"), ("adam", "relu")]
EVERY = [(optimizer, activation) for optimizer in OPTIMIZERS for activation in ("relu", "sigmoid", "tanh", "linear")]


@pytest.mark.parametrize(
    ("optimizer", "activation"), [*QUICK, *(pytest.param(*pair, marks=pytest.mark.long) for pair in EVERY if pair not in QUICK)]
)
def test_all_rungs_agree_with_keras_below_1e_13(optimizer, activation):
    """Float64, 14 steps, every tensor of every step; losses and running means are float32 everywhere."""
    x, y, *_ = small_data()
    model = ModelSpec.mlp(12, 8, 6, 5, activation=activation, dtype="float64")
    train = TrainSpec(epochs=2, batch_size=7, seed=2, **OPTIMIZERS[optimizer])
    names = Names.of(model, train)
    expected = highlevel.Trainer(model, train).fit((x, y), record=True).trace
    for rung in RUNGS:
        trace = get(rung)(model, train).fit((x, y), record=True).trace
        for mine, other in zip(trace, expected, strict=True):
            for (stage, tensor), gap in distances(mine, other, names).items():
                single = stage in ("loss", "running metric", "epoch loss", "metrics")
                assert gap.distance <= (3e-7 if single else 1e-13), (rung, stage, tensor)


@pytest.mark.long
def test_compare_says_round_off(tmp_path):
    """A small file of the signs' layout, three rungs and a form of the low-level wing, against Keras."""
    report = lockstep.compare(*_signs(tmp_path), sides="numpy,tf1,tf2-graph,graph,keras")
    assert [pair.verdict for pair in report.pairs] == ["round-off"] * 3 + ["identical"]
    assert report.max_abs < 1e-12
    assert len({outcome.test_errors for outcome in report.outcomes.values()}) == 1


def _signs(folder):
    generator = np.random.default_rng(5)
    for part, rows in (("train", 60), ("test", 18)):
        y = np.arange(rows) % 6
        x = generator.integers(0, 90, (rows, 8, 8, 3))
        x[np.arange(rows), y] += 150
        with h5py.File(folder / f"{part}_signs.h5", "w") as file:
            file[f"{part}_set_x"], file[f"{part}_set_y"] = x.astype(np.uint8), y
    model = ModelSpec.mlp(192, 25, 12, 6, dtype="float64")
    return model, TrainSpec(epochs=1, seed=3), load_file(folder / "train_signs.h5")


@pytest.mark.long
def test_a_rung_may_be_the_reference():
    x, y, *_ = small_data()
    report = lockstep.compare(MODEL(dtype="float64"), TrainSpec(epochs=1, batch_size=10), (x, y), sides="epoch,numpy")
    assert report.verdict == "round-off"


def test_a_gradient_that_is_a_sum_is_found():
    """The db that the notes print, without 1/m, planted in the net by hand."""

    class Summed(NumpyTrainer):
        def _rule(self):
            rule, batch = super()._rule(), 10
            return lambda w, g, *slots: rule(w, g * batch if w.shape[1] == 1 else g, *slots)

    x, y, *_ = small_data()
    model, train = MODEL(dtype="float64"), TrainSpec(optimizer="sgd", learning_rate=0.1, batch_size=10)
    wrong, right = (kind(model, train).train_on_batch(x[:10], y[:10]) for kind in (Summed, highlevel.Trainer))
    gaps = distances(wrong, right, Names.of(model, train))
    assert gaps["weights out", "L1/bias"].distance > 1e-3
    assert gaps["weights out", "L1/kernel"].distance < 1e-14


@pytest.mark.parametrize(("dtype", "share"), [("float32", 1.3e-5), ("float64", 0.0)])
def test_adam_of_tensorflow_1_computes_one_minus_beta_in_the_nets_dtype(dtype, share):
    """1 - 0.999 is 0.00099998713 in float32, so the first velocity is smaller by that share."""
    x, y, *_ = small_data()
    model, train = MODEL(dtype=dtype), TrainSpec(batch_size=10)
    old, new = (kind(model, train).train_on_batch(x[:10], y[:10]) for kind in (TF1Trainer, lowlevel.Trainer))
    velocity = slot_names(model, train).index("L2/bias/velocity")
    ratio = old.slots[velocity] / new.slots[velocity]
    assert 1 - ratio == pytest.approx(np.full(5, share), abs=1e-6)
    assert 1 - (1 - np.float32(0.999)) / 0.001 == pytest.approx(1.3e-5, abs=1e-6)


@pytest.mark.long
@pytest.mark.parametrize("optimizer", ["adam", "sgd --momentum 0.9 --nesterov"])
def test_the_command_says_round_off_on_the_digits(tmp_path, optimizer):
    options = f"--epochs 2 --sides numpy,tf1,tf2,tf2-graph,graph,keras --dtype float64 --optimizer {optimizer}"
    done = subprocess.run(
        [sys.executable, "-m", "lockstep", "compare", "digits", *options.split()],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    assert "verdict: round-off" in done.stdout
    assert "graph against keras: identical" in done.stdout
