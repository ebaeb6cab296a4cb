"""``lockstep.compare`` and its report: what was asked for, what is refused, what is written."""

import json

import numpy as np
import pytest
from conftest import small_data

import lockstep
import lowlevel
from lockstep import Side
from shared import InputError, ModelSpec, TrainSpec

MODEL, TRAIN = ModelSpec.mlp(12, 6, 5), TrainSpec(epochs=2, batch_size=10, seed=9)


@pytest.fixture(scope="module")
def report():
    x, y, *_ = small_data()
    return lockstep.compare(MODEL, TRAIN, (x, y), sides=("graph", "keras"))


def test_the_report_says_what_was_compared(report):
    assert report.verdict == "identical"
    assert report.first is None
    assert (report.max_ulp, report.max_abs) == (0, 0)
    assert report.sides == ["graph", "keras"]
    assert report.pairs[0].steps == 10
    assert report.meets("identical")
    assert report.environment["versions"]["tensorflow"]
    assert {"intra_op_threads", "onednn", "determinism", "xla_flags", "cpu_features"} <= set(report.environment)
    assert "identical" in str(report)
    assert "0 ULP" in str(report)


def test_json_document(report, tmp_path):
    report.save(tmp_path / "r.json")
    document = json.loads((tmp_path / "r.json").read_text())
    assert document == json.loads(report.to_json())
    assert document["schema"] == 1
    for key in ("verdict", "max_ulp", "max_abs", "first", "sides", "seconds"):
        assert document[key] == getattr(report, key)
    assert [pair["left"] for pair in document["pairs"]] == ["graph"]
    schema = (__import__("pathlib").Path(__file__).parents[1] / "docs" / "report-schema.md").read_text()
    for key in document:
        assert f"`{key}`" in schema, key
    for key in document["pairs"][0]:
        assert f"`{key}`" in schema, key


def test_two_runs_write_the_same_document(report):
    x, y, *_ = small_data()
    again = lockstep.compare(MODEL, TRAIN, (x, y), sides=("graph", "keras"))
    one, two = json.loads(report.to_json()), json.loads(again.to_json())
    assert one.pop("seconds") > 0
    assert two.pop("seconds") > 0
    assert one == two


def test_saving_is_whole_or_not_at_all(report, tmp_path):
    with pytest.raises(InputError, match="saved as"):
        report.save(tmp_path / "r.pdf")
    with pytest.raises(InputError, match="writable"):
        report.save(tmp_path / "missing" / "r.json")
    report.save(tmp_path / "r.html")
    assert [path.name for path in tmp_path.iterdir()] == ["r.html"]


def test_weights_and_plan_are_handed_to_every_side():
    x, y, *_ = small_data()
    weights = [np.full(shape, 0.01, np.float32) for shape in MODEL.weight_shapes.values()]
    orders = np.stack([np.arange(45)[::-1], np.roll(np.arange(45), 7)])
    seen = []

    class Spy(lowlevel.Trainer):
        def load(self, weights):
            super().load(weights)
            seen.append(self.weights())

        def fit(self, data, plan=None, record=None, **options):
            seen.append([plan.order(epoch) for epoch in range(2)])
            return super().fit(data, plan, record, **options)

    report = lockstep.compare(MODEL, TRAIN, (x, y), sides=[Side("spy", Spy), "keras"], weights=weights, plan=orders)
    assert report.verdict == "identical"
    assert all((a == b).all() for a, b in zip(seen[0], weights, strict=True))
    assert (np.array(seen[1]) == orders).all()


def test_more_than_two_sides_are_each_compared_with_the_last():
    x, y, *_ = small_data()
    report = lockstep.compare(MODEL, TRAIN, (x, y), sides="eager,graph,epoch")
    assert [(pair.left, pair.right, pair.verdict) for pair in report.pairs] == [
        ("eager", "epoch", "identical"),
        ("graph", "epoch", "identical"),
    ]


def test_the_worst_pair_speaks():
    class Off(lowlevel.Trainer):
        def _step(self, x, y):
            super()._step(x, y)
            self.network.weights[1].assign_add([0.0, 0.0, 1.0, 0.0, 0.0, 0.0])

    x, y, *_ = small_data()
    report = lockstep.compare(MODEL, TRAIN, (x, y), sides=["eager", Side("off", Off), "graph"])
    assert report.pairs[0].verdict == "identical"
    assert report.verdict == report.pairs[1].verdict == "different"
    assert (report.first.step, report.first.stage, report.first.tensor) == (1, "weights out", "L1/bias")
    assert not report.meets("alike")


@pytest.mark.parametrize("sides", ["keras", "epoch,epoch", "epoch,torch", "xla,epoch-xla", ""])
def test_sides_that_make_no_comparison(sides):
    x, y, *_ = small_data()
    with pytest.raises(InputError):
        lockstep.compare(MODEL, TRAIN, (x, y), sides=sides)


def test_a_side_that_fails_is_reported_as_it_failed():
    class Broken(lowlevel.Trainer):
        def _step(self, x, y):
            raise ArithmeticError("the side's own trouble")

    x, y, *_ = small_data()
    with pytest.raises(ArithmeticError, match="own trouble"):
        lockstep.compare(MODEL, TRAIN, (x, y), sides=[Side("broken", Broken), "keras"])


@pytest.mark.long
def test_memory_stays_below_3_gb_for_100_epochs_of_the_signs_net():
    """12288-25-12-6 on 1,080 pictures: a full trace would be 17 GB a side."""
    import subprocess
    import sys
    from pathlib import Path

    # VmHWM and not ru_maxrss: that one carries over the peak of the process that started this one.
    program = """
import numpy as np, lockstep
from shared import ModelSpec, TrainSpec
generator = np.random.default_rng(0)
x, y = generator.integers(0, 256, (1080, 64, 64, 3), dtype=np.uint8), generator.integers(0, 6, 1080)
report = lockstep.compare(ModelSpec.mlp(12288, 25, 12, 6), TrainSpec(epochs=100, learning_rate=1e-4), (x, y))
peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(report.verdict, report.max_ulp, report.pairs[0].steps, peak)
"""
    root = Path(__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=1500, cwd=root, check=False)
    assert done.returncode == 0, done.stderr
    verdict, ulp, steps, kilobytes = done.stdout.split()
    assert (verdict, ulp, steps) == ("identical", "0", "3400")
    assert int(kilobytes) < 3e6, kilobytes
