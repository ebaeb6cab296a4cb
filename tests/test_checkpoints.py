"""Checkpoints: a training that is broken off at any step and goes on ends in the bits of one that was not, in both wings."""

import errno
import io
import json
import math
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from itertools import cycle, product
from pathlib import Path

import h5py
import numpy as np
import pytest
from cases import CLASSES, COLUMNS, DROPPED, GROWN, NORMALISED, PLAIN, QUICK, ROWS, Grown

import highlevel
import highlevel.callbacks
import lockstep
import lowlevel
import lowlevel.callbacks
from lockstep.commands.checkpoints import beside
from lockstep.sides import Side, side
from shared import Checkpoints, Dataset, InputError, ModelSpec, TrainSpec
from shared import files as shared_files
from shared.checkpoints.memory import Memory
from shared.checkpoints.sealed import MAX_HEADER, PREFACE, opened, sealed
from shared.checkpoints.signals import Signals
from shared.records import SUMS

ROOT = Path(__file__).resolve().parents[1]
STEPS = 4  # an epoch: 23 rows in batches of 7
WINGS = {"low": lowlevel, "high": highlevel}
BOTH = pytest.mark.parametrize("wing", WINGS)
# what neither wing does by itself: the high-level one takes longer to make
LOW_QUICKLY = pytest.mark.parametrize("wing", ["low", pytest.param("high", marks=pytest.mark.long)])
SMALL = ModelSpec.mlp(COLUMNS, 6, CLASSES)
TRAIN = TrainSpec(batch_size=7, epochs=2, seed=11, learning_rate=0.01)

_generator = np.random.default_rng(7)
X = _generator.normal(size=(ROWS + 9, COLUMNS))
Y = _generator.integers(0, CLASSES, ROWS + 9)
DATA, TEST = (X[:ROWS], Y[:ROWS]), (X[ROWS:], Y[ROWS:])

WRAPPED = Grown("wrapped-nadam", PLAIN, {"optimizer": "nadam", "learning_rate": 0.01}, "mixed_float16")
BUSY = Grown(  # much of what has a memory of its own, in one net
    "busy",
    (*NORMALISED[:3], *DROPPED[2:3], *NORMALISED[3:]),
    {"optimizer": "adam", "gradient_accumulation_steps": 3, "use_ema": True, "ema_overwrite_frequency": 2},
)
DEAR = [WRAPPED, BUSY]
ONE_OF_EACH = (
    "batch-normalisation",
    "everything-rmsprop",
    "adagrad-global-norm",
    "adamw-ema",
    "lion-decay",
    "nadam-clipped",
    "float16",
)
MANY = [case for case in GROWN if case.name in ONE_OF_EACH]


def rows_of(case):
    """Training and test rows with targets that fit the loss."""
    y = {"binary_crossentropy": Y % 2, "mean_squared_error": Y * 0.3}.get(case.train.loss, Y)
    return (X[:ROWS], y[:ROWS]), (X[ROWS:], y[ROWS:])


def bits(trainer, history):
    """All that a training leaves behind."""
    state = trainer.state()
    groups = (state.weights, state.slots, state.seeds, state.carried[SUMS:])  # the sums of the last epoch are in its history
    return [value.tobytes() for group in groups for value in group], history.history


def alone(path, folder):
    """A new folder with that checkpoint and no other."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    shutil.copy(path, folder)
    return folder


def resume_everywhere(wing, case, folder, **form):
    """Break a training of two epochs off at each of its steps; every continuation must end as the whole one."""
    data, test = rows_of(case)
    options = {"validation_data": test, "epochs": 2, **case.options}

    def trainer(of=wing):
        return WINGS[of].Trainer(case.model, case.train, **form)

    whole = trainer()
    expected = bits(whole, whole.fit(data, **options))
    kept = trainer()
    assert bits(kept, kept.fit(data, checkpoint=Checkpoints(folder / "all", every=1, keep=99), **options)) == expected
    paths = Checkpoints(folder / "all").paths()
    assert [path.name for path in paths] == [f"checkpoint-{step:08}.h5" for step in range(1, 2 * STEPS + 1)]
    for at, path in enumerate(paths):
        # a new trainer, and one of the other wing, where it is dear to make one: within an epoch, and at an epoch's end
        fresh = (
            [trainer(), trainer("high" if wing == "low" else "low")] if at in (3, 5) and form.get("execution") != "eager" else []
        )
        for one in (kept, *fresh):
            history = one.fit(data, checkpoint=alone(path, folder / "one"), resume=True, **options)
            assert bits(one, history) == expected, path.name


@pytest.mark.long
@BOTH
@pytest.mark.parametrize("case", DEAR, ids=str)
def test_every_step_can_be_gone_on_from(wing, case, tmp_path):
    resume_everywhere(wing, case, tmp_path)


@pytest.mark.parametrize("case", [BUSY, *(pytest.param(case, marks=pytest.mark.long) for case in MANY)], ids=str)
def test_every_optimiser_goes_on_in_the_other_wing(case, tmp_path):
    """What one wing left at each of its steps, or in the quick case at some, the other finishes."""
    data, test = rows_of(case)
    options = {"validation_data": test, "epochs": 2, **case.options}
    trainers = {name: wing.Trainer(case.model, case.train) for name, wing in WINGS.items()}
    ends = []
    for name, trainer in trainers.items():
        history = trainer.fit(data, checkpoint=Checkpoints(tmp_path / name, every=1, keep=99), **options)
        ends.append(bits(trainer, history))
    assert ends[0] == ends[1]
    for name, other in (("low", "high"), ("high", "low")):
        for path in Checkpoints(tmp_path / name).paths()[:: 3 if case is BUSY else 1]:
            history = trainers[other].fit(data, checkpoint=alone(path, tmp_path / "one"), resume=True, **options)
            assert bits(trainers[other], history) == ends[0], path


@pytest.mark.long
@pytest.mark.parametrize(("case", "wing"), [*zip(GROWN, cycle(WINGS))], ids=str)  # in turn; the other wing finishes some
def test_every_step_of_all_cases(case, wing, tmp_path):
    resume_everywhere(wing, case, tmp_path)


@pytest.mark.long
@BOTH
@pytest.mark.parametrize("case", [QUICK[0], BUSY], ids=str)
@pytest.mark.parametrize("form", ["eager", "graph", "epoch", "graph-xla", "epoch-xla"])
def test_every_step_in_every_form(wing, form, case, tmp_path, elsewhere):
    if not isinstance(case, Grown):
        case = Grown(str(case), case.model.layers, {**case.train.to_dict(), "batch_size": 7}, case.model.dtype)
    execution, _, xla = form.partition("-")
    if xla:
        elsewhere.submit(resume_everywhere, wing, case, tmp_path, execution=execution, jit_compile=True).result(timeout=300)
    else:
        resume_everywhere(wing, case, tmp_path, execution=execution)


# ----------------------------------------------------------------------------------------------------------- callbacks


def stopping(wing, callbacks):
    """A training that stops early, and puts its best weights back."""
    train = replace(TRAIN, optimizer="sgd", learning_rate=0.1, momentum=0.9, epochs=30)
    trainer = WINGS[wing].Trainer(SMALL, train)
    return trainer, lambda **more: trainer.fit(DATA, validation_data=TEST, callbacks=callbacks, **more)


@LOW_QUICKLY
def test_early_stopping_goes_on_waiting(wing, tmp_path):
    def early(of=wing):
        return WINGS[of].callbacks.EarlyStopping(patience=3, restore_best_weights=True)

    trainer, fit = stopping(wing, [early()])
    expected = bits(trainer, fit())
    assert 3 < len(expected[1]["loss"]) < 30
    trainer, fit = stopping(wing, [early()])
    assert bits(trainer, fit(checkpoint=Checkpoints(tmp_path / "all", every=3, keep=99))) == expected
    paths = Checkpoints(tmp_path / "all").paths()
    other = "low" if wing == "high" else "high"
    # while it waits, and the last: it has stopped, and nothing is put back yet
    tried = [(paths[-5], other), (paths[-1], wing)]
    for path, of in tried if wing == "low" else product((*paths[-9::2], paths[-1]), (wing, other)):
        trainer, fit = stopping(of, [early(of)])
        assert bits(trainer, fit(checkpoint=alone(path, tmp_path / "one"), resume=True)) == expected, (path.name, of)


def test_a_memory_is_numbers_and_weights_and_nothing_else():
    class Callback:
        def __init__(self, patience):
            self.patience, self.path, self.best, self.waited, self.deep = patience, "here", np.float32(2), 3, [np.zeros(3)]
            self.best_weights = [np.ones((2, 3), np.float32)]

    memory = Memory.of(Callback(5), [np.zeros((2, 3), np.float32)])
    assert memory.values == {"best": 2.0, "waited": 3}
    assert list(memory.lists) == ["best_weights"]
    hostile = Memory("Callback", {"patience": 9, "path": 1, "unknown": 1, "waited": 4, "__class__": 1}, {})
    callback = Callback(5)
    hostile.put_back(callback)
    assert (callback.patience, callback.path, callback.waited, hasattr(callback, "unknown")) == (5, "here", 4, False)


def test_a_list_is_remembered_once(tmp_path):
    """A header could name the same arrays without end."""
    path = tmp_path / "checkpoint-00000001.h5"
    weights = [np.ones((2, 3), np.float32)]
    path.write_bytes(sealed({}, {"memories/0/best/0": weights[0]}))
    with opened(path) as file:
        assert Memory.from_file(file, 0, {"owner": "E", "values": {}, "lists": ["best"]}, weights).lists["best"][0].sum() == 6
        with pytest.raises(InputError, match="memory with other values"):
            Memory.from_file(file, 0, {"owner": "E", "values": {}, "lists": ["best", "best"]}, weights)


# ---------------------------------------------------------------------------------------------------- when and how many


@LOW_QUICKLY
@pytest.mark.parametrize(
    ("every", "keep", "kept"),
    [
        ("epoch", 3, (4, 8)),
        ("epoch", 1, (8,)),
        (3, 99, (3, 6, 8)),
        (100, 3, (8,)),
        ("0.000001s", 99, (1, 2, 3, 4, 5, 6, 7, 8)),
        ("3600s", 3, (8,)),
        (None, 3, ()),
    ],
)
def test_what_is_kept(wing, every, keep, kept, tmp_path):
    checkpoints = Checkpoints(tmp_path / "new" / "folder", every, keep)
    WINGS[wing].Trainer(SMALL, TRAIN, execution="graph").fit(DATA, checkpoint=checkpoints)
    assert [int(path.name[11:19]) for path in checkpoints.paths()] == list(kept)
    assert (tmp_path / "new" / "folder").exists() == bool(kept)


def test_a_training_of_more_epochs_begins_with_that_of_fewer(tmp_path):
    expected = lowlevel.Trainer(SMALL, replace(TRAIN, epochs=3))
    history = expected.fit(DATA)
    highlevel.Trainer(SMALL, TRAIN).fit(DATA, checkpoint=tmp_path)
    for wing in (highlevel, lowlevel):  # the second finds it complete
        trainer = wing.Trainer(SMALL, replace(TRAIN, epochs=3))
        assert bits(trainer, trainer.fit(DATA, checkpoint=tmp_path, resume=True)) == bits(expected, history)
    with pytest.raises(InputError, match=r"epochs=2.*reached epoch 3"):
        lowlevel.Trainer(SMALL, TRAIN).fit(DATA, checkpoint=tmp_path, resume=True)


@pytest.mark.long
@BOTH
def test_a_second_fit_has_checkpoints_of_its_own(wing, tmp_path):
    expected = WINGS[wing].Trainer(SMALL, TRAIN)
    expected.fit(DATA)
    second = expected.fit(DATA)
    trainer = WINGS[wing].Trainer(SMALL, TRAIN)
    trainer.fit(DATA)
    trainer.fit(DATA, checkpoint=Checkpoints(tmp_path / "all", every=1, keep=99))
    path = Checkpoints(tmp_path / "all").paths()[1]
    trainer = WINGS[wing].Trainer(SMALL, TRAIN)
    assert bits(trainer, trainer.fit(DATA, checkpoint=alone(path, tmp_path / "one"), resume=True)) == bits(expected, second)
    assert len(second.loss) == 2


# ------------------------------------------------------------------------------------------------------------- refused


def refused(word, make, **more):
    with pytest.raises(InputError, match=r"^[^\n]+ Received: [^\n]+\. [^\n]+\.$") as caught:
        make(**more)
    assert word in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "every", [0, -1, 1.5, True, "often", "0s", "-3s", "", "9" * 5000 + "s", ["epoch"]], ids=lambda v: str(v)[:9]
)
def test_wrong_times_are_refused(every):
    refused("every=", Checkpoints, folder="x", every=every)


@pytest.mark.parametrize("keep", [0, -1, 1.5, None, True])
def test_wrong_counts_are_refused(keep):
    refused("keep=", Checkpoints, folder="x", keep=keep)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A folder with the checkpoints of steps 1 to 8."""
    folder = tmp_path_factory.mktemp("kept")
    lowlevel.Trainer(SMALL, TRAIN).fit(DATA, validation_data=TEST, checkpoint=Checkpoints(folder, every=1, keep=99))
    return folder


@pytest.fixture(scope="module")
def trainer():
    """One whose graphs are made: what it resumes replaces all that it was."""
    return lowlevel.Trainer(SMALL, TRAIN)


@pytest.fixture
def copied(kept, tmp_path):
    return Path(shutil.copytree(kept, tmp_path / "copied"))


OTHERS = {
    "model.layers[0].units": {"model": ModelSpec.mlp(COLUMNS, 7, CLASSES)},
    "train.learning_rate": {"train": replace(TRAIN, learning_rate=0.02)},
    "train.seed": {"train": replace(TRAIN, seed=12)},
    "train.optimizer": {"train": replace(TRAIN, optimizer="adamw")},
    "data.x": {"data": (np.where(X[0, 0] == X, 9.0, X)[:ROWS], Y[:ROWS])},
    "data.y": {"data": (X[:ROWS], Y[:ROWS][::-1])},
    "data.weights": {"sample_weight": np.linspace(0, 2, ROWS)},
    "data.x_test": {"validation_data": (X[ROWS:] + 1, Y[ROWS:])},
    "plan": {"plan": np.array([np.random.default_rng(1).permutation(ROWS) for _ in range(2)])},
    "arithmetic": {"jit_compile": True},
}


@LOW_QUICKLY
@pytest.mark.parametrize("word", OTHERS)
def test_another_training_is_refused(wing, word, kept):
    given = {"model": SMALL, "train": TRAIN, "data": DATA, "validation_data": TEST, "jit_compile": False, "plan": None} | OTHERS[
        word
    ]
    model, train, data, jit = (given.pop(name) for name in ("model", "train", "data", "jit_compile"))
    trainer = WINGS[wing].Trainer(model, train, jit_compile=jit)
    before = trainer.state().weights
    refused(word, trainer.fit, data=data, checkpoint=kept, resume=True, **given)
    assert [a.tobytes() for a in trainer.state().weights] == [b.tobytes() for b in before]
    assert len(Checkpoints(kept).paths()) == 8


@BOTH
def test_what_else_fit_refuses(wing, kept, tmp_path):
    trainer = WINGS[wing].Trainer(SMALL, TRAIN)
    refused("checkpoint-00000008.h5", trainer.fit, data=DATA, checkpoint=kept)  # a new training among old checkpoints
    refused("resume without checkpoint", trainer.fit, data=DATA, resume=True)
    (tmp_path / "file").touch()
    refused("no folder", trainer.fit, data=DATA, checkpoint=tmp_path / "file")
    refused("folder=3", trainer.fit, data=DATA, checkpoint=3)
    with Checkpoints(tmp_path / "held").held(resume=False):
        refused("another process", trainer.fit, data=DATA, checkpoint=tmp_path / "held")
    assert not (tmp_path / "held").exists()
    assert trainer.fit(DATA, checkpoint=tmp_path / "empty", resume=True).epoch == [0, 1]  # nothing to resume from


# --------------------------------------------------------------------------------------------------------- damaged files


def flip(content, at):
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


DAMAGES = {
    "empty": lambda content: b"",
    "truncated by a byte": lambda content: content[:-1],
    "truncated by half": lambda content: content[: len(content) // 2],
    "only the first line": lambda content: content[:PREFACE],
    "longer": lambda content: content + b"\0",
    "torn": lambda content: content[: len(content) // 2] + b"\0" * (len(content) - len(content) // 2),
    "zeros": lambda content: b"\0" * len(content),
    "another file": lambda content: b"lockstep golden trace" + content[21:],
    "format": lambda content: content.replace(b"format 1,", b"format 2,", 1),
    "no format": lambda content: content.replace(b"format 1,", b"format x,", 1),
}


def test_a_damaged_checkpoint_is_passed_over(copied, trainer):
    expected = lowlevel.Trainer(SMALL, TRAIN)
    history = expected.fit(DATA, validation_data=TEST)
    newest = Checkpoints(copied).paths()[-1]
    whole = newest.read_bytes()
    flips = {f"bit {at}": (lambda content, at=at: flip(content, at)) for at in range(0, len(whole), len(whole) // 16)}
    for name, damage in (DAMAGES | flips).items():
        newest.write_bytes(damage(whole))
        lines = []
        found = Checkpoints(copied, every=None, tell=lines.append)
        assert bits(trainer, trainer.fit(DATA, validation_data=TEST, checkpoint=found, resume=True)) == bits(expected, history), (
            name
        )
        assert "passed over" in lines[0], name
        assert "step 3 of 4 in epoch 2" in lines[1], name
    newest.write_bytes(DAMAGES["torn"](whole))
    with pytest.warns(UserWarning, match="passed over"):
        trainer.fit(DATA, validation_data=TEST, checkpoint=Checkpoints(copied, every=None), resume=True)


def test_swapped_and_renamed_checkpoints_are_passed_over(copied, trainer):
    *_, seventh, eighth = Checkpoints(copied).paths()
    contents = seventh.read_bytes(), eighth.read_bytes()
    seventh.write_bytes(contents[1])
    eighth.write_bytes(contents[0])
    lines = []
    found = Checkpoints(copied, every=None, tell=lines.append)
    trainer.fit(DATA, validation_data=TEST, checkpoint=found, resume=True)
    assert ["passed over" in line for line in lines] == [True, True, False]
    assert "step 2 of 4 in epoch 2" in lines[2]


def test_where_all_are_damaged_nothing_is_begun_anew(copied):
    for path in Checkpoints(copied).paths():
        path.write_bytes(path.read_bytes()[:-1])
    told = Checkpoints(copied, tell=lambda line: None)
    refused("8 damaged", lowlevel.Trainer(SMALL, TRAIN).fit, data=DATA, validation_data=TEST, checkpoint=told, resume=True)
    assert len(Checkpoints(copied).paths()) == 8


def resealed(path, change, header=None, rewrite=lambda header: None):
    """The file with other content and a digest that is right: what somebody writes on purpose."""
    content = path.read_bytes()[PREFACE:]
    with h5py.File(io.BytesIO(content), "r") as file:
        arrays = {}
        file.visititems(lambda name, node: arrays.update({name: node[()]}) if isinstance(node, h5py.Dataset) else None)
    given = json.loads(arrays.pop("header").tobytes()) | (header or {})
    change(arrays)
    rewrite(given)
    path.write_bytes(sealed(given, arrays))


HOSTILE = {
    "another shape": (lambda arrays: arrays.update({"weights/0": np.zeros((COLUMNS, 7), np.float32)}), None),
    "a huge array": (lambda arrays: arrays.update({"weights/0": np.zeros(2**20, np.float32)}), None),
    "another dtype": (lambda arrays: arrays.update({"weights/0": arrays["weights/0"].astype(np.float64)}), None),
    "integers": (lambda arrays: arrays.update({"weights/0": arrays["weights/0"].astype(np.int32)}), None),
    "one missing": (lambda arrays: arrays.pop("slots/3"), None),
    "one too much": (lambda arrays: arrays.update({"weights/99": np.zeros(3)}), None),
    "curves too long": (lambda arrays: arrays.update({"curves/loss": np.zeros(5)}), None),
    "an unknown curve": (lambda arrays: None, {"curves": ["trace"]}),
    "the same curve again and again": (
        lambda arrays: None,
        {"curves": ["accuracy", "loss", "val_accuracy", "val_loss"] * 2},
    ),
    "negative epoch": (lambda arrays: None, {"epoch": -1}),
    "steps beyond the epoch": (lambda arrays: None, {"epoch": 1, "step": 4}),
    "position at odds": (lambda arrays: None, {"epoch": 1, "step": 2}),
    "first after the last": (lambda arrays: None, {"first": 3}),
    "words for numbers": (lambda arrays: None, {"epoch": "2", "step": None}),
    "memories of no shape": (
        lambda arrays: None,
        {"memories": [{"owner": "EarlyStopping", "values": {"model": "x"}, "lists": []}]},
    ),
    "a path for a list": (lambda arrays: None, {"memories": [{"owner": "E", "values": {}, "lists": ["../../header"]}]}),
    "no header": (lambda arrays: None, {"memories": None, "curves": None, "stopped": 1}),
    "deep header": (lambda arrays: None, {"memories": json.loads("[" * 500 + "]" * 500)}),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_content_made_on_purpose_is_passed_over(name, copied, trainer):
    newest = Checkpoints(copied).paths()[-1]
    resealed(newest, *HOSTILE[name])
    lines = []
    found = Checkpoints(copied, every=None, tell=lines.append)
    trainer.fit(DATA, validation_data=TEST, checkpoint=found, resume=True)
    assert ["passed over" in line for line in lines] == [True, False]
    assert all(len(line.splitlines()) == 1 for line in lines)


def test_resealing_alone_changes_nothing(copied):
    newest = Checkpoints(copied).paths()[-1]
    resealed(newest, lambda arrays: None)
    with opened(newest) as file:
        assert file.header["steps"] == 8


def test_links_and_long_headers_are_refused_by_the_guard(tmp_path):
    path = tmp_path / "checkpoint-00000001.h5"
    path.write_bytes(sealed({"text": "x" * MAX_HEADER}, {}))
    with pytest.raises(InputError, match="bytes in memory"), opened(path):
        pass
    path.write_bytes(sealed(["no", "object"], {}))
    with (
        pytest.raises(InputError, match=r"JSON object\. Received: .* \(list\), in .*checkpoint-00000001\.h5'\. Delete it\."),
        opened(path),
    ):
        pass
    (tmp_path / "pipe").mkdir()
    with pytest.raises(InputError, match="folder"), opened(tmp_path / "pipe"):
        pass


# -------------------------------------------------------------------------------------------------------- a full disk


@pytest.fixture
def room():
    """Sets how large a file may become, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@LOW_QUICKLY
def test_a_full_disk_loses_no_earlier_checkpoint(wing, room, tmp_path):
    lines, checkpoints = [], Checkpoints(tmp_path / "all", every=2, keep=1, tell=lambda line: lines.append(line))

    class Fill:
        def on_epoch_end(self, epoch, logs):
            room(3000)

    whole = WINGS[wing].Trainer(SMALL, TRAIN)
    expected = bits(whole, whole.fit(DATA))
    trainer = WINGS[wing].Trainer(SMALL, TRAIN)
    assert bits(trainer, trainer.fit(DATA, callbacks=[Fill()], checkpoint=checkpoints)) == expected  # the training goes on
    room(resource.RLIM_INFINITY)
    assert [path.name for path in (tmp_path / "all").iterdir()] == ["checkpoint-00000002.h5"]
    assert len(lines) == 3
    assert all("no checkpoint was written" in line for line in lines)
    trainer = WINGS[wing].Trainer(SMALL, TRAIN)
    assert bits(trainer, trainer.fit(DATA, checkpoint=checkpoints, resume=True)) == expected


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_write_that_fails_part_way_leaves_what_was_there(step, monkeypatch, copied):
    def full(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = {path.name: path.read_bytes() for path in copied.iterdir()}
    monkeypatch.setattr(shared_files.os, step, full)
    lines = []
    assert Checkpoints(copied, keep=1, tell=lines.append).write(8, b"half") is None
    monkeypatch.undo()
    assert {path.name: path.read_bytes() for path in copied.iterdir()} == before
    assert "No space left" in lines[0]


def test_what_a_killed_writer_left_is_swept_away(copied):
    left = copied / ".123.checkpoint-00000009.h5"
    mine = copied / ".123.notes"
    left.write_bytes(b"half")
    mine.touch()
    with Checkpoints(copied).held(resume=True):
        assert not left.exists()
        assert mine.exists()


# ------------------------------------------------------------------------------------------------------------- signals


class Pressed:
    """Presses Ctrl-C once, within a step or at an epoch's end."""

    def __init__(self, steps):
        self.left = steps

    def on_epoch_end(self, epoch, logs):
        self.left -= 1
        if not self.left:
            signal.raise_signal(signal.SIGINT)


@BOTH
def test_ctrl_c_leaves_a_checkpoint_and_then_interrupts(wing, tmp_path):
    train = replace(TRAIN, epochs=4)
    expected = WINGS[wing].Trainer(SMALL, train)
    history = expected.fit(DATA)
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    lines, checkpoints = [], Checkpoints(tmp_path, every=None, tell=lambda line: lines.append(line))
    with pytest.raises(KeyboardInterrupt):
        WINGS[wing].Trainer(SMALL, train).fit(DATA, callbacks=[Pressed(2)], checkpoint=checkpoints)
    assert "left after epoch 2" in lines[0]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers
    trainer = WINGS[wing].Trainer(SMALL, train)
    assert bits(trainer, trainer.fit(DATA, checkpoint=checkpoints, resume=True)) == bits(expected, history)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers


def test_signals_wait_and_a_second_one_does_not():
    signals = Signals()
    with signals:
        signal.raise_signal(signal.SIGINT)
        assert signals.asked == signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert signals.asked is None
        with pytest.raises(KeyboardInterrupt):  # the handler of before is back
            signal.raise_signal(signal.SIGINT)
    signals.__enter__()
    signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):  # at the latest at the end
        signals.__exit__(None, None, None)
    ended = []

    def elsewhere():
        with Signals() as signals:
            ended.append(signals._before)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert ended == [{}]


# -------------------------------------------------------------------------------------------------------- a comparison


def compared(sides, **more):
    data = Dataset(
        x_train=DATA[0], y_train=DATA[1], x_test=TEST[0], y_test=TEST[1], classes=tuple("abcde"), source="made", name="made"
    )
    report = lockstep.compare(SMALL, TRAIN, data, sides=sides, **more)
    document = json.loads(report.to_json())
    assert document.pop("seconds") > 0
    around = [None if pair.around is None else [flat(record) for record in pair.around] for pair in report.pairs]
    return document, [pair.gaps for pair in report.pairs], around


def flat(record):
    """A record as plain values."""
    values = {} if record is None else vars(record)
    return {
        name: [np.asarray(one).tobytes() for one in (value if isinstance(value, list) else [value])]
        for name, value in values.items()
        if not isinstance(value, str | int)
    }


@pytest.mark.parametrize("sides", ["numpy,tf1", pytest.param("numpy,epoch,keras", marks=pytest.mark.long)])
def test_a_comparison_goes_on_with_all_that_it_has_found(sides, tmp_path):
    expected = compared(sides, checkpoint=Checkpoints(tmp_path / "all", every=1, keep=99))
    paths = Checkpoints(tmp_path / "all").paths()
    assert len(paths) == 7  # none after the last moment
    for path in paths[1:5:2] if "keras" in sides else paths[2:3]:
        lines = []
        found = Checkpoints(alone(path, tmp_path / "one"), tell=lines.append)
        assert compared(sides, checkpoint=found, resume=True) == expected, path.name
        assert lines[0].startswith("resumed after ")
    refused("sides", compared, sides="graph,keras", checkpoint=tmp_path / "all", resume=True)
    refused(
        "comparison",
        lowlevel.Trainer(SMALL, TRAIN).fit,
        data=DATA,
        validation_data=TEST,
        checkpoint=tmp_path / "all",
        resume=True,
    )


def first(**changes):
    return lambda header: header["tallies"][0]["first"].update(changes)


def tally(**changes):
    return lambda header: header["tallies"][0].update(changes)


TALLIES = {
    "an escape sequence for a tensor": first(tensor="\x1b[2J"),
    "an unknown stage": first(stage="breakfast"),
    "a list for a stage": first(stage=["slots"]),
    "the stage of an epoch": first(stage="epoch loss", tensor="loss"),
    "a difference at the start that came later": first(stage="weights in", tensor="L1/kernel", step=2),
    "a first difference that is still to come": first(step=6, epoch=2),
    "a first difference in another epoch": first(epoch=2),
    "an amount that is none": first(max_abs=math.nan),
    "no first difference": tally(first=None, around=[]),
    "no first difference, and none in sum": tally(first=None, around=[], max_ulp=0),
    "no records around it": tally(around=[None] * 4),
    "fewer records around it": tally(around=[]),
    "records of another moment around it": tally(around=[None, ["step", 1, 2]] * 2),
    "a difference of 400 digits": tally(max_abs=10**400),
    "a difference below zero": tally(max_abs=-1.0),
    "a part of a number": tally(numbers=1.5),
    "truth for a count": tally(epochs=True),
    "endless seconds": lambda header: header.update(seconds=math.inf),
    "no last records": lambda header: header.update(last=[None, None]),
    "last records of another moment": lambda header: header.update(last=[["epoch", 1, 0]] * 2),
    "nothing done": lambda header: header.update(epoch=0, step=0),
    "a difference of one tensor below zero": -1.0,
    "a difference of one tensor that is none": math.nan,
}


@pytest.fixture(scope="module")
def apart(tmp_path_factory):
    """A checkpoint of a comparison of two sides that differ from the first step on, and a function that goes on from a folder."""
    make = side("numpy").make
    sides = [Side("other", lambda model, train: make(model, replace(train, epsilon=1e-6))), side("numpy")]

    def compare(checkpoint, resume=True):
        return lockstep.compare(SMALL, TRAIN, DATA, sides=sides, checkpoint=checkpoint, resume=resume)

    checkpoints = Checkpoints(tmp_path_factory.mktemp("apart"), every=5, keep=1)
    compare(checkpoints, resume=False)
    (path,) = checkpoints.paths()
    resealed(path, lambda arrays: None)
    assert compare(replace(checkpoints, every=None)).pairs[0].steps == 2 * STEPS  # what no one has changed is taken
    return path, compare


@pytest.mark.parametrize("name", TALLIES)
def test_a_tally_made_on_purpose_is_passed_over(name, apart, tmp_path):
    path, compare = apart
    change, lines = TALLIES[name], []
    hostile = Path(shutil.copy(path, tmp_path))
    if isinstance(change, float):
        resealed(hostile, lambda arrays: arrays["pairs/0/gaps"].__setitem__((0, 0), change))
    else:
        resealed(hostile, lambda arrays: None, rewrite=change)
    refused("1 damaged", compare, checkpoint=Checkpoints(tmp_path, every=None, tell=lines.append))
    assert lines[0].startswith("a checkpoint is passed over: ")
    assert lines[0].isprintable()


@pytest.mark.long
@pytest.mark.parametrize("sides", ["epoch,keras", "tf1,tf2,tf2-graph,eager,numpy", "epoch-xla,epoch"])
def test_a_comparison_of_other_sides_goes_on(sides, tmp_path):
    expected = compared(sides)
    compared(sides, checkpoint=Checkpoints(tmp_path / "all", every=1, keep=99))
    for path in Checkpoints(tmp_path / "all").paths():
        assert compared(sides, checkpoint=alone(path, tmp_path / "one"), resume=True) == expected, path.name


# -------------------------------------------------------------------------------------------------------- command line


def command(folder, *arguments, until=None, number=signal.SIGINT):
    """How ``lockstep`` ends: status, standard output, standard error; with ``until`` it gets a signal when such a line is out."""
    quiet = {name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"} | {"PYTHONPATH": str(ROOT)}
    started = subprocess.Popen(
        [sys.executable, "-m", "lockstep", *arguments],
        cwd=folder,
        env=quiet,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        if until is not None:
            assert any(line.split()[: len(until)] == until for line in started.stdout)
            started.send_signal(number)
        out, err = started.communicate(timeout=240)
    finally:
        started.kill()
    return started.returncode, out, err


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A data file, and a folder of checkpoints that is none of its trainings'."""
    here = tmp_path_factory.mktemp("commands")
    with h5py.File(here / "good.h5", "w") as file:
        file["train_set_x"], file["train_set_y"] = X.astype(np.float32), Y % 3
    lowlevel.Trainer(SMALL, TRAIN).fit(DATA, checkpoint=here / "others")
    return here


def test_the_checkpoint_beside_a_net_has_the_nets_name():
    assert beside("net.weights.h5") == beside("net.keras") == Path("net.checkpoints")


@pytest.mark.long
def test_ctrl_c_of_train_leaves_a_checkpoint_beside_the_net_that_resume_finds(folder):
    """Without ``--checkpoint``; Ctrl-C in one wing, and on to the end in the other."""
    train = ("train", "good.h5", "--seed", "5", "--out")
    assert command(folder, *train, "whole.weights.h5", "--wing", "low", "--epochs", "400")[0] == 0
    status, _, err = command(folder, *train, "net.weights.h5", "--wing", "high", "--epochs", "100000", until=["epoch", "3"])
    assert status == 130
    assert len(err.splitlines()) == 2
    assert "left after " in err
    assert err.endswith("lockstep: stopped\n")
    assert not (folder / "net.weights.h5").exists()
    assert len(list((folder / "net.checkpoints").iterdir())) == 1
    status, out, err = command(folder, *train, "net.weights.h5", "--wing", "low", "--epochs", "400", "--resume")
    assert (status, len(err.splitlines())) == (0, 1)
    assert "resumed after " in err
    assert "epoch    1 " not in out
    assert not (folder / "net.checkpoints").exists()
    with h5py.File(folder / "whole.weights.h5") as left, h5py.File(folder / "net.weights.h5") as right:
        names = [name for layer in left["layers"] for name in (f"layers/{layer}/vars/0", f"layers/{layer}/vars/1")]
        assert len(names) == 6
        assert all(left[name][()].tobytes() == right[name][()].tobytes() for name in names)


@pytest.mark.long
def test_a_comparison_that_was_terminated_goes_on(folder):
    compare = ("compare", "good.h5", "--epochs", "30", "--batch-size", "2")
    kept = ("--checkpoint", "compared", "--every", "10")
    assert command(folder, *compare, "--json", "whole.json")[0] == 0
    status, _, err = command(folder, *compare, *kept, "--json", "parts.json", until=["2"], number=signal.SIGTERM)
    assert status == -signal.SIGTERM
    assert "left after " in err
    assert not (folder / "parts.json").exists()
    status, out, err = command(folder, *compare, *kept, "--json", "parts.json", "--resume")
    assert status == 0
    assert "resumed after " in err
    assert "verdict: identical" in out
    whole, parts = (json.loads((folder / name).read_text()) for name in ("whole.json", "parts.json"))
    assert {**whole, "seconds": 0} == {**parts, "seconds": 0}


BAD = [
    (["compare", "good.h5", "--resume"], "resume without checkpoint"),
    (["compare", "good.h5", "--every", "3"], "--every"),
    (["compare", "good.h5", "--checkpoint", "c", "--every", "soon"], "every='soon'"),
    (["compare", "good.h5", "--checkpoint", "c", "--every", "0"], "every=0"),
    (["compare", "good.h5", "--checkpoint", "good.h5"], "no folder"),
    (["compare", "good.h5", "--checkpoint", "/proc/c"], "/proc"),
    (["compare", "good.h5", "--checkpoint", "others"], "checkpoint-00000008.h5"),
    (["compare", "good.h5", "--checkpoint", "others", "--resume"], "another"),
    (["train", "good.h5", "--wing", "low", "--out", "n.weights.h5", "--checkpoint", "others"], "checkpoint-00000008.h5"),
    (["train", "good.h5", "--wing", "low", "--out", "n.weights.h5", "--checkpoint", "others", "--resume"], "others"),
    (["train", "good.h5", "--wing", "low", "--out", "n.weights.h5", "--checkpoint", "a\0b"], "null"),
]
RUN_ALL = """
import contextlib, io, json, sys
from lockstep.cli import main

ended = []
for arguments in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(arguments)
    ended.append([status, out.getvalue(), err.getvalue(), [name for name in ("tensorflow", "keras") if name in sys.modules]])
json.dump(ended, sys.stdout)
"""


def test_what_the_command_line_refuses_before_tensorflow(folder):
    before = sorted(path.name for path in folder.iterdir())
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    cases = [sys.executable, "-c", RUN_ALL, json.dumps([arguments for arguments, _ in BAD])]
    done = subprocess.run(cases, cwd=folder, env=environment, capture_output=True, text=True, check=True, timeout=100)
    for (arguments, word), (status, out, err, loaded) in zip(BAD, json.loads(done.stdout), strict=True):
        assert (status, out, loaded, len(err.splitlines())) == (2, "", [], 1), (arguments, err)
        assert "Received: " in err, arguments
        assert word in err or word == "another", (arguments, err)
    assert sorted(path.name for path in folder.iterdir()) == before
