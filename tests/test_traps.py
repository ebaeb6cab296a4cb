"""The catalogue of mistakes: each wrong half gives the wrong number, each right half the right one, and comparison sees it.

The numbers are checked against float64 NumPy written here, and against what the course notes print.
"""

import dataclasses
import functools
import json
import math
import os
import random
import re
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import small_data
from keras.src.backend.common import global_state
from tensorflow.python.eager import context
from test_cli import RUN_ALL, child

import lockstep
import lowlevel
from lockstep import Side
from lockstep.auditing.replay import Epoch
from lockstep.cli import main
from lockstep.traps import KINDS, NAMES, Effect, catalogue, trap
from lockstep.traps.__main__ import page
from lowlevel.metrics import Mean
from shared import BatchPlan, InputError, ModelSpec, TrainSpec

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "lockstep" / "traps"
ELSEWHERE = ("framework", "test")  # kinds that are measured in tests/test_framework_traps.py


def picture():
    """What is global and easily changed: generators, seeds, Keras's names and settings, filters of warnings, the environment."""
    counted = global_state.get_global_attribute("object_name_uids") or {}
    own = ("keras_tensor", "functional", "layer", "loss", "metric", "optimizer")  # every Sequential counts these inside itself
    own += ("variable", "cond", "seed_generator", "cast")  # and these Nadam, scaled losses, dropouts and mixed layers
    return {
        "random": random.getstate(),
        "np.random": repr(np.random.get_state()),
        "tf generator": tf.random.get_global_generator().state.numpy().tolist(),
        "tf seed": context.global_seed(),
        "tf eager draws": getattr(getattr(context.context(), "_rng", None), "getstate", lambda: None)(),
        "keras names": {name: count for name, count in counted.items() if name not in own},
        "keras": [keras.config.floatx(), keras.config.dtype_policy().name, keras.config.is_interactive_logging_enabled()],
        "tensorflow": [tf.config.functions_run_eagerly(), tf.config.optimizer.get_jit()],
        "warnings": [repr(one) for one in warnings.filters],
        "environment": dict(os.environ),
        "folder": os.getcwd(),
        "files": sorted(os.listdir()),
    }


@functools.cache
def effect(name):
    """Measured once for all tests; nothing global may be another afterwards."""
    tf.config.list_logical_devices()  # TensorFlow starts up at the first operation
    before = picture()
    found = trap(name).measure()
    after = picture()
    assert [what for what in before if before[what] != after[what]] == []
    return found


def numbers(name):
    return effect(name).numbers


# ------------------------------------------------------------------------------------------------------- the catalogue


def written():
    """The line of figures that the page of the catalogue gives for each trap."""
    page = (ROOT / "docs" / "traps.md").read_text(encoding="utf-8")
    return dict(re.findall(r"(?ms)^## (\S+)$.*?^\*\*Measured:\*\* (.*?)$", page))


def check_measured(name):
    """Measuring gives one line, which stands on the page of the catalogue, and changes nothing global."""
    found = effect(name)
    assert isinstance(found, Effect)
    assert found.numbers
    assert len(found.text.splitlines()) == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.text = ""
    with pytest.raises(TypeError):
        found.numbers["right"] = 0
    assert masked(found.text) == masked(written()[name])


MEASURED = [one.name for one in catalogue() if one.kind not in ELSEWHERE]


QUICK = set(MEASURED[::8]) - {"sum-differentiated", "softmax-in-the-net"}  # those two take longest


@pytest.mark.parametrize("name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.long) for name in MEASURED])
def test_measuring_changes_nothing_global_and_gives_the_line_of_the_page(name):
    check_measured(name)


def test_every_file_is_a_trap_and_every_trap_has_a_test():
    files = [path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_")]
    assert sorted(files) == sorted(name.replace("-", "_") for name in NAMES)
    tests = [path.read_text(encoding="utf-8") for path in (ROOT / "tests").glob("test_*traps*.py")]
    for name in NAMES:
        of_its_own = re.compile(rf"(?m)^def test_(\w+_)?{name.replace('-', '_')}\(")
        assert any(of_its_own.search(text) or f'"{name}": (' in text for text in tests), name


def test_every_trap_says_what_it_is():
    for one in catalogue():
        assert one.name in NAMES
        assert one.kind in KINDS
        assert re.fullmatch(r"none found|S\d\.\d+|[\w.-]+/[\w.-]+#\d+|\w[\w.]*, \w+(\.py)?", one.met), one.name
        assert one.title.endswith(".")
        assert len(one.title) < 120
        assert min(len(one.mistake), len(one.remedy), len(one.seen)) > 20
        assert list(one.halves) == ["wrong", "right"]
        assert one.halves["wrong"] in (FOLDER / f"{one.name.replace('-', '_')}.py").read_text()
        assert one.halves["right"] != one.halves["wrong"]
        assert (one.replaces is None) or (one.kind == "loop" and one.stage)


@pytest.mark.parametrize("row", ["S0.11", "S2.4", "S2.5", "S3.2", "S4.8"])
def test_every_row_of_the_notes_that_holds_a_mistake_is_there(row):
    assert [one for one in catalogue() if one.source == row]


def test_an_unknown_name_is_refused_with_what_comes_near():
    with pytest.raises(InputError, match="Did you mean adam-frozen-counter"):
        trap("adam-frozen")
    with pytest.raises(InputError, match="lists all"):
        trap("zzz")


def masked(text):
    """A line without the figures that were measured."""
    return re.sub(r"-?\d[\d,.]*(e-?\d+)?%?|True|False", "#", text)


def test_the_page_of_the_catalogue_is_current():
    """But for the figures. After a change: ``python -m lockstep.traps > docs/traps.md``."""
    shown = written()
    assert list(shown) == list(NAMES)
    assert (ROOT / "docs" / "traps.md").read_text(encoding="utf-8") == page(
        {name: Effect(text, {"shown": 1}) for name, text in shown.items()}
    )
    assert "1.1, not 2" in shown["mean-divided-by-m"]


# --------------------------------------------------------------------------------- loops: seen by the comparison at once

MODEL = ModelSpec.mlp(12, 5)
LOSSES = {"classes-as-rows": "categorical_crossentropy", "binary-for-six-classes": "categorical_crossentropy"}
FIRST_STEP = {"adam-frozen-counter": (2,), "mean-of-batch-means": (1, 2, 3, 4, 5)}  # before the last by rounding only


def eager(name, kind):
    """A side that needs no graph, which would take longer to trace than to run."""
    return Side(name, functools.partial(kind, execution="eager"))


def planted(one):
    def make(model, train):
        trainer = lowlevel.Trainer(model, train, execution="eager")
        one.plant(trainer)
        return trainer

    return Side(one.name, make)


@pytest.fixture(scope="module")
def pairs():
    """Every trap that can be planted: the pairs of two reports, one for each loss, by the name of the trap.

    45 rows: five steps, the last of five rows.
    """
    x, y, *_ = small_data()
    found = {}
    for loss in ("sparse_categorical_crossentropy", "categorical_crossentropy"):
        traps = [one for one in catalogue() if one.replaces and LOSSES.get(one.name, "sparse_categorical_crossentropy") == loss]
        train = TrainSpec(epochs=1, batch_size=10, seed=9, loss=loss)
        report = lockstep.compare(MODEL, train, (x, y), sides=[*(planted(one) for one in traps), "keras"])
        found |= {pair.left: pair for pair in report.pairs}
    return found


@pytest.mark.parametrize("name", [one.name for one in catalogue() if one.replaces])
def test_comparison_sees_each_planted_trap_at_the_stage_it_names(pairs, name):
    pair = pairs[name]
    assert pair.first.stage == trap(name).stage
    assert pair.first.step in FIRST_STEP.get(name, (1,))
    assert pair.verdict in ("alike", "different")


def test_a_side_with_the_right_halves_planted_is_identical_to_fit():
    """So it is the wrong half that is seen, not the planting."""
    right = [dataclasses.replace(one, wrong=one.right) for one in catalogue() if one.replaces and one.name not in LOSSES]
    x, y, *_ = small_data()
    train = TrainSpec(epochs=1, batch_size=10, seed=9)
    report = lockstep.compare(MODEL, train, (x, y), sides=[*(planted(one) for one in right), "keras"])
    assert len(report.pairs) == 8
    assert report.verdict == "identical"


def test_only_deviations_of_the_step_can_be_planted():
    with pytest.raises(InputError, match="misspelt-multiply"):
        trap("misspelt-multiply").plant(lowlevel.Trainer(MODEL, TrainSpec()))


def test_S0_10_sum_differentiated(pairs):
    _, left, _, right = pairs["sum-differentiated"].around
    for wrong, true in zip(left.gradients, right.gradients, strict=True):
        assert wrong == pytest.approx(10 * true, rel=1e-5, abs=1e-7)
    found = numbers("sum-differentiated")
    assert found["gradient ratio"] == pytest.approx(32, rel=1e-6)
    assert found["sgd wrong"] < 0.5 < found["sgd right"]
    assert abs(found["adam wrong"] - found["adam right"]) < 0.05  # hidden


def costs(name, batches):
    """(wrong, right): the cost of an epoch by both halves."""
    found = []
    for add in (trap(name).wrong, trap(name).right):
        mean = Mean()
        for losses in batches:
            add(mean, tf.reduce_sum(losses), tf.cast(len(losses), tf.float32))
        found.append(float(mean.result()))
    return found


FIVE = [tf.constant([0.0, 1, 2, 3]), tf.constant([4.0])]  # the notes' example


def test_S0_11_mean_divided_by_m(pairs):
    assert costs("mean-divided-by-m", FIVE) == pytest.approx([(1.5 + 4) / 5, 2], rel=1e-6)
    found = numbers("mean-divided-by-m")
    assert (found["wrong"], found["right"]) == pytest.approx((1.1, 2), rel=1e-6)
    assert found["signs ratio"] == pytest.approx(34 / 1080, rel=1e-5)
    assert "1.1, not 2;" in effect("mean-divided-by-m").text
    _, left, _, right = pairs["mean-divided-by-m"].around
    assert left.running[0] / right.running[0] == pytest.approx(1 / 10, rel=1e-5)


def test_S0_11_mean_of_batch_means(pairs):
    far = [gaps["running metric", "loss"].distance > 1e-4 for gaps in pairs["mean-of-batch-means"].gaps[:5]]
    assert far == [False, False, False, False, True]
    assert costs("mean-of-batch-means", FIVE) == [2.75, 2]
    found = numbers("mean-of-batch-means")
    assert (found["wrong"], found["right"]) == (2.75, 2)
    assert found["signs weight"] == pytest.approx((1 / 34 / 24) / (1 / 1080), rel=1e-5)
    assert "2.75, not 2;" in effect("mean-of-batch-means").text


def cross_entropy(targets, logits):
    """Of each row, in float64."""
    logits = np.asarray(logits, np.float64)
    shifted = logits - logits.max(axis=1, keepdims=True)
    return -(targets * (shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))).sum(axis=1)


def test_S0_11_classes_as_rows(pairs):
    one = trap("classes-as-rows")
    generator = np.random.default_rng(3)
    labels = generator.integers(0, 6, 20)
    targets, logits = np.eye(6)[labels], generator.normal(size=(20, 6))
    assert one.wrong(targets, logits).numpy() == pytest.approx(cross_entropy(targets.T, logits.T))  # 6 losses, of the classes
    assert one.right(targets, logits).numpy() == pytest.approx(cross_entropy(targets, logits))  # 20 losses, of the examples
    # what the notes call does the same
    notes = keras.losses.categorical_crossentropy(targets.T, logits.T, from_logits=True)
    assert one.wrong(targets, logits).numpy() == pytest.approx(notes.numpy())
    # the last bias: the loss is flat along it, and yet the gradient is 1 - k, whatever the logits are
    for scale in (1, 10):
        bias = tf.Variable(np.zeros(6))
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(one.wrong(targets, scale * logits + bias))
        moved = tf.reduce_sum(one.wrong(targets, scale * logits + np.arange(6)))
        assert float(moved) == pytest.approx(float(total), rel=1e-12)
        assert tape.gradient(total, bias).numpy() == pytest.approx(1 - np.bincount(labels, minlength=6), abs=1e-9)
    _, left, _, right = pairs["classes-as-rows"].around
    counts = right.targets.sum(axis=0)
    assert left.gradients[-1] == pytest.approx((1 - counts) / 5, abs=1e-6)

    found = numbers("classes-as-rows")
    assert found["wrong untrained"] == pytest.approx(math.log(32), rel=1e-6)
    assert found["right untrained"] == pytest.approx(math.log(6), rel=1e-6)
    assert found["wrong single"] == 0 < found["right single"]
    assert (found["wrong gradient"], found["wrong slope"]) == (pytest.approx(-5, rel=1e-5), pytest.approx(0, abs=0.01))
    assert found["wrong bias"] > 30 * found["right bias"]
    assert found["wrong accuracy"] < found["right accuracy"] - 0.03


# ------------------------------------------------------------------------------------------------- S2, by hand in NumPy


def test_S2_04_cost_without_mean():
    one = trap("cost-without-mean")
    AL, Y = np.array([[0.8, 0.9, 0.4]]), np.array([[1, 1, 0]])
    true = -(math.log(0.8) + math.log(0.9) + math.log(0.6)) / 3
    assert float(one.right(AL, Y)) == pytest.approx(true, rel=1e-15)
    assert float(one.wrong(AL, Y)) == pytest.approx(3 * true, rel=1e-15)
    found = numbers("cost-without-mean")
    assert found["wrong cost"] == pytest.approx(5 * found["right cost"], rel=1e-14)
    assert found["wrong check"] == pytest.approx((5 - 1) / (5 + 1), rel=1e-6)
    assert found["right check"] < 1e-7


def test_S2_04_misspelt_multiply():
    one = trap("misspelt-multiply")
    AL, Y = np.array([[0.8, 0.9, 0.4]]), np.array([[1, 1, 1]])
    with pytest.raises(AttributeError, match="muliply"):
        one.wrong(AL, Y)
    assert not hasattr(np, "muliply")
    true = -(math.log(0.8) + math.log(0.9) + math.log(0.4)) / 3
    assert float(one.right(AL, Y)) == pytest.approx(true, rel=1e-15)
    assert numbers("misspelt-multiply")["right cost"] == pytest.approx(true, rel=1e-15)
    assert "AttributeError" in effect("misspelt-multiply").text


def sigmoid(Z):
    return 1 / (1 + np.exp(-Z))


def test_S2_05_bias_gradient_summed():
    """Every ``db`` that the notes print is the wrong half's; what passes a gradient check is half of it."""
    one = trap("bias-gradient-summed")

    def draws(seed, *shapes):
        generator = np.random.RandomState(seed)
        return [generator.randn(*shape) for shape in shapes]

    dZ, A_prev, W, b = draws(1, (1, 2), (3, 2), (1, 3), (1, 1))
    cases = [(dZ, (A_prev, W, b), [[1.01258895]])]
    dA, A_prev, W, b, Z = draws(2, (1, 2), (3, 2), (1, 3), (1, 1), (1, 2))
    cases.append((dA * sigmoid(Z) * (1 - sigmoid(Z)), (A_prev, W, b), [[-0.11459244]]))
    cases.append((dA * (Z > 0), (A_prev, W, b), [[-0.41675785]]))
    AL, A1, W1, b1, Z1, _, W2, _, Z2 = draws(3, (1, 2), (4, 2), (3, 4), (3, 1), (3, 2), (3, 2), (1, 3), (1, 1), (1, 2))
    Y = np.array([[1, 0]])
    dZ2 = -(Y / AL - (1 - Y) / (1 - AL)) * sigmoid(Z2) * (1 - sigmoid(Z2))
    cases.append(((W2.T @ dZ2) * (Z1 > 0), (A1, W1, b1), [[-0.44014127], [0], [-0.05670698]]))

    for dZ, cache, printed in cases:
        A_prev, W, b = cache
        m = dZ.shape[1]
        for half, factor in ((one.wrong, 1), (one.right, 1 / m)):
            dA_prev, dW, db = half(dZ, cache)
            assert db == pytest.approx(np.array(printed) * factor, abs=5e-9)
            assert dW == pytest.approx(dZ @ A_prev.T / m)
            assert dA_prev == pytest.approx(W.T @ dZ)
        # differences of the mean cost whose gradient by Z is dZ
        for unit in range(len(b)):
            move = 1e-3 * np.eye(len(b))[:, [unit]]
            ahead, behind = ((dZ * (W @ A_prev + b + step)).sum(axis=0).mean() for step in (move, -move))
            assert one.right(dZ, cache)[2][unit, 0] == pytest.approx((ahead - behind) / 2e-3, rel=1e-7, abs=1e-9)

    found = numbers("bias-gradient-summed")
    assert found["wrong db"] == pytest.approx(1.01258895, abs=5e-9)
    assert found["right db"] == pytest.approx(1.01258895 / 2, abs=5e-9)
    assert found["wrong check"] == pytest.approx(1 / 3)
    assert found["right check"] < 1e-7


def test_S2_05_gradient_named_one_off():
    from lockstep.traps.gradient_named_one_off import example

    printed = [[0.12913162, -0.44014127], [-0.14175655, 0.48317296], [0.01663708, -0.05670698]]  # as dA1
    one = trap("gradient-named-one-off")
    dAL, layers = example()
    wrong, right = one.wrong(dAL, layers), one.right(dAL, layers)
    assert sorted(wrong) == ["dA1", "dA2", "dW1", "dW2", "db1", "db2"]
    assert sorted(right) == ["dA0", "dA1", "dA2", "dW1", "dW2", "db1", "db2"]
    assert wrong["dA2"] == pytest.approx(np.array(printed), abs=5e-9)
    assert right["dA1"] == pytest.approx(np.array(printed), abs=5e-9)
    (_, W, _), Z = layers[1]
    assert right["dA1"] == pytest.approx(W.T @ (dAL * sigmoid(Z) * (1 - sigmoid(Z))))  # of what layer 1 gives
    (A0, _, _), _ = layers[0]
    assert wrong["dA1"].shape == right["dA0"].shape == A0.shape
    printed_dW1 = [[0.41010002, 0.07807203, 0.13798444, 0.10502167], [0] * 4, [0.05283652, 0.01005865, 0.01777766, 0.0135308]]
    for grads in (wrong, right):
        assert grads["dW1"] == pytest.approx(np.array(printed_dW1), abs=5e-9)
    found = numbers("gradient-named-one-off")
    assert (found["wrong rows"], found["right rows"]) == (4, 3)
    assert found["right first"] == pytest.approx(0.12913162, abs=5e-9)


# ------------------------------------------------------------------------------------------------ S3, six classes in TF 2


def binary(targets, logits):
    """As S3 quotes it, in float64."""
    return (np.maximum(logits, 0) - logits * targets + np.log1p(np.exp(-np.abs(logits)))).mean(axis=1)


def test_S3_02_binary_for_six_classes():
    one = trap("binary-for-six-classes")
    labels = np.array([[0.0, 1.0], [0.0, 0.0], [1.0, 0.0]])
    logits = np.array([[0.6, 0.4], [0.4, 0.6], [0.4, 0.6]])
    assert float(tf.reduce_mean(one.wrong(labels, logits))) == pytest.approx(0.8419182681095858, abs=1e-15)  # as printed
    assert float(tf.reduce_mean(one.wrong(labels.T, logits.T))) == pytest.approx(0.8419182681095858, abs=1e-15)
    assert one.wrong(labels.T, logits.T).numpy() == pytest.approx(binary(labels.T, logits.T), rel=1e-14)
    notes = keras.losses.binary_crossentropy(labels.T, logits.T, from_logits=True)
    assert one.wrong(labels.T, logits.T).numpy() == pytest.approx(notes.numpy(), rel=1e-14)
    assert one.right(labels.T, logits.T).numpy() == pytest.approx(cross_entropy(labels.T, logits.T), rel=1e-14)

    found = numbers("binary-for-six-classes")
    assert found["wrong printed"] == pytest.approx(0.8419182681095858, abs=1e-15)
    assert found["right printed"] == pytest.approx(cross_entropy(labels.T, logits.T).mean(), rel=1e-14)
    assert found["wrong untrained"] == pytest.approx(math.log(2))
    assert found["right untrained"] == pytest.approx(math.log(6))
    alone = -(math.log(1 / 6) + 5 * math.log(5 / 6)) / 6
    assert found["frequencies alone"] == pytest.approx(alone)
    assert 0 < alone - 0.455648 * 32 / 33 < 0.01  # what S3's last printed cost is better by
    assert found["wrong accuracy"] < found["right accuracy"] - 0.1


def test_S3_02_cost_divided_by_batch_size(pairs):
    full = [tf.constant([1.0, 2, 3, 4]), tf.constant([5.0, 6, 7, 8]), tf.constant([0.0, 0, 0, 0])]
    assert costs("cost-divided-by-batch-size", full) == pytest.approx([(2.5 + 6.5 + 0) / 4, 3], rel=1e-6)
    found = numbers("cost-divided-by-batch-size")
    assert found["ratio 32"] == pytest.approx(33 / 32, rel=1e-6)
    assert found["ratio 64"] == pytest.approx(16 / 64, rel=1e-6)
    assert found["true"] == pytest.approx(0.742591 * 32 / 33, rel=1e-6)
    _, left, _, right = pairs["cost-divided-by-batch-size"].around
    assert left.running[0] / right.running[0] == pytest.approx(1 / 10, rel=1e-5)  # one step so far, of ten examples


def test_S3_02_remainder_dropped():
    one = trap("remainder-dropped")
    x, y = np.arange(1080), np.arange(1080) % 6
    assert [len(part) for part, _ in one.wrong(x, y, 32)] == [32] * 33
    assert [len(part) for part, _ in one.right(x, y, 32)] == [32] * 33 + [24]
    assert np.concatenate([part for part, _ in one.right(x, y, 32)]).tolist() == x.tolist()
    assert np.concatenate([part for part, _ in one.wrong(x, y, 32)]).tolist() == x[:-24].tolist()
    found = numbers("remainder-dropped")
    assert (found["wrong unseen"], found["right unseen"]) == (24, 0)
    assert (found["wrong batches of 31"], found["right batches of 31"]) == (0, 1)

    class Dropped(lowlevel.Trainer):
        def _run_epoch(self, rows, plan, *rest):
            full = plan.examples - plan.examples % plan.batch_size
            yield from super()._run_epoch(rows, BatchPlan(full, plan.batch_size, shuffle=False), *rest)

    x, y, *_ = small_data()
    train = TrainSpec(epochs=1, batch_size=10, shuffle=False)
    with pytest.raises(RuntimeError, match="sides out of step"):
        lockstep.compare(MODEL, train, (x, y), sides=[eager("dropped", Dropped), "eager"])


def test_S3_02_batched_apart():
    one = trap("batched-apart")
    rows = np.arange(1080)
    whole = rows[:1056]
    apart = list(one.wrong(whole, whole, 32))
    for part in (0, 1):  # nothing is lost where all batches are full, and nothing is where it was
        assert sorted(np.concatenate([pair[part] for pair in apart])) == whole.tolist()
    assert sum(int((x.numpy() == y.numpy()).sum()) for x, y in apart) < 20
    together = list(one.right(rows, rows, 32))
    assert all((x.numpy() == y.numpy()).all() for x, y in together)
    assert sorted(np.concatenate([x for x, _ in together])) == rows.tolist()
    assert len(list(one.wrong(rows, rows[:1000], 32))) == 31
    with pytest.raises(ValueError, match="Dimensions"):
        one.right(rows, rows[:1000], 32)
    found = numbers("batched-apart")
    assert found["wrong own"] < 20
    assert (found["right own"], found["wrong batches"], found["right batches"]) == (1080, 31, 0)

    class Apart(lowlevel.Trainer):
        def fit(self, data, plan=None, record=None, **options):
            x, y = data
            return super().fit((x, y[np.random.default_rng(5).permutation(len(y))]), plan, record, **options)

    x, y, *_ = small_data()
    train = TrainSpec(epochs=1, batch_size=10, seed=9)
    report = lockstep.compare(MODEL, train, (x, y), sides=[eager("apart", Apart), "eager"])
    assert (report.first.step, report.first.stage, report.first.tensor) == (1, one.stage, "targets")


# ------------------------------------------------------------------------------------------------------- S4, softmax twice


def softmax(logits):
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def twice(labels, logits):
    """Losses and gradient of their mean where softmax is taken twice, by the chain rule in float64."""
    once = softmax(logits)
    outer = (softmax(once) - np.eye(logits.shape[1])[labels]) / len(labels)  # by the probabilities
    return cross_entropy(np.eye(logits.shape[1])[labels], once), once * (outer - (outer * once).sum(axis=1, keepdims=True))


FLOOR = math.log(1 + 9 / math.e)  # ten classes, certain and right


def test_S4_08_softmax_in_the_net(pairs):
    one = trap("softmax-in-the-net")
    generator = np.random.default_rng(4)
    labels, z = generator.integers(0, 10, 30), 3 * generator.normal(size=(30, 10))
    assert one.wrong(z).numpy() == pytest.approx(softmax(z))
    assert one.right(z) is z
    gradients = {}
    for half in (one.wrong, one.right):
        logits = tf.constant(z)
        with tf.GradientTape() as tape:
            tape.watch(logits)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, half(logits))
            total = tf.reduce_mean(losses)
        gradients[half] = losses.numpy(), tape.gradient(total, logits).numpy()
    for found, true in zip(gradients[one.wrong], twice(labels, z), strict=True):
        assert found == pytest.approx(true, abs=1e-12)
    assert gradients[one.right][0] == pytest.approx(cross_entropy(np.eye(10)[labels], z))
    _, left, _, _ = pairs["softmax-in-the-net"].around
    assert left.logits.sum(axis=1) == pytest.approx(np.ones(10), abs=1e-6)

    found = numbers("softmax-in-the-net")
    assert found["wrong loss"] > FLOOR == pytest.approx(1.4612, abs=5e-5)
    assert found["right loss"] < 0.6
    assert found["wrong accuracy"] < found["right accuracy"] - 0.05
    # Keras undoes it with a warning, and does not see it behind a reshape
    assert (found["keras loss"], found["keras accuracy"]) == pytest.approx(
        (found["right loss"], found["right accuracy"]), abs=2e-3
    )
    assert found["keras reshaped loss"] == pytest.approx(found["wrong loss"], abs=2e-3)
    assert (found["keras warnings"], found["keras reshaped warnings"]) == (1, 0)


def test_S4_08_a_cast_hides_softmax_from_keras_too():
    """A float64 net whose loss object is left in float32: what Keras would undo it does not see."""
    x, y = np.eye(4), np.arange(4)
    model = keras.Sequential([keras.Input((4,), dtype="float64", name="x")], name="net")
    model.add(keras.layers.Dense(4, "softmax", dtype="float64", name="L1"))
    for dtype, warned in (("float64", 1), (None, 0)):
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, dtype=dtype, name="loss")
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            value = float(loss(y, model(tf.constant(x))))
        logits = x @ model.layers[0].get_weights()[0]
        assert len(told) == warned
        true = cross_entropy(np.eye(4), logits if warned else softmax(logits)).mean()
        assert value == pytest.approx(true, rel=1e-5)


def test_S4_08_probabilities_as_logits():
    one = trap("probabilities-as-logits")
    generator = np.random.default_rng(5)
    labels, z = generator.integers(0, 10, 30), 3 * generator.normal(size=(30, 10))
    logits = tf.constant(z)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        losses = one.wrong(labels, logits)
        total = tf.reduce_mean(losses)
    for found, true in zip((losses.numpy(), tape.gradient(total, logits).numpy()), twice(labels, z), strict=True):
        assert found == pytest.approx(true, abs=1e-12)
    assert one.right(labels, logits).numpy() == pytest.approx(cross_entropy(np.eye(10)[labels], z))
    # the worst and the best loss that ten classes can have
    best, worst = (float(one.wrong([0], 100 * np.eye(10)[[place]])[0]) for place in (0, 1))
    assert (best, worst) == pytest.approx((FLOOR, FLOOR + 1))

    found = numbers("probabilities-as-logits")
    assert found["wrong certain"] == pytest.approx(FLOOR, rel=1e-6)
    assert found["right certain"] == pytest.approx(0, abs=1e-6)
    assert found["wrong trained"] == pytest.approx(found["keras trained"], rel=1e-5)
    assert found["wrong trained"] > FLOOR > 1 > found["right trained"]
    assert found["wrong untrained"] == pytest.approx(math.log(10), abs=0.1)
    assert found["gradient ratio"] == pytest.approx(0.1, abs=0.02)


# ---------------------------------------------------------------------------------------------------------- other sources


def adam(w, g, m, v, t, rate=1e-3):
    """(m, v, what is taken from w but for epsilon, the root), in float64, by Kingma and Ba's formulas."""
    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
    return m, v, rate * math.sqrt(1 - 0.999**t) / (1 - 0.9**t) * m, np.sqrt(v)


@pytest.mark.parametrize("t", [1, 2, 10])
def test_adam_frozen_counter(t):
    one = trap("adam-frozen-counter")
    holder = lowlevel.Trainer(MODEL, TrainSpec()).optimizer
    holder.iteration.assign(t - 1)
    w, g, m, v = (np.array([value, -value]) for value in (1.0, 0.3, 0.1, 0.04))
    for half, counted in ((one.wrong, 1), (one.right, t)):
        given = (tf.constant(value) for value in (w, g, m, np.abs(v)))
        found = holder.rule(*given, **half(holder, tf.constant(1e-3), tf.float64))
        new_m, new_v, step, root = adam(w, g, m, np.abs(v), counted)
        for value, true in zip(found, (w - step / (root + 1e-7), new_m, new_v), strict=True):
            assert value.numpy() == pytest.approx(true, rel=1e-6)
    found = numbers("adam-frozen-counter")
    assert found["right factor 1"] == pytest.approx(0.1**0.5, rel=1e-9)  # sqrt(0.001) / 0.1
    assert found["right factor 10"] < 0.5 * found["right factor 1"] < found["right factor 1000"]
    assert found["wrong loss"] > found["right loss"] + 0.01


def test_adam_epsilon_added():
    one = trap("adam-epsilon-added")
    holder = lowlevel.Trainer(MODEL, TrainSpec(epsilon=1e-3)).optimizer
    w, g, m, v = (np.array([value, 0.0]) for value in (1.0, 0.3, 0.0, 0.0))  # the second gradient has always been 0
    found = {}
    for half in (one.wrong, one.right):
        given = (tf.constant(value) for value in (w, g, m, v))
        found[half], *_ = half(holder, *given, t=tf.constant(1.0, tf.float64), learning_rate=tf.constant(1e-3, tf.float64))
    _, _, step, root = adam(w, g, m, v, 1)
    assert found[one.wrong][0].numpy() == pytest.approx(1 - step[0] / root[0] + 1e-3, rel=1e-6)
    assert np.isnan(found[one.wrong][1].numpy())
    assert found[one.right].numpy() == pytest.approx([1 - step[0] / (root[0] + 1e-3), 0], rel=1e-6)
    counted = numbers("adam-epsilon-added")
    assert counted["wrong NaN"] > 400 > counted["right NaN"] == 0


class Reordered(lowlevel.Trainer):
    """Trains the second epoch in the order of another one of the plan's."""

    second = 0

    def fit(self, data, plan=None, record=None, **options):
        orders = np.stack([plan.order(0), plan.order(self.second)])
        return super().fit(data, orders, record, **options)


class Skipping(Reordered):
    second = 2


def test_other_orders_show_in_the_second_epoch():
    """What the two shuffle traps lead to: the first order again, or the third in the place of the second."""
    x, y, *_ = small_data()
    report = lockstep.compare(
        MODEL, TrainSpec(epochs=2, batch_size=30), (x, y), sides=[eager("again", Reordered), eager("skipping", Skipping), "eager"]
    )
    for pair in report.pairs:
        assert (pair.first.epoch, pair.first.step, pair.first.stage) == (2, 3, "batch")


def test_weights_in_another_order_show_before_the_first_step():
    class Swapped(lowlevel.Trainer):
        def load(self, weights):
            super().load([weights[2], weights[1], weights[0], weights[3]])

    x, y, *_ = small_data(columns=5)
    report = lockstep.compare(
        ModelSpec.mlp(5, 5, 5), TrainSpec(batch_size=45), (x, y), sides=[eager("swapped", Swapped), "eager"]
    )
    assert (report.first.step, report.first.stage) == (1, "weights in")
    with pytest.raises(InputError):
        lockstep.compare(
            ModelSpec.mlp(12, 6, 5), TrainSpec(batch_size=45), small_data()[:2], sides=[eager("swapped", Swapped), "eager"]
        )


# ------------------------------------------------------------------------------------------------------- the command line


@pytest.fixture
def measured(monkeypatch):
    """The catalogue with the effects that the page gives."""
    known = {name: Effect(text, {"shown": 1}) for name, text in written().items()}
    measured = {name: dataclasses.replace(trap(name), measure=functools.partial(known.get, name)) for name in NAMES}
    monkeypatch.setattr("lockstep.traps.trap", measured.__getitem__)
    return known


def test_the_list_fits_100_columns_and_shows_every_effect(measured, capsys):
    assert main(["traps"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert max(len(line) for line in out.splitlines()) <= 100
    shown = " ".join("".join(line[42:] if line[:1] else line for line in out.splitlines(keepends=True)).split())
    rows = [line.split()[0] for line in out.splitlines()[1:] if not line.startswith(" ")]
    assert rows == list(NAMES)
    for name in NAMES:
        assert " ".join(measured[name].text.split()) in shown


def test_one_trap_is_shown_with_both_halves_effect_and_remedy(measured, capsys):
    assert main(["traps", "softmax-in-the-net"]) == 0
    out, _ = capsys.readouterr()
    one = trap("softmax-in-the-net")
    for source in one.halves.values():
        assert all(f"    {line}".rstrip() in out.splitlines() for line in source.splitlines())
    flat = " ".join(out.split())
    for text in (one.title, one.remedy, one.seen, measured[one.name].text, "S4.8", one.met, "double-softmax", "logits"):
        assert text in flat


def test_json_holds_the_effects(measured, capsys, tmp_path):
    assert main(["traps", "mean-of-batch-means", "--json", str(tmp_path / "one.json")]) == 0
    capsys.readouterr()
    assert main(["traps", "--json", "-"]) == 0
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert "softmax-in-the-net" in err
    assert document["schema"] == 1
    assert [one["name"] for one in document["traps"]] == list(NAMES)
    for one in document["traps"]:
        assert one["effect"] == {"text": measured[one["name"]].text, "numbers": {"shown": 1}}
        assert one["met"] == trap(one["name"]).met
    (alone,) = json.loads((tmp_path / "one.json").read_text())["traps"]
    assert alone in document["traps"]
    assert alone["wrong"].startswith("def wrong")


BAD = [
    (["softmax"], "softmax-in-the-net"),
    (["Adam-Frozen-Counter"], "adam-frozen-counter"),
    (["xyz"], "lists all"),
    ([""], "lists all"),
    (["two\nlines"], "Received"),
    (["x" * 500], "Received"),
    (["--json", "traps.txt"], ".json"),
    (["--json", "nowhere/traps.json"], "nowhere"),
    (["cost-without-mean", "more"], "--help"),
    (["--html", "page.html"], "--help"),
]


def test_unusable_input_ends_in_one_line_before_tensorflow(tmp_path):
    asked = [["traps", *arguments] for arguments, _ in BAD] + [["traps", "--help"]]
    *ended, helped = child(tmp_path, RUN_ALL, json.dumps(asked))
    for (arguments, word), (status, out, err, loaded) in zip(BAD, ended, strict=True):
        assert (status, out, loaded) == (2, "", []), arguments
        assert len(err.splitlines()) == 1
        assert word in err
    assert (helped[0], helped[2], helped[3]) == (0, "", [])
    assert "--json" in helped[1]
    assert list(tmp_path.iterdir()) == []


def test_S1_10_order_of_its_own():
    found = numbers("order-of-its-own")
    assert found["weights"] > 1e-3
    assert found["wrong loss"] != found["right loss"]


def test_measured_after():
    """The running loss of the first epoch lies above the loss at its end, which the wrong half gives."""
    found = numbers("measured-after")
    assert found["wrong"] < found["right"]
    epoch = Epoch(np.array([3.0, 1.0]), np.array([2.0, 4.0]), np.array([10.0, 5.0]), {"loss": 0.5, "accuracy": 0.9}, 10)
    one = trap("measured-after")
    assert one.right(None, epoch) == {"loss": pytest.approx(35 / 15), "accuracy": 6 / 15}
    assert one.wrong(None, epoch) == {"loss": 0.5, "accuracy": 0.9}
