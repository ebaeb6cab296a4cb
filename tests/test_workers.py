"""Several workers: what is refused, the same bits in both wings, nearly those of one process, and how a lost one ends them."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import highlevel
import lowlevel
from lockstep.workers.comparison import compare
from shared import Checkpoints, InputError, ModelSpec, TrainSpec
from shared.batches import BatchPlan
from shared.replicas import check_fit, check_training
from shared.spec import BatchNormalizationSpec, DenseSpec, DropoutSpec

ROOT = Path(__file__).resolve().parents[1]
MODEL, TRAIN = ModelSpec.mlp(12, 6, 5), TrainSpec(batch_size=8)
BOTH = pytest.mark.parametrize("wing", [lowlevel, highlevel], ids=["low", "high"])


# ------------------------------------------------------------------------------------------------------- what is refused


def with_layer(layer):
    return ModelSpec(inputs=12, layers=(DenseSpec(units=6, name="L1"), layer, DenseSpec(units=5, name="L2")))


@pytest.mark.parametrize(
    ("model", "train", "execution", "word"),
    [
        (with_layer(DropoutSpec(rate=0.5, name="D")), TRAIN, "graph", "Dropout 'D'"),
        (with_layer(BatchNormalizationSpec(name="N")), TRAIN, "graph", "BatchNormalization 'N'"),
        (MODEL, replace(TRAIN, clipnorm=1.0), "graph", "clipnorm=1.0"),
        (MODEL, replace(TRAIN, use_ema=True), "graph", "use_ema=True"),
        (MODEL, replace(TRAIN, gradient_accumulation_steps=2), "graph", "gradient_accumulation_steps=2"),
        (ModelSpec.mlp(12, 6, 5, dtype="mixed_float16"), TRAIN, "graph", "mixed_float16"),
        (MODEL, TRAIN, "epoch", "execution='epoch'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_replicas_would_compute_otherwise_is_refused(model, train, execution, word):
    with pytest.raises(InputError, match=re.escape(word)):
        check_training(model, train, execution, False)


def test_what_replicas_can_train_is_not_refused():
    check_training(MODEL, replace(TRAIN, optimizer="adamw", weight_decay=0.01), "graph", False)
    check_fit(BatchPlan(24, 8), 1028, 4, Checkpoints("folder"), recorded=False)


@pytest.mark.parametrize(
    ("plan", "tests", "checkpoints", "recorded", "word"),
    [
        (BatchPlan(45, 8), 0, None, False, "a batch of 5 of 45 rows, and 2 replicas"),
        (BatchPlan(42, 7), 0, None, False, "a batch of 7 of 42 rows"),
        (BatchPlan(5, 8), 0, None, False, "a batch of 5 of 5 rows"),
        (BatchPlan(16, 8), 1025, None, False, "a batch of 1 of 1025 rows"),
        (BatchPlan(16, 8), 16, Checkpoints("folder", every=3), False, "every=3"),
        (BatchPlan(16, 8), 16, Checkpoints("folder", every="30s"), False, "every='30s'"),
        (BatchPlan(16, 8), 16, None, True, "a strategy"),
    ],
)
def test_what_fit_cannot_do_with_replicas_is_refused(plan, tests, checkpoints, recorded, word):
    with pytest.raises(InputError, match=re.escape(word)):
        check_fit(plan, tests, 2, checkpoints, recorded)


@BOTH
@pytest.mark.parametrize("strategy", ["two devices", tf.distribute.OneDeviceStrategy("CPU:0")], ids=["word", "one-device"])
def test_other_strategies_are_refused(wing, strategy):
    with pytest.raises(InputError, match="MirroredStrategy"):
        wing.Trainer(MODEL, TRAIN, strategy=strategy)


@pytest.mark.parametrize("workers", [0, 1, 65])
def test_too_few_and_too_many_workers_are_refused(workers):
    with pytest.raises(InputError, match="--workers"):
        compare(MODEL, TRAIN, (np.zeros((16, 12)), np.zeros(16, int)), workers)


# --------------------------------------------------------------------------------------------------- devices of a process

DEVICES = """
import json, sys
import tensorflow as tf

cpu, devices = tf.config.list_physical_devices("CPU")[0], int(sys.argv[1])
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * devices)
strategy = tf.distribute.MirroredStrategy([f"CPU:{number}" for number in range(devices)])
import numpy as np
import highlevel, lowlevel
from lockstep.divergence import absolute, gap
from shared import DenseSpec, ExponentialDecaySpec, L1L2Spec, ModelSpec, TrainSpec

generator = np.random.default_rng(3)
rows = 22 * devices
x, y = generator.normal(size=(rows, 12)), generator.integers(0, 5, rows)
falling = ExponentialDecaySpec(initial_learning_rate=0.01, decay_steps=5, decay_rate=0.5)
punished = (
    DenseSpec(units=6, activation="relu", kernel_regularizer=L1L2Spec(l2=0.01), name="L1"),
    DenseSpec(units=5, name="L2"),
)
plain, model = ModelSpec.mlp(12, 6, 5), ModelSpec(inputs=12, layers=punished)
common = {"epochs": 3, "batch_size": 4 * devices, "learning_rate": 0.01, "seed": 5}
cases = {
    "adam": (plain, TrainSpec(**common), {}),
    "momentum": (model, TrainSpec(**common, optimizer="sgd", momentum=0.9), {"class_weight": {1: 2.0}}),
    "adamw": (
        plain,
        TrainSpec(**common | {"learning_rate": falling}, optimizer="adamw", weight_decay=0.1),
        {"sample_weight": generator.uniform(size=rows)},
    ),
}
found = {}
for name, (model, train, given) in cases.items():
    low, high = (wing.Trainer(model, train, strategy=strategy) for wing in (lowlevel, highlevel))
    one = lowlevel.Trainer(model, train)
    given |= {"validation_data": (x[: rows // 2], y[: rows // 2])}
    curves = [trainer.fit((x, y), **given).history for trainer in (low, high, one)]
    states = [trainer.state() for trainer in (low, high, one)]
    pairs = list(zip([*states[0].weights, *states[0].slots], [*states[1].weights, *states[1].slots], strict=True))
    found[name] = {
        "ulp": max(gap(np.asarray(a), np.asarray(b))[1] for a, b in pairs),
        "curves": max(abs(a / b - 1) for name in curves[0] for a, b in zip(curves[0][name], curves[1][name], strict=True)),
        "one": max(absolute(a, b) for a, b in zip(states[0].weights, states[2].weights, strict=True)),
        "moved": absolute(states[2].weights[0], lowlevel.Trainer(model, train).weights()[0]),
        "predict": bool((low.predict(x) == high.predict(x)).all()) and low.predict(x).shape == (rows, 5),
        "losses": [curves[0]["loss"][-1], curves[2]["loss"][-1]],
    }
print(json.dumps(found))
"""


def environment():
    return os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}


@pytest.mark.long
@pytest.mark.parametrize("devices", [2, 3])
def test_devices_have_equal_bits_in_both_wings_and_nearly_those_of_one(devices):
    done = subprocess.run(
        [sys.executable, "-c", DEVICES, str(devices)], env=environment(), cwd=ROOT, capture_output=True, text=True, timeout=150
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert set(found) == {"adam", "momentum", "adamw"}
    for name, one in found.items():
        assert one["ulp"] == 0, name
        # divided by 3 and multiplied again, a loss may differ in its last bits, unless a graph leaves both out
        assert one["curves"] <= (0 if devices == 2 else 2**-22), name
        assert one["predict"], name
        assert one["one"] < 1e-6 < one["moved"], name
        assert one["losses"][0] == pytest.approx(one["losses"][1], abs=1e-6), name


# ------------------------------------------------------------------------------------------------------- local processes


def lockstep(folder, *arguments):
    """The command, started; both streams go to files, so that nobody waits for a reader."""
    with (folder / "out.txt").open("w") as out, (folder / "err.txt").open("w") as err:
        command = [sys.executable, "-m", "lockstep", "compare", "digits", "--workers", "2", *arguments]
        return subprocess.Popen(command, env=environment(), cwd=folder, stdout=out, stderr=err)


def workers_in(folder):
    """Process id -> number of each worker whose files are in ``folder``."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_text().split("\0")
        except OSError:
            continue
        if str(folder) in words:
            found[int(process.name)] = int(words[words.index(str(folder)) + 1])
    return found


def wait_for(what, seconds=100):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = what()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("waited in vain")


def at_work(folder, epochs):
    """The workers, once so many epochs are in checkpoints."""
    wait_for(lambda: any(int(path.stem[-8:]) >= 157 * epochs for path in (folder / "checkpoints").glob("checkpoint-*.h5")))
    return wait_for(lambda: workers_in(folder))


@pytest.mark.long
def test_two_workers_have_equal_bits_in_both_wings_and_nearly_those_of_one_process(tmp_path):
    done = lockstep(tmp_path, "--epochs", "1", "--require", "identical", "--json", "report.json")
    assert done.wait(timeout=150) == 0, (tmp_path / "err.txt").read_text()
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["verdict"], report["max_ulp"], report["max_abs"], report["same_on_all"]) == ("identical", 0, 0, True)
    assert 0 < report["against_one"] < 1e-6
    (row,) = report["rows"]
    assert row["low"] == row["high"] == pytest.approx(row["one"], abs=1e-6)
    assert "verdict: identical" in (tmp_path / "out.txt").read_text()


@pytest.mark.long
def test_a_killed_worker_ends_the_job_in_one_line_and_it_goes_on_from_the_checkpoint(tmp_path):
    kept = tmp_path / "kept"
    arguments = ["--epochs", "12", "--checkpoint", str(kept)]
    job = lockstep(tmp_path, *arguments)
    crew = at_work(kept / "low-2", epochs=2)
    assert sorted(crew.values()) == [0, 1]
    os.kill(next(process for process, number in crew.items() if number == 1), signal.SIGKILL)
    assert job.wait(timeout=60) == 2
    (line,) = (tmp_path / "err.txt").read_text().splitlines()
    assert line.startswith("lockstep: All workers")
    assert "worker 1 of the low-level wing" in line
    assert "SIGKILL" in line
    assert "--resume" in line
    assert workers_in(kept / "low-2") == {}
    said = (kept / "low-2" / "said-0.txt").read_text()
    assert "one that is gone" in said.splitlines()[-1]

    again = lockstep(tmp_path, *arguments, "--resume", "--json", "report.json", "--require", "identical")
    assert again.wait(timeout=150) == 0, (tmp_path / "err.txt").read_text()
    report = json.loads((tmp_path / "report.json").read_text())
    # the high-level wing was never broken off, so equal bits say that resuming changes none
    assert (report["verdict"], report["max_ulp"], len(report["rows"])) == ("identical", 0, 12)
    assert "resumed after epoch" in (kept / "low-2" / "said-0.txt").read_text()


@pytest.mark.long
def test_workers_end_when_the_process_that_started_them_is_killed(tmp_path):
    kept = tmp_path / "kept"
    job = lockstep(tmp_path, "--epochs", "100", "--checkpoint", str(kept))
    assert sorted(at_work(kept / "low-2", epochs=1).values()) == [0, 1]
    job.kill()
    job.wait(timeout=10)
    wait_for(lambda: not workers_in(kept / "low-2"), seconds=20)
