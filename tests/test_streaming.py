"""Rows that stay in their file: the same bits as from memory, in both wings, and never all of them at once."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import fields, is_dataclass, replace
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from cases import GROWN

import highlevel
import lockstep
import lowlevel
import shared.blocks
import shared.data.streamed
from lockstep.cli import main
from lockstep.traces.fingerprint import Fingerprint
from lockstep.tuning.held import hold_out
from shared import BatchPlan, Checkpoints, InputError, ModelSpec, TrainSpec, load_file, stream_file
from shared.blocks import Blocks, blocks_of
from shared.checkpoints.identity import digest
from shared.data import StreamedArray, as_rows, guarded
from shared.feed import feed

ROOT = Path(__file__).resolve().parents[1]
WINGS = {"low": lowlevel, "high": highlevel}
BOTH = pytest.mark.parametrize("wing", WINGS)
ROWS, COLUMNS, CLASSES = 100, 12, 3
BLOCK = 3 * 7 * COLUMNS * 4  # three batches: five blocks an epoch, the last one with a partial batch
MODEL = ModelSpec.mlp(COLUMNS, 6, CLASSES)
TRAIN = TrainSpec(batch_size=7, epochs=2, seed=11, learning_rate=0.01)


def arrays(dtype="f4", rows=ROWS, columns=COLUMNS):
    """The arrays of a file: a training and a test pair."""
    generator = np.random.default_rng(3)
    x = generator.random((rows + 9, columns)) * (255 if np.dtype(dtype).kind in "ui" else 1)
    y = generator.integers(0, CLASSES, rows + 9)
    x = x.astype(dtype)
    return {"train_set_x": x[:rows], "train_set_y": y[:rows], "test_set_x": x[rows:], "test_set_y": y[rows:]}


def write(path, held=None, **options):
    """Such a file; ``options`` are those of the array ``train_set_x``."""
    with h5py.File(path, "w") as file:
        for name, value in (arrays() if held is None else held).items():
            file.create_dataset(name, data=value, **(options if name == "train_set_x" else {}))
    return path


@pytest.fixture
def small(monkeypatch):
    """Blocks far smaller than an epoch; the list of how many rows were asked for at once."""
    monkeypatch.setattr(shared.blocks, "BLOCK_BYTES", BLOCK)
    monkeypatch.setattr(shared.data.streamed, "PIECE_BYTES", 20 * COLUMNS * 4)
    asked, values = [], StreamedArray._values

    def counted(self, rows, fill):
        asked.append(rows)
        return values(self, rows, fill)

    monkeypatch.setattr(StreamedArray, "_values", counted)
    return asked


def bits(value):
    """Everything in a record, as bytes."""
    if is_dataclass(value):
        return [(field.name, bits(getattr(value, field.name))) for field in fields(value)]
    if isinstance(value, list | tuple):
        return [bits(part) for part in value]
    if isinstance(value, dict):
        return {key: bits(part) for key, part in value.items()}
    return value if value is None or isinstance(value, str | int) else (np.asarray(value).dtype.str, np.asarray(value).tobytes())


def trained(wing, data, options=None, model=MODEL, train=TRAIN, **fit):
    """What a training leaves: its curves, and the bits of weights, slots and trace."""
    trainer = WINGS[wing].Trainer(model, train, **(options or {}))
    history = trainer.fit(data, **fit)
    return history.history, bits(trainer.state()), bits(history.trace), trainer


def equal(wing, path, options=None, **more):
    """Train from memory and from the file; all must be equal, and something must have been learned."""
    held, streamed = (trained(wing, load(path), options, **more) for load in (load_file, stream_file))
    assert held[:3] == streamed[:3]
    assert len(set(held[0]["loss"])) == len(held[0]["loss"]) > 1
    return held[3], streamed[3]


# -------------------------------------------------------------------------------------------------------- the same bits


@pytest.mark.parametrize("dtype", ["u1", ">f4", *(pytest.param(one, marks=pytest.mark.long) for one in ("f4", "f8", "i2", "f2"))])
@BOTH
def test_every_stored_type_gives_the_bits_of_memory(tmp_path, small, wing, dtype):
    path = write(tmp_path / "a.h5", arrays(dtype))
    weights = np.linspace(0.5, 1.5, ROWS)
    held, streamed = equal(wing, path, sample_weight=weights)
    assert max(small) < ROWS / 2  # never the whole, not even to look for NaN
    assert sum(small) >= 2 * ROWS
    a, b = load_file(path), stream_file(path)
    assert held.predict(a.x_train, 25).tobytes() == streamed.predict(b.x_train, 25).tobytes()
    assert held.evaluate(a.x_train, a.y_train, 10) == streamed.evaluate(b.x_train, b.y_train, 10)
    assert max(small) < ROWS / 2


@pytest.mark.parametrize(
    ("wing", "options"),
    [
        ("low", {"jit_compile": True}),
        pytest.param("low", {"execution": "graph"}, marks=pytest.mark.long),
        pytest.param("low", {"execution": "eager"}, marks=pytest.mark.long),
        pytest.param("low", {"execution": "graph", "jit_compile": True}, marks=pytest.mark.long),
        pytest.param("high", {"jit_compile": True}, marks=pytest.mark.long),
        ("high", {"execution": "epoch"}),
        pytest.param("high", {"execution": "eager"}, marks=pytest.mark.long),
    ],
)
def test_every_form_gives_the_bits_of_memory(tmp_path, small, wing, options):
    equal(wing, write(tmp_path / "a.h5", arrays("u1")), options, class_weight={0: 0.5, 2: 2.0})
    assert max(small) < ROWS / 2


@pytest.mark.parametrize("jit", [False, pytest.param(True, marks=pytest.mark.long)])
@BOTH
def test_much_in_one_net_gives_the_bits_of_memory(tmp_path, small, monkeypatch, wing, jit):
    """Batch normalisation, dropout, penalties, clipping, a schedule, a centred mean square, in float64."""
    monkeypatch.setattr(shared.blocks, "BLOCK_BYTES", 2 * BLOCK)
    (case,) = (case for case in GROWN if case.name == "everything-rmsprop")
    path = write(tmp_path / "a.h5", arrays("f8", columns=case.model.inputs))
    equal(wing, path, {"jit_compile": jit}, model=case.model, train=replace(case.train, batch_size=7, epochs=2))


@BOTH
def test_a_float64_net_an_order_of_its_own_and_a_pair(tmp_path, small, wing):
    path = write(tmp_path / "a.h5", arrays("f8"))
    orders = np.stack([np.arange(ROWS)[::-1], np.arange(ROWS) // 2])  # rows may come twice
    equal(wing, path, model=ModelSpec.mlp(COLUMNS, 6, CLASSES, dtype="float64"), plan=orders)
    held, streamed = load_file(path), stream_file(path)
    test = (held.x_test, held.y_test)
    pairs = [trained(wing, (one.x_train, one.y_train), validation_data=test) for one in (held, streamed)]
    assert pairs[0][:3] == pairs[1][:3]


@BOTH
def test_every_step_is_recorded_alike(tmp_path, small, wing):
    path = write(tmp_path / "a.h5")
    held, streamed = (trained(wing, load(path), record=True) for load in (load_file, stream_file))
    assert held[2] == streamed[2]
    assert len(held[2]) == 32  # 15 steps and the end of each of two epochs
    assert max(small) < ROWS / 2


def test_the_comparison_of_both_wings_is_identical(tmp_path, small):
    report = lockstep.compare(MODEL, TRAIN, stream_file(write(tmp_path / "a.h5")))
    assert report.verdict == "identical"
    assert report.max_ulp == 0


@pytest.mark.parametrize(("wing", "other"), [("low", "high"), pytest.param("high", "low", marks=pytest.mark.long)])
def test_a_training_broken_off_goes_on_in_the_same_bits(tmp_path, small, wing, other):
    path = write(tmp_path / "a.h5")
    whole = trained(wing, load_file(path))

    def stop(record):
        if getattr(record, "step", 0) == 23:  # within the second epoch of 15 steps, within a block
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(wing, stream_file(path), record=stop, checkpoint=Checkpoints(tmp_path / "kept", 5))
    # from memory or from the file, in either wing: a checkpoint does not know where the rows were
    for name, load in ((wing, stream_file), (other, stream_file), (other, load_file)):
        folder = tmp_path / f"{name}-{load.__name__}"
        folder.mkdir()
        for file in (tmp_path / "kept").iterdir():
            (folder / file.name).write_bytes(file.read_bytes())
        begun = len(small)
        again = trained(name, load(path), checkpoint=folder, resume=True)
        assert again[:2] == whole[:2]
        assert load is load_file or sum(small[begun:]) < 4 * ROWS  # survey, digest, and less than the epoch
    # at an epoch's end
    trained(wing, stream_file(path), epochs=1, checkpoint=tmp_path / "ended")
    again = trained(wing, stream_file(path), checkpoint=tmp_path / "ended", resume=True)
    assert again[:2] == whole[:2]


def test_a_block_is_one_call(tmp_path, small, monkeypatch):
    """Five an epoch, and in the low-level wing a sixth for the partial batch; Keras's callbacks see a block as a batch."""
    path, called, seen = write(tmp_path / "a.h5"), [], []
    function = lowlevel.Trainer._function
    monkeypatch.setattr(
        lowlevel.Trainer, "_function", lambda self, name, *rows: called.append(name) or function(self, name, *rows)
    )
    lowlevel.Trainer(MODEL, TRAIN).fit(stream_file(path))
    assert [name for name in called if name != "test"] == (["block"] * 5 + ["step"]) * 2

    class Seeing(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append((batch, int(self.model.optimizer.iterations)))

    trainer = highlevel.Trainer(MODEL, TRAIN, execution="epoch")
    trainer.fit(stream_file(path), callbacks=[Seeing()])
    assert seen == [*enumerate([3, 6, 9, 12, 15]), *enumerate([18, 21, 24, 27, 30])]
    seen.clear()
    highlevel.Trainer(MODEL, TRAIN).fit(stream_file(path), callbacks=[Seeing()])  # `auto`: somebody looks at batches
    assert [batch for batch, _ in seen] == [*range(15)] * 2


@pytest.mark.parametrize("jit", [False, pytest.param(True, marks=pytest.mark.long)])
def test_ctrl_c_within_an_epoch_of_blocks_is_kept_at_the_end_of_one(tmp_path, small, jit):
    path, options = write(tmp_path / "a.h5"), {"execution": "epoch", "jit_compile": jit}
    whole = trained("high", load_file(path), options)

    class Interrupted(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if int(self.model.optimizer.iterations) == 21:  # two blocks of the second epoch
                signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        trained("high", stream_file(path), options, callbacks=[Interrupted()], checkpoint=tmp_path / "kept")
    assert (tmp_path / "kept" / "checkpoint-00000021.h5").exists()
    again = trained("high", stream_file(path), options, checkpoint=tmp_path / "kept", resume=True)
    assert again[:2] == whole[:2]


@BOTH
def test_a_block_holds_one_batch_at_least(tmp_path, monkeypatch, wing):
    monkeypatch.setattr(shared.blocks, "BLOCK_BYTES", 1)
    equal(wing, write(tmp_path / "a.h5"))


# ------------------------------------------------------------------------------------------------------------- reading


@pytest.mark.parametrize("columns", [3, 2000])  # taken out of one reading of the stretch, and read one by one
@pytest.mark.parametrize(("dtype", "preface"), [("f4", 0), (">f8", 512), ("u1", 2048)])
def test_rows_come_as_h5py_reads_them(tmp_path, columns, dtype, preface):
    held = arrays(dtype, 50, columns)
    with h5py.File(tmp_path / "a.h5", "w", userblock_size=preface) as file:
        for name, value in held.items():
            file[name] = value
    x, generator = stream_file(tmp_path / "a.h5").x_train, np.random.default_rng(0)
    right = held["train_set_x"].astype(x.dtype)
    assert (x.shape, x.ndim, x.size, len(x)) == (right.shape, 2, right.size, 50)
    assert x.dtype == right.dtype.newbyteorder("=")
    for rows in (
        slice(None),
        slice(3, 17),
        slice(40, 99),
        slice(5, 2),
        slice(None, None, -3),
        [],
        [7],
        generator.permutation(50),
    ):
        assert x[rows].tobytes() == right[rows if isinstance(rows, slice) else np.array(rows, int)].tobytes()
    numbers = generator.integers(-50, 50, 200)
    assert x[numbers].tobytes() == right[numbers].tobytes()
    assert x[4].tobytes() == right[4].tobytes()
    assert np.array_equal(np.array(list(x)), right)
    for rows in ([50], [-51], [0.5], "a", [[1]], None):
        with pytest.raises(InputError, match="below 50"):
            x[rows]


def test_the_layout_of_pictures_and_the_file_beside(tmp_path):
    held = arrays("u1", 20, 48)
    pictures = {name: value.reshape(-1, 4, 4, 3) if value.ndim == 2 else value for name, value in held.items()}
    write(tmp_path / "train_a.h5", {name: value for name, value in pictures.items() if "train" in name})
    write(tmp_path / "test_a.h5", {name: value for name, value in pictures.items() if "test" in name})
    data, memory = stream_file(tmp_path / "train_a.h5"), load_file(tmp_path / "train_a.h5")
    for name in ("classes", "source", "name", "image_shape", "columns_first"):
        assert getattr(data, name) == getattr(memory, name)
    assert isinstance(data.x_train, StreamedArray)
    assert np.array_equal(data.x_test, memory.x_test)
    assert np.array_equal(data.y_train, memory.y_train)
    assert as_rows(data.x_train, 48, "float32")[:5].tobytes() == as_rows(memory.x_train, 48, "float32")[:5].tobytes()


def test_digests_are_those_of_the_array(tmp_path, small):
    path = write(tmp_path / "a.h5", arrays("u1"))
    held, streamed = (feed(load(path), MODEL, TRAIN) for load in (load_file, stream_file))
    assert digest(held.x) == digest(streamed.x)
    assert Fingerprint.of(held).sha256 == Fingerprint.of(streamed).sha256
    assert np.array_equal(Fingerprint.of(held).train, Fingerprint.of(streamed).train)
    assert 0 < max(small) < ROWS


def test_blocks_cover_every_epoch_once(tmp_path, small):
    given = feed(stream_file(write(tmp_path / "a.h5")), MODEL, TRAIN)
    plan = BatchPlan(ROWS, 7, seed=5)
    blocks = Blocks([given.x, given.y], plan)
    assert (blocks.steps, blocks.count) == (3, 5)
    assert [blocks.start(block) for block in range(7)] == [0, 3, 6, 9, 12, 15, 18]
    assert (blocks.first(0), blocks.first(1), blocks.first(1, 4)) == (0, 5, 6)
    for epoch in (0, 1):
        read = [blocks.read(block) for block in range(5 * epoch, 5 * epoch + 5)]
        assert [len(part[0]) for part in read] == [21, 21, 21, 21, 16]
        order = plan.order(epoch)
        assert np.concatenate([part[0] for part in read]).tobytes() == arrays()["train_set_x"][order].tobytes()
        assert np.concatenate([part[1] for part in read]).tolist() == arrays()["train_set_y"][order].tolist()


FLAT = """
import json, sys
from pathlib import Path
from shared import BatchPlan, ModelSpec, TrainSpec, stream_file
from shared.blocks import Blocks
from shared.feed import feed

def peak():
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024

before = peak()
given = feed(stream_file(sys.argv[1]), ModelSpec.mlp(1000, 2), TrainSpec(batch_size=64))
blocks = Blocks([given.x, given.y], BatchPlan(len(given.x), 64))
total = sum(len(blocks.read(block)[0]) for block in range(blocks.count))
print(json.dumps([total, given.x.stored.size * 4, peak() - before]))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of the memory is read from /proc")
def test_memory_stays_flat(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        x = file.create_dataset("train_set_x", (50_000, 1000), "f4")
        for start in range(0, 50_000, 5000):
            x[start : start + 5000] = np.float32(start)
        file["train_set_y"] = np.arange(50_000) % 2
    command = [sys.executable, "-c", FLAT, str(tmp_path / "a.h5")]
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True)
    total, size, grown = json.loads(done.stdout)
    assert total == 50_000
    assert size == 200_000_000
    assert grown < size / 3


# ----------------------------------------------------------------------------------------------------------- bad files


def refused(path, *words):
    """The message with which ``stream_file`` refuses a file: one line, with its name and the words."""
    with pytest.raises(InputError) as caught:
        stream_file(path)
    message = str(caught.value)
    assert "\n" not in message
    assert "Received: " in message
    assert path.name in message
    for word in words:
        assert word in message, message
    return message


def test_files_that_cannot_be_streamed(tmp_path):
    path, x = tmp_path / "bad.h5", arrays()["train_set_x"]
    for options in ({"chunks": (10, COLUMNS)}, {"compression": "gzip"}, {"maxshape": (None, COLUMNS)}):
        refused(write(path, **options), "without chunks or compression", "h5repack -f NONE -l CONTI")
        assert load_file(path).x_train.tobytes() == x.tobytes()
    for values, word in ((np.array([[b"a"]] * ROWS), "dtype |S1"), (x.astype(complex), "compound"), (x > 0.5, "dtype bool")):
        refused(write(path, arrays() | {"train_set_x": values}), word)
    refused(write(path, arrays() | {"train_set_y": np.arange(99) % 3}), "same length", "100 rows and 99 labels")
    refused(write(path, arrays() | {"train_set_x": x[:, 0]}), "one row per example")
    refused(write(path, arrays() | {"train_set_x": x[:0], "train_set_y": np.arange(0)}), "at least one row")
    refused(write(path, arrays() | {"test_set_x": x[:9, :5]}), "shape of training rows")
    with h5py.File(path, "w") as file:
        file.create_dataset("train_set_x", (ROWS, COLUMNS), "f4")  # never written
        file["train_set_y"] = np.zeros(ROWS, int)
    refused(path, "must be stored in full")
    with h5py.File(path, "w") as file:
        kind = h5py.h5t.IEEE_F32LE.copy()
        kind.set_fields(23, 15, 8, 0, 15)  # h5py calls it float32 too, but its bits are others
        kind.set_precision(24)
        space = h5py.h5s.create_simple((ROWS, COLUMNS))
        h5py.h5d.create(file.id, b"train_set_x", kind, space).write(h5py.h5s.ALL, h5py.h5s.ALL, x)
        file["train_set_y"] = np.zeros(ROWS, int)
    refused(path, "NumPy's own")
    with h5py.File(path, "w") as file:
        file["other"] = x
        file["train_set_x"] = h5py.ExternalLink("other.h5", "x")
        file["train_set_y"] = np.zeros(ROWS, int)
    refused(path, "external link")
    write(path)
    path.write_bytes(path.read_bytes()[:-3000])
    refused(path)
    path.write_bytes(b"no HDF5 at all")
    refused(path, "must be HDF5")
    refused(tmp_path / "missing.h5", "must exist")


@pytest.mark.parametrize(
    ("dtype", "row", "value"),
    [("f4", 30, np.nan), ("f8", 99, np.inf), ("f4", 0, -np.inf), ("i2", 5, 256), ("i4", 5, -1), ("f8", 5, 1e300)],
)
@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
def test_values_that_cannot_be_used_are_refused_as_from_memory(tmp_path, small, dtype, row, value):
    held = arrays(dtype)
    held["train_set_x"][row, 3] = value
    if np.isnan(value):
        held["train_set_x"][row + 40 :, 3] = value
    path, said = write(tmp_path / "a.h5", held), []
    for load in (load_file, stream_file):
        with pytest.raises(InputError) as caught:
            feed(load(path), MODEL, TRAIN)
        said.append(str(caught.value))
    assert said[0] == said[1]
    assert max(small) < ROWS


@BOTH
def test_a_file_that_changes_under_a_training_ends_it_in_one_line(tmp_path, small, wing):
    path = write(tmp_path / "a.h5")
    data = stream_file(path)

    class Cut:
        def on_epoch_end(self, epoch, logs):
            path.write_bytes(path.read_bytes()[:5000])

    with pytest.raises(InputError, match="must stay as it was") as caught:
        trained(wing, data, epochs=9, callbacks=[Cut()])
    assert "\n" not in str(caught.value)
    trainer = WINGS[wing].Trainer(MODEL, TRAIN)
    for ask in (lambda: trainer.predict(data.x_train), lambda: trainer.evaluate(data.x_train, data.y_train)):
        with pytest.raises(InputError, match="must stay as it was"):
            ask()
    path.unlink()
    with pytest.raises(InputError, match="No such file"):
        data.x_train[:3]


def test_what_needs_all_rows_says_so(tmp_path):
    data = stream_file(write(tmp_path / "a.h5"))
    given = feed(data, MODEL, TRAIN)
    for attempt in (
        lambda: np.asarray(data.x_train),
        lambda: np.asarray(given.x),
        lambda: hold_out(data, 0.2, 0),
        lambda: lowlevel.LowLevelClassifier(epochs=1).fit(data.x_train, data.y_train),
        lambda: data.images(data.x_train),
    ):
        with pytest.raises(InputError, match=r"never as one array|images\(\)") as caught:
            attempt()
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="rows in memory"):
        blocks_of([given.x, given.y], BatchPlan(ROWS, 7), strategy=object())
    assert blocks_of([np.zeros((ROWS, 2))], BatchPlan(ROWS, 7), strategy=object()) is None


# ------------------------------------------------------------------------------------------------------- command line


def test_train_streams_a_file(tmp_path, small, capsys):
    path, out = write(tmp_path / "a.h5"), tmp_path / "net.weights.h5"
    for wing in WINGS:
        left = []
        for more in ([], ["--stream"]):
            assert main(["train", str(path), "--wing", wing, "--epochs", "2", "--hidden", "4", "--out", str(out), *more]) == 0
            with guarded(out) as file:
                held = {name: file.array(name, kinds="uifbS").tobytes() for name in file.walk()}
            left.append((capsys.readouterr().out, held))
        assert left[0] == left[1]
        assert len(left[0][1]) > 4
        assert "of 100 training rows wrong" in left[0][0]


def test_train_refuses_in_one_line(tmp_path, capsys):
    path = write(tmp_path / "a.h5", compression="gzip")
    out = ["--wing", "low", "--out", str(tmp_path / "net.weights.h5"), "--stream"]
    for data, word in ((str(path), "h5repack"), ("digits", "FILE.h5"), (str(tmp_path / "none.h5"), "must exist")):
        assert main(["train", data, *out]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert word in error
