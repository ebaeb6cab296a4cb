"""What TensorBoard is given: the same tags, steps and bits by both wings, and by every side of a comparison.

Event files are read as TensorFlow reads any file of records, and once as TensorBoard itself does.
"""

import sys
from collections import defaultdict

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from test_spec import refused
from test_tuning_pages import program

import highlevel
import highlevel.callbacks
import lowlevel
import lowlevel.callbacks
from lockstep.cli import main
from shared import ExponentialDecaySpec, ModelSpec, TrainSpec, load_file

WINGS = (lowlevel, highlevel)
DECAY = ExponentialDecaySpec(initial_learning_rate=0.05, decay_steps=5, decay_rate=0.5)
CASES = {
    "tested": ({}, {}, True),
    "schedule in float64": ({"learning_rate": DECAY, "optimizer": "rmsprop"}, {"dtype": "float64"}, False),
    "gathered in float16": ({"optimizer": "sgd", "gradient_accumulation_steps": 2}, {"dtype": "mixed_float16"}, True),
    "numbers": ({"loss": "mean_squared_error"}, {}, True),
}


def events(folder):
    """All that was written below a folder: run -> list of (tag, step, bits, what TensorBoard is told of it), in order."""
    found = defaultdict(list)
    for path in sorted(folder.rglob("*tfevents*")):
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            event = tf.compat.v1.Event.FromString(record)
            for value in event.summary.value:
                bits = tf.make_ndarray(value.tensor).tobytes()
                run = path.parent.relative_to(folder).as_posix()
                found[run].append((value.tag, event.step, bits, value.metadata.SerializeToString(deterministic=True)))
    return dict(found)


def curves(run):
    """tag -> list of (step, value)."""
    found = defaultdict(list)
    for tag, step, bits, _ in run:
        found[tag].append((step, *np.frombuffer(bits, np.float32).tolist()))
    return dict(found)


@pytest.mark.parametrize("case", [*list(CASES)[:3], pytest.param("numbers", marks=pytest.mark.long)])
def test_both_wings_write_the_same_events(data, tmp_path, case):
    """Tag by tag, step by step, bit by bit, and in the same order; a second ``fit`` goes on."""
    settings, options, tested = CASES[case]
    x, y, x_test, y_test = data
    if case == "numbers":
        y, y_test = x[:, :5] ** 2, x_test[:, :5] ** 2
    histories = []
    for wing in WINGS:
        trainer = wing.Trainer(ModelSpec.mlp(12, 8, 5, **options), TrainSpec(epochs=2, batch_size=16, **settings))
        board = wing.callbacks.TensorBoard(tmp_path / wing.__name__)
        validation = (x_test, y_test) if tested else None
        histories.append([trainer.fit((x, y), validation_data=validation, callbacks=[board]).history for _ in range(2)])
    low, high = (events(tmp_path / wing.__name__) for wing in WINGS)
    assert low == high
    assert sorted(low) == ["train", "validation"][: 2 if tested else 1]
    for run, prefix in (("train", ""), ("validation", "val_"))[: 2 if tested else 1]:
        written = curves(low[run])
        for name in ("loss", "mean_absolute_error" if case == "numbers" else "accuracy"):
            expected = histories[0][0][prefix + name] + histories[0][1][prefix + name]
            assert written[f"epoch_{name}"] == list(enumerate(expected))
            if run == "validation":
                updates = [step for step, _ in written[f"evaluation_{name}_vs_iterations"]]
                assert updates == ([1, 3, 4, 6] if "float16" in case else [3, 6, 9, 12])
    rates = [value for _, value in curves(low["train"])["epoch_learning_rate"]]
    expected = [0.05 * 0.5 ** (steps / 5) for steps in (3, 6, 9, 12)] if "schedule" in case else [1e-3] * 4
    np.testing.assert_allclose(rates, expected, rtol=1e-6)


def test_tensorboard_itself_reads_what_the_low_level_wing_wrote(data, tmp_path):
    """Its own reader knows the tags as curves; a run that would hold nothing is not made."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    trainer = lowlevel.Trainer(ModelSpec.mlp(12, 8, 5), TrainSpec(epochs=3))
    history = trainer.fit(data[:2], callbacks=[lowlevel.callbacks.TensorBoard(tmp_path)])
    assert [path.name for path in tmp_path.iterdir()] == ["train"]
    reader = EventAccumulator(str(tmp_path / "train")).Reload()
    assert sorted(reader.Tags()["tensors"]) == ["epoch_accuracy", "epoch_learning_rate", "epoch_loss"]
    assert reader.SummaryMetadata("epoch_loss").plugin_data.plugin_name == "scalars"
    read = [(one.step, float(tf.make_ndarray(one.tensor_proto))) for one in reader.Tensors("epoch_loss")]
    assert read == list(enumerate(history.loss))


def test_without_the_package_keras_is_refused_at_once_and_the_low_level_wing_writes(data, tmp_path, monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "tensorboard"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    refused(lambda: highlevel.callbacks.TensorBoard(tmp_path), "tensorboard", "keras-lockstep[tensorboard]")
    assert list(tmp_path.iterdir()) == []
    trainer = lowlevel.Trainer(ModelSpec.mlp(12, 8, 5), TrainSpec(epochs=1))
    trainer.fit(data[:2], callbacks=[lowlevel.callbacks.TensorBoard(tmp_path)])
    assert list(events(tmp_path)) == ["train"]


def test_compare_writes_a_run_a_side_with_the_figures_of_keras_own_callback(data, tmp_path, monkeypatch, capsys):
    """The runs of the two sides hold the same bits, and these are what Keras's callback writes after each batch and epoch."""
    x, y, x_test, y_test = data
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file.update({"train_set_x": x, "train_set_y": y, "test_set_x": x_test, "test_set_y": y_test})
    monkeypatch.chdir(tmp_path)
    arguments = ["compare", "data.h5", "--epochs", "3", "--hidden", "8", "--batch-size", "16", "--learning-rate", "0.01"]
    assert main([*arguments, "--tensorboard", "my runs/new"]) == 0
    assert "written: my runs/new, to be seen with: tensorboard --logdir 'my runs/new'\n" in capsys.readouterr().out
    found = events(tmp_path / "my runs" / "new")
    assert sorted(found) == ["epoch", "keras"]
    assert found["epoch"] == found["keras"]

    trainer = highlevel.Trainer(ModelSpec.mlp(12, 8, 5), TrainSpec(epochs=3, batch_size=16, seed=1234, learning_rate=0.01))
    own = keras.callbacks.TensorBoard(tmp_path / "own", write_graph=False, update_freq="batch")
    trainer.fit(load_file("data.h5"), callbacks=[own])
    theirs = {run: curves(written) for run, written in events(tmp_path / "own").items()}
    ours = curves(found["keras"])
    assert [step for step, _ in ours["batch_loss"]] == list(range(1, 10))
    for name in ("loss", "accuracy"):
        assert ours[f"batch_{name}"] == theirs["train"][f"batch_{name}"]
        assert ours[f"epoch_{name}"] == theirs["train"][f"epoch_{name}"]
        assert ours[f"epoch_val_{name}"] == theirs["validation"][f"epoch_{name}"]
    assert len(ours) == 6

    assert main([*arguments, "--tensorboard", "my runs/new"]) == 2  # a run is never mixed with another
    assert "new folder" in capsys.readouterr().err


def test_the_page_on_tensorboard_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    program("tensorboard.md")
    low, high = (events(tmp_path / "runs" / wing.__name__) for wing in WINGS)
    assert low == high
    assert sorted(low) == ["train", "validation"]
