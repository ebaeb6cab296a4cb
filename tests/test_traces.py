"""Golden traces: recorded and checked, planted changes named, damaged and hostile files refused, nothing half-written."""

import hashlib
import json
import math
import os
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import tensorflow as tf
from conftest import small_data

import lockstep
from lockstep import traces
from lockstep.cli import main
from lockstep.traces.file import PREFACE, write
from lockstep.traces.layout import BUDGET, MOST_BYTES, Layout
from lowlevel.optimizers import Adam
from shared import Dataset, DropoutSpec, InputError, ModelSpec, TrainSpec
from shared.data.hdf5 import GuardedFile
from shared.spec import BatchNormalizationSpec, CosineDecaySpec, DenseSpec

ROOT = Path(__file__).parents[1]
MODEL = ModelSpec.mlp(12, 6, 5)
TRAIN = TrainSpec(epochs=2, batch_size=10, seed=9)  # 45 rows: five steps an epoch, the last of five rows
EVERY = 4  # kept: 1, 4, 8, 10


def dataset():
    x, y, x_test, y_test = small_data()
    classes = tuple("abcde")
    return Dataset(x_train=x, y_train=y, x_test=x_test, y_test=y_test, classes=classes, source="45 rows", name="small")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A trace of both wings."""
    path = tmp_path_factory.mktemp("traces") / "trace.h5"
    lockstep.record(MODEL, TRAIN, dataset(), path, sides="graph,keras", every=EVERY)
    return path


def found(result):
    return result.first.epoch, result.first.step, result.first.stage, result.first.tensor


def number(trace, stage, tensor):
    return [one[:2] for one in trace.layout.of_step].index((stage, tensor))


# ----------------------------------------------------------------------------------------------------- record and check


def test_C_06_a_recorded_training_is_reproduced_bit_by_bit(path):
    result = lockstep.check(path, dataset())
    assert result.verdict == "identical"
    assert (result.max_ulp, result.max_abs, result.first) == (0, 0, None)
    assert [(pair.left, pair.right, pair.steps, pair.epochs) for pair in result.pairs] == [
        ("graph", "recorded", 10, 2),
        ("keras", "recorded", 10, 2),
    ]
    # the moments of a comparison of the two sides, and the state that both start from
    compared = lockstep.compare(MODEL, TRAIN, dataset(), sides="graph,keras")
    assert result.pairs[0].numbers == compared.pairs[0].numbers
    assert result.histories["keras"].history == result.histories["recorded"].history == compared.histories["keras"].history
    assert result.changes == []
    assert "as it was when recorded" in str(result)
    assert result.meets("identical")


def test_what_a_trace_holds_is_what_the_sides_did(path):
    import highlevel

    trace = traces.read(path)
    assert (trace.model, trace.train, trace.kept) == (MODEL, TRAIN, (1, 4, 8, 10))
    assert dict(trace.sides) == {"graph": 0, "keras": 0}  # the same bits are written once
    assert len(trace.recordings) == 1
    trainer = highlevel.Trainer(MODEL, TRAIN)
    trainer.load(trace.before(trace.recordings[0], 1).weights)
    steps = [one for one in trainer.fit(dataset(), record=True).trace if hasattr(one, "step")]
    for step in trace.kept:
        true, kernel = steps[step - 1], number(trace, "weights out", "L1/kernel")
        assert trace.of_step(trace.recordings[0], step, kernel).tobytes() == true.weights[0].tobytes()
        logits = trace.of_step(trace.recordings[0], step, number(trace, "logits", "logits"))
        assert logits.shape == (10, 5)
        assert logits[: len(true.logits)].tobytes() == true.logits.tobytes()
        if step > 1:
            state = trace.before(trace.recordings[0], step)
            for ours, theirs in zip(
                [*state.weights, *state.slots], [*steps[step - 2].weights, *steps[step - 2].slots], strict=True
            ):
                assert np.array_equal(ours, theirs)
    loss = number(trace, "loss", "loss")
    assert [float(trace.of_step(trace.recordings[0], step, loss)) for step in range(1, 11)] == [float(one.loss) for one in steps]
    assert trace.of_step(trace.recordings[0], 2, number(trace, "weights out", "L1/kernel")) is None


def test_the_same_training_makes_the_same_bytes(path, tmp_path):
    lockstep.record(MODEL, TRAIN, dataset(), tmp_path / "again.h5", sides=["graph", "keras"], every=EVERY)
    assert (tmp_path / "again.h5").read_bytes() == path.read_bytes()


EVERYTHING = ModelSpec(
    inputs=12,
    layers=(
        DenseSpec(units=6, use_bias=False, name="D1"),
        BatchNormalizationSpec(name="B1"),
        DropoutSpec(rate=0.3, name="O1"),
        DenseSpec(units=5, name="D2"),
    ),
)
KINDS = {
    "layers and averages": (EVERYTHING, TrainSpec(optimizer="adamw", use_ema=True, epochs=2, batch_size=10)),
    "float64 with a schedule": (
        ModelSpec.mlp(12, 5, dtype="float64"),
        TrainSpec(optimizer="sgd", momentum=0.9, learning_rate=CosineDecaySpec(initial_learning_rate=0.1, decay_steps=9)),
    ),
    "mixed float16": (ModelSpec.mlp(12, 6, 5, dtype="mixed_float16"), TrainSpec(optimizer="nadam", batch_size=10)),
    "regression": (ModelSpec.mlp(12, 1), TrainSpec(optimizer="rmsprop", loss="mean_squared_error", epochs=2)),
    "one-hot targets": (ModelSpec.mlp(12, 5), TrainSpec(loss="categorical_crossentropy", shuffle=False)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_training_has_a_trace(kind, tmp_path):
    model, train = KINDS[kind]
    x, y, *_ = small_data()
    lockstep.record(model, train, (x, y), tmp_path / "trace.h5", sides="epoch")
    assert lockstep.check(tmp_path / "trace.h5", (x, y)).verdict == "identical"


def test_weights_and_plan_are_those_given(tmp_path):
    x, y, *_ = small_data()
    weights = [np.full(shape, 0.01, np.float32) for shape in MODEL.weight_shapes.values()]
    orders = np.stack([np.arange(45)[::-1], np.roll(np.arange(45), 7)])
    lockstep.record(MODEL, TRAIN, (x, y), tmp_path / "trace.h5", sides="epoch", weights=weights, plan=orders)
    trace = traces.read(tmp_path / "trace.h5")
    assert np.array_equal(trace.orders, orders)
    assert all(np.array_equal(a, b) for a, b in zip(trace.before(trace.recordings[0], 1).weights, weights, strict=True))
    assert lockstep.check(trace, (x, y)).verdict == "identical"


def test_kept_steps_fit_the_budget():
    digits = Layout.of(ModelSpec.mlp(400, 25, 15, 10), TrainSpec(epochs=40), 5000, 10000)
    kept = digits.kept_steps(None, 4, 1)
    assert kept == (1, 9, 79, 705, 6280)
    assert (digits.size(5) - digits.size(0)) / 2 < BUDGET  # counted with 8 bytes a number, and these have 4
    assert digits.kept_steps(1000, 4, 1) == (1, 1000, 2000, 3000, 4000, 5000, 6000, 6280)
    signs = Layout.of(ModelSpec.mlp(12288, 25, 12, 6), TrainSpec(epochs=40), 1080, 120)
    assert signs.kept_steps(None, 4, 1) == (1, 1360)
    with pytest.raises(InputError, match=f"{MOST_BYTES:,} bytes"):
        signs.kept_steps(1, 4, 1)
    for wrong in (0, -1, 1.5, True, "2"):
        with pytest.raises(InputError, match="every counts steps"):
            digits.kept_steps(wrong, 4, 1)


# ------------------------------------------------------------------------------------------------------ planted changes


def altered(path, tmp_path, change):
    """The check of a soundly written trace in which ``change`` has altered an array of the recording, or returned new fields."""
    trace = traces.read(path)
    arrays = {name: array.copy() for name, array in trace.recordings[0].items()}
    trace = replace(trace, recordings=(arrays,), **({"sides": {"eager": 0}} | (change(trace, arrays) or {})))
    write(tmp_path / "altered.h5", trace)
    return lockstep.check(tmp_path / "altered.h5", dataset())


def test_one_ulp_of_one_weight_is_named(path, tmp_path):
    def change(trace, arrays):
        values = arrays[f"steps/{number(trace, 'weights out', 'L2/kernel')}"]
        values[2, 3, 1] = np.nextafter(values[2, 3, 1], np.float32(9))  # of the third kept step

    result = altered(path, tmp_path, change)
    assert found(result) == (2, 8, "weights out", "L2/kernel")
    assert result.max_ulp == 1
    assert result.verdict == "round-off"
    assert not result.meets("identical")


def test_a_changed_weight_between_kept_steps_is_named_by_its_digest(path, tmp_path):
    def change(trace, arrays):
        arrays["digests/steps"][5, number(trace, "gradients", "L1/bias")] += np.uint64(1)

    result = altered(path, tmp_path, change)
    assert found(result) == (2, 6, "gradients", "L1/bias")
    assert math.isnan(result.first.max_abs)
    assert "a digest alone" in str(result)
    assert json.loads(result.to_json())["first"]["max_ulp"] == "nan"


def test_another_batch_is_no_rounding(path, tmp_path):
    def change(trace, arrays):
        arrays["digests/steps"][2, number(trace, "batch", "targets")] += np.uint64(1)

    result = altered(path, tmp_path, change)
    assert found(result) == (1, 3, "batch", "targets")
    assert result.verdict not in ("identical", "round-off")


def test_each_kept_step_is_taken_from_its_recorded_state(path, tmp_path):
    """A difference of one ULP passes as rounding only if every kept step also lands where it did."""

    def change(trace, arrays):
        arrays["before/0"][2, 0, 0] += 0.01  # a weight from which the third kept step started
        values = arrays[f"steps/{number(trace, 'weights out', 'L2/kernel')}"]
        values[3, 3, 1] = np.nextafter(values[3, 3, 1], np.float32(9))

    result = altered(path, tmp_path, change)
    assert found(result) == (2, 10, "weights out", "L2/kernel")
    assert result.max_ulp == 1
    assert result.verdict == "alike"
    assert "taken from equal state, at step 8" in result.worst.why


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda trace, _: {"train": replace(TRAIN, learning_rate=1.1e-3)}, (1, 1, "weights in", "learning_rate")),
        (lambda trace, _: {"train": replace(TRAIN, beta_2=0.99)}, (1, 1, "slots", "L1/kernel/velocity")),
        (lambda trace, _: {"orders": np.roll(trace.orders, 1, axis=1)}, (1, 1, "batch", "x")),
        (lambda _, arrays: arrays["before/0"][0].fill(0.5), (1, 1, "logits", "logits")),
    ],
    ids=["learning rate", "beta_2", "order", "first weights"],
)
def test_another_training_is_named(path, tmp_path, change, where):
    result = altered(path, tmp_path, change)
    assert found(result) == where
    assert result.verdict in ("alike", "different")


def test_an_installation_with_another_rule_is_named(path, monkeypatch):
    """Adam as if a new version had moved epsilon under the root."""

    def inside(self, w, g, *slots, t, learning_rate):
        _, m, v = usual(self, w, g, *slots, t=t, learning_rate=learning_rate)
        power_1, power_2 = (tf.pow(tf.cast(beta, w.dtype), t) for beta in (0.9, 0.999))
        return w - m * learning_rate * tf.sqrt(1 - power_2) / (1 - power_1) / tf.sqrt(v + 1e-7), m, v

    usual = Adam.rule
    monkeypatch.setattr(Adam, "rule", inside)
    result = lockstep.check(path, dataset())
    assert {pair.left: pair.verdict for pair in result.pairs}["keras"] == "identical"
    assert result.verdict in ("alike", "different")
    assert found(result) == (1, 1, "weights out", "L1/kernel")
    assert "taken from equal state" in result.worst.why or "differs by" in result.worst.why


@pytest.mark.long
def test_another_way_to_round_is_round_off_at_most(path, tmp_path):
    """The trace as if XLA had been switched on since."""
    result = altered(path, tmp_path, lambda trace, _: {"sides": {"graph-xla": 0}})
    assert result.verdict in ("identical", "round-off")
    assert [pair.left for pair in result.pairs] == ["graph-xla"]


def test_changes_of_the_environment_are_listed(path, tmp_path):
    def change(trace, _):
        versions = trace.environment["versions"] | {"keras": "3.14.0", "jax\n": "1"}
        return {"environment": trace.environment | {"versions": versions, "onednn": "\x1b[31m0", "gone": None}}

    result = altered(path, tmp_path, change)
    assert result.verdict == "identical"
    listed = {change.setting: (change.recorded, change.now) for change in result.changes}
    now = result.environment
    assert listed == {
        "onednn": ("\x1b[31m0", now["onednn"]),
        "version of keras": ("3.14.0", now["versions"]["keras"]),
        "version of jax\n": ("1", None),
    }
    assert f'version of keras: "3.14.0" when recorded, "{now["versions"]["keras"]}" now' in str(result)
    assert "\x1b" not in str(result)
    assert all(line.startswith(("verdict", "  ")) for line in str(result).splitlines())


def test_other_data_are_refused_and_the_row_is_named(path):
    x, y, x_test, y_test = small_data()

    def refused(**parts):
        whole = {"x_train": x, "y_train": y, "x_test": x_test, "y_test": y_test, **parts}
        with pytest.raises(InputError) as caught:
            lockstep.check(path, replace(dataset(), **whole))
        return str(caught.value)

    moved, label = x.copy(), y.copy()
    moved[3, 7] = np.nextafter(np.float32(moved[3, 7]), np.float32(9))
    label[44] = (label[44] + 1) % 5
    assert "1 of 45 training rows differ, the first is row 3 " in refused(x_train=moved)
    assert "1 of 45 training rows differ, the first is row 44 " in refused(y_train=label)
    assert "there are 44 training rows, not 45" in refused(x_train=x[1:], y_train=y[1:])
    assert "20 of 20 test rows differ, the first is row 0 " in refused(x_test=x_test[::-1] + 1)
    assert "there are 0 test rows, not 20" in refused(x_test=None, y_test=None)
    with pytest.raises(InputError, match="holds no data"):
        lockstep.check(path)
    with pytest.raises(InputError, match="must be a Dataset or a pair"):
        lockstep.check(path, 3)


# ---------------------------------------------------------------------------------------------- damaged and hostile files


def signed(path, target, change):
    """``path`` with its HDF5 part altered by ``change(file)``, under a digest that is right again."""
    target.write_bytes(path.read_bytes()[PREFACE:])
    with h5py.File(target, "r+") as file:
        change(file)
    content = target.read_bytes()
    line = f"lockstep golden trace, format 1, sha256 {hashlib.sha256(content).hexdigest()}\n"
    target.write_bytes(line.encode().ljust(PREFACE, b"\0") + content)
    return target


def refused(path, *words):
    with pytest.raises(InputError) as caught:
        traces.read(path)
    message = str(caught.value)
    assert "\n" not in message
    assert "Received: " in message
    assert path.name in message
    for word in words:
        assert word in message, message


def put(name, **options):
    """A change that replaces an array."""

    def change(file):
        del file[name]
        file.create_dataset(name, **options)

    return change


def link(name, target):
    def change(file):
        del file[name]
        file[name] = target

    return change


def virtual(file):
    del file["orders"]
    layout = h5py.VirtualLayout(shape=(2, 45), dtype="u1")
    layout[:] = h5py.VirtualSource("other.h5", "x", shape=(2, 45))
    file.create_virtual_dataset("orders", layout)


HOSTILE = {
    "soft link": (link("orders", h5py.SoftLink("/header")), "soft link"),
    "external link": (link("orders", h5py.ExternalLink("other.h5", "/x")), "external link"),
    "external storage": (put("orders", shape=(2, 45), dtype="u1", external=[("/etc/passwd", 0, 90)]), "other files"),
    "virtual": (virtual, "other files"),
    "shape": (put("orders", data=np.zeros((3, 45), np.uint8)), "(2, 45)"),
    "dtype": (put("orders", data=np.zeros((2, 45), np.float32)), "unsigned integers"),
    "signed": (put("orders", data=np.zeros((2, 45), np.int8)), "unsigned integers"),
    "compound": (put("recordings/0/steps/2", data=np.zeros((4, 10, 5), [("a", "f4")])), "compound"),
    "text for floats": (put("recordings/0/steps/2", data=np.full((4, 10, 5), b"0")), "floats"),
    "whole numbers for floats": (put("recordings/0/steps/2", data=np.zeros((4, 10, 5), int)), "floats"),
    "never written": (put("orders", shape=(2**40, 2**20), dtype="u8", chunks=(1, 2**16)), "(2, 45)"),
    "huge piece": (put("orders", shape=(2, 45), maxshape=(None, None), dtype="u1", chunks=(2**15, 2**15)), "bytes in memory"),
    "huge header": (put("header", data=np.zeros(2**21, np.uint8)), "bytes in memory"),
    "row out of range": (put("orders", data=np.full((2, 45), 45, np.uint8)), "below 45"),
    "missing": (lambda file: file.__delitem__("recordings/0/steps/2"), "recordings/0/steps/2"),
    "too much": (lambda file: file.create_dataset("more", data=1), "more"),
    "no header": (lambda file: file.__delitem__("header"), "header"),
    "group in a circle": (lambda file: file.__setitem__("circle", file["/"]), "nested"),
    "header of no JSON": (put("header", data=np.frombuffer(b"{", np.uint8)), "no JSON"),
    "header of no UTF-8": (put("header", data=np.frombuffer(b"\xff\xfe\xfd\xfc\xfb", np.uint8)), "no JSON"),
    "deep header": (put("header", data=np.frombuffer(b"[" * 10**5, np.uint8)), "no JSON"),
    "header that is a list": (put("header", data=np.frombuffer(b"[1]", np.uint8)), "(list)"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_files_are_refused(kind, path, tmp_path):
    change, word = HOSTILE[kind]
    refused(signed(path, tmp_path / "hostile.h5", change), word)


JUNK = (
    None,
    True,
    -1,
    2**40,
    1.5,
    math.nan,
    math.inf,
    "",
    "x",
    [],
    [1],
    [[1]],
    {},
    {"a": 1},
    [0] * 9,
    {"keras": 7},
    {"keras": "0"},
)


def test_no_header_ends_in_anything_but_one_line(path, tmp_path):
    """Every field and every field of a field replaced by junk, or left out: read as it is, or refused in one line."""
    trace = traces.read(path)
    with h5py.File(path) as file:
        header = json.loads(file["header"][:].tobytes())
    deep = 1
    for _ in range(900):
        deep = [deep]
    places = [(name,) for name in header] + [(a, b) for a in ("model", "train", "data") for b in header[a]]
    tried = refusals = 0
    for place in places:
        for junk in (*JUNK, deep, "left out"):
            changed = json.loads(json.dumps(header))
            holder = changed if len(place) == 1 else changed[place[0]]
            holder[place[-1]] = junk
            if junk == "left out":
                del holder[place[-1]]
            tried += 1
            said = outcome(traces.file._read, Pretended(path, json.dumps(changed).encode(), trace))
            assert "\n" not in said
            refusals += said != ""
    assert refusals > 0.8 * tried > 400


def outcome(reader, given):
    """What the reader says against ``given``, or "" where it takes it; anything but InputError is an error of the test."""
    try:
        reader(given)
    except (InputError, RecursionError) as error:  # `read` makes one line of the latter
        return str(error)
    return ""


class Pretended(GuardedFile):
    """Stands for a guarded file whose arrays are those of a sound trace, but for the header."""

    def __init__(self, path, header, trace):
        super().__init__(path, None)
        self.header = header
        self.arrays = {"orders": trace.orders, "data/train": trace.data.train, "data/test": trace.data.test}
        self.arrays |= {f"recordings/0/{name}": array for name, array in trace.recordings[0].items()}

    def walk(self):
        return ("header", *self.arrays)

    def array(self, name, *, kinds, max_bytes, shape=None):
        if name == "header":
            return np.frombuffer(self.header, np.uint8)
        if self.arrays[name].shape != shape:
            raise InputError("another shape")
        return self.arrays[name]


def test_every_flipped_bit_is_seen_before_hdf5_sees_it(path, tmp_path, monkeypatch):
    content = path.read_bytes()
    monkeypatch.setattr(traces.file, "guarded", lambda path: pytest.fail("HDF5 was asked"))
    places = np.random.default_rng(3).integers(0, 8 * len(content), 300).tolist() + list(range(0, 8 * 120, 7))
    for place in places:
        damaged = bytearray(content)
        damaged[place // 8] ^= 1 << place % 8
        (tmp_path / "flipped.h5").write_bytes(damaged)
        refused(tmp_path / "flipped.h5")


def test_cut_foreign_and_later_files_are_refused(path, tmp_path):
    content = path.read_bytes()
    cut = tmp_path / "cut.h5"
    for length in (1, 100, PREFACE, PREFACE + 8, len(content) // 2, len(content) - 1):
        cut.write_bytes(content[:length])
        refused(cut)
    cut.write_bytes(b"")
    refused(cut, "empty")
    cut.write_bytes(content + b"\0")
    refused(cut, "damaged")
    cut.write_bytes(content.replace(b"format 1,", b"format 2,", 1))
    refused(cut, "format 2", "record it again")
    with h5py.File(cut, "w") as file:
        file["train_set_x"] = np.zeros(3)
    refused(cut, "another kind")
    cut.write_text("text")
    refused(cut, "HDF5")
    refused(tmp_path / "missing.h5", "none")
    refused(tmp_path, "folder")


def test_inside_the_guard_damaged_hdf5_is_one_line_too(path, tmp_path):
    """Bits flipped on purpose under a right digest, in the first bytes, which describe what the file holds."""
    content = bytearray(path.read_bytes())[PREFACE:]
    generator = np.random.default_rng(5)
    for _ in range(150):
        damaged = bytearray(content)
        place = int(generator.integers(8, 4096))
        damaged[place] ^= 1 << int(generator.integers(8))
        line = f"lockstep golden trace, format 1, sha256 {hashlib.sha256(damaged).hexdigest()}\n"
        (tmp_path / "flipped.h5").write_bytes(line.encode().ljust(PREFACE, b"\0") + damaged)
        assert "\n" not in outcome(traces.read, tmp_path / "flipped.h5")


# ------------------------------------------------------------------------------------------------- nothing half-written


def test_nothing_is_written_before_all_is_done(tmp_path):
    x, y, *_ = small_data()
    (tmp_path / "old.h5").write_text("lockstep golden trace, as it was")
    blown = TrainSpec(optimizer="sgd", learning_rate=1e30, epochs=3)
    with pytest.raises(InputError, match=r"NaN on the side epoch in epoch 1, stage 'example losses', tensor losses"):
        lockstep.record(ModelSpec.mlp(12, 6, 5), blown, (x, y), tmp_path / "old.h5", sides="epoch")

    def fail(side, record):
        raise ArithmeticError("on the way")

    with pytest.raises(ArithmeticError):
        lockstep.record(MODEL, TRAIN, (x, y), tmp_path / "old.h5", sides="epoch", progress=fail)
    assert [one.name for one in tmp_path.iterdir()] == ["old.h5"]
    assert (tmp_path / "old.h5").read_text() == "lockstep golden trace, as it was"


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"path": "nowhere/trace.h5"}, "nowhere"),
        ({"path": "trace.json"}, "NAME.h5"),
        ({"path": 3}, "NAME.h5"),
        ({"sides": ""}, "A side is one of"),
        ({"sides": []}, "with a name"),
        ({"sides": [lockstep.Side("own", print)]}, "with a name"),
        ({"sides": "xla,epoch-xla"}, "once"),
        ({"sides": "torch"}, "torch"),
        ({"every": 0}, "every"),
        ({"plan": np.zeros((1, 45), int)}, "1 orders"),
        ({"weights": [np.zeros(3)]}, "Weights must be"),
        ({"train": TrainSpec(optimizer="lion"), "sides": "tf1"}, "optimizer='lion'"),
        ({"train": TrainSpec(epochs=10**9)}, "bytes in memory"),
    ],
)
def test_what_cannot_be_recorded_is_refused_before_the_training(options, word, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x, y, *_ = small_data()
    given = {"model": MODEL, "train": TRAIN, "data": (x, y), "path": "trace.h5", "sides": "epoch", **options}
    with pytest.raises(InputError, match=word):
        lockstep.record(**given)
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------------------------------------------ the command line


def command(folder, *arguments):
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "lockstep", *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A data file and a trace of it that another process has recorded."""
    here = tmp_path_factory.mktemp("golden")
    x, y, x_test, y_test = small_data()
    with h5py.File(here / "data.h5", "w") as file:
        for name, values in {"train_set_x": x, "train_set_y": y, "test_set_x": x_test, "test_set_y": y_test}.items():
            file[name] = values
    with h5py.File(here / "other.h5", "w") as file:
        file["train_set_x"], file["train_set_y"] = x + 1, y
    done = command(here, "record", "data.h5", "--out", "trace.h5", "--epochs", "2", "--hidden", "6", "--batch-size", "10")
    assert (done.returncode, done.stderr) == (0, "")
    assert "epoch, keras left the same bits" in done.stdout
    assert "written: trace.h5" in done.stdout
    return here


@pytest.fixture(scope="module")
def checked(folder):
    return command(
        folder, "check", "trace.h5", "--data", "data.h5", "--require", "identical", "--json", "-", "--html", "page.html"
    )


def test_another_process_reproduces_what_one_recorded(checked):
    assert checked.returncode == 0, checked.stderr
    document = json.loads(checked.stdout)
    assert (document["schema"], document["verdict"], document["first"], document["max_ulp"]) == (1, "identical", None, 0)
    assert document["changes"] == []
    assert "verdict: identical" in checked.stderr


def test_the_document_is_described(checked):
    document = json.loads(checked.stdout)
    page = (ROOT / "docs" / "golden-traces.md").read_text(encoding="utf-8")
    for key in (*document, *document["pairs"][0], "setting", "now"):
        assert f"`{key}`" in page, key
    result_keys = {"verdict", "max_ulp", "max_abs", "first", "pairs", "changes", "environment", "recorded_environment", "seconds"}
    assert result_keys <= set(document)


def test_the_page_says_what_was_checked(checked, folder):
    page = (folder / "page.html").read_text(encoding="utf-8")
    assert "<title>epoch and keras against a golden trace: identical</title>" in page
    assert "environment: as it was when recorded" in page
    assert "<script" not in page


def test_the_file_is_hdf5_as_the_page_describes_it(folder):
    page = (ROOT / "docs" / "golden-traces.md").read_text(encoding="utf-8")
    line = (folder / "trace.h5").read_bytes()[:PREFACE]
    assert line.startswith(b"lockstep golden trace, format 1, sha256 ")
    with h5py.File(folder / "trace.h5") as file:
        names = []
        file.visititems(lambda name, node: names.append(name) if isinstance(node, h5py.Dataset) else None)
        header = json.loads(file["header"][:].tobytes())
        assert file["recordings/0/digests/steps"].shape == (10, len(header["tensors"]["steps"]))
    for name in {name.rstrip("0123456789").replace("recordings/0/", "recordings/R/") for name in names}:
        assert f"`{name}" in page, name
    assert all(f"`{key}`" in page for key in header)


BAD = [
    (["check", "missing.h5"], "missing.h5"),
    (["check", "data.h5"], "lockstep record"),
    (["check", "trace.h5"], "--data FILE.h5"),
    (["check", "trace.h5", "--data", "other.h5"], "45 of 45 training rows differ"),
    (["check", "trace.h5", "--data", "digits"], "takes 12 values"),
    (["check", "trace.h5", "--data", "data.h5", "--json", "x.txt"], "--json"),
    (["check", "trace.h5", "--data", "data.h5", "--html", "nowhere/x.html"], "nowhere"),
    (["record", "data.h5", "--out", "data.h5"], "may replace another one only"),
    (["record", "data.h5", "--out", "new.txt"], "NAME.h5"),
    (["record", "data.h5", "--out", "nowhere/new.h5"], "nowhere"),
    (["record", "data.h5", "--out", "new.h5", "--sides", "torch"], "torch"),
    (["record", "data.h5", "--out", "new.h5", "--every", "0"], "every=0"),
    (["record", "data.h5", "--out", "new.h5", "--epochs", "2000000000"], "bytes in memory"),
    (["record", "missing.h5", "--out", "new.h5"], "missing.h5"),
]


def test_unusable_input_ends_in_one_line_before_tensorflow(folder):
    source = """
import contextlib, io, json, sys
from lockstep.cli import main

ended = []
for arguments in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(arguments)
    ended.append([status, out.getvalue(), err.getvalue(), "tensorflow" in sys.modules])
json.dump(ended, sys.stdout)
"""
    before = sorted(one.name for one in folder.iterdir())
    given = json.dumps([arguments for arguments, _ in BAD])
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", source, given], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for (arguments, word), (status, out, err, loaded) in zip(BAD, json.loads(done.stdout), strict=True):
        assert (status, out, loaded) == (2, "", False), arguments
        assert len(err.splitlines()) == 1, err
        assert err.startswith("lockstep: ")
        assert word in err, err
    assert sorted(one.name for one in folder.iterdir()) == before


@pytest.mark.long
def test_a_worse_verdict_sets_the_status(folder, tmp_path, monkeypatch, capsys):
    trace = traces.read(folder / "trace.h5")
    write(tmp_path / "other.h5", replace(trace, sides={"eager": 0}, train=replace(trace.train, learning_rate=0.1)))
    monkeypatch.chdir(folder)
    given = ["check", str(tmp_path / "other.h5"), "--data", "data.h5"]
    assert main(given) == 1
    assert "differs since step 1" in capsys.readouterr().out
    assert main([*given, "--require", "different"]) == 0


def test_a_preface_of_zeros_hides_nothing(path, tmp_path):
    """Only the first line and zeros may stand before the HDF5 part."""
    content = bytearray(path.read_bytes())
    content[400:404] = struct.pack("<I", 7)
    (tmp_path / "more.h5").write_bytes(content)
    refused(tmp_path / "more.h5", "first line")
