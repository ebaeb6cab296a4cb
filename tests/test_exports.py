"""Exports of both wings, each run by the runtime that it is for and held against the net's own logits."""

import json
import struct
import sys
from dataclasses import replace
from pathlib import Path

import h5py
import keras
import numpy as np
import onnx
import onnxruntime
import pytest
import safetensors.numpy
import tensorflow as tf
from cases import BOTH, EVERYTHING
from test_cli import RUN_ALL, child

import highlevel
import lowlevel
from lockstep import interchange
from lockstep.cli import main
from shared.data.card import DataCard
from shared.errors import InputError
from shared.formats.onnx_graph import graph
from shared.spec import ActivationSpec, DenseSpec, ModelSpec, TrainSpec
from shared.weights import read_specs

WINGS = {"low": lowlevel, "high": highlevel}
NET = ModelSpec.mlp(12, 6, 5)
NAMES = ("a.onnx", "a.tflite", "a.safetensors", "a")
# Sums of at most 12 products near 1, whose order is another: some units in the last place of a number of that size.
NEAR = {"ONNX": 2e-6, "LiteRT": 2e-6, "safetensors": 0.0, "SavedModel": 0.0}


def shaken(trainer):
    """Weights that all differ from where they begin, biases and moving averages too; variances stay above 0."""
    generator = np.random.default_rng(4)
    trainer.load([weight + generator.uniform(0.1, 0.9, weight.shape) for weight in trainer.weights()])
    return trainer


def test_every_format_of_both_wings_gives_the_nets_own_logits():
    found = interchange.exported(["dropout"])
    assert [(one.writer, one.ending) for one in found] == [(wing, name) for wing in interchange.WINGS for name in NEAR]
    for one in found:
        assert one.max_abs <= NEAR[one.ending], one
        assert one.max_ulp == 0 or NEAR[one.ending]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_onnx_has_every_layer_and_activation(dtype, tmp_path):
    """EVERYTHING has batch normalisation, Dropout, a layer without bias, and relu and sigmoid; tanh is added."""
    model = ModelSpec(inputs=12, layers=(*EVERYTHING, ActivationSpec(activation="tanh", name="A9")), dtype=dtype)
    trainer = shaken(lowlevel.Trainer(model, TrainSpec()))
    x = interchange.rows_for(model)
    trainer.export(tmp_path / "a.onnx")
    for rows in (x, x[:1], x[:0]):  # any number of rows
        got, want = interchange.by_onnx_runtime(tmp_path / "a.onnx", rows), trainer.predict(rows)
        assert (got.dtype, got.shape) == (want.dtype, want.shape)
        assert np.abs(got - want).max(initial=0.0) <= {"float32": 1e-6, "float64": 1e-14}[dtype]
    made = onnx.load(tmp_path / "a.onnx")
    assert [node.op_type for node in made.graph.node if node.op_type in ("Relu", "Sigmoid", "Tanh")] == [
        "Relu",
        "Sigmoid",
        "Tanh",
    ]
    assert {one.name for one in made.graph.initializer} >= set(model.weight_shapes)
    assert ([one.name for one in made.graph.input], [one.name for one in made.graph.output]) == (["x"], ["logits"])
    # a graph with one number changed is another: the comparison can fail
    weights = trainer.weights()
    weights[1] = weights[1] + 0.01
    session = onnxruntime.InferenceSession(graph(model, weights))
    assert np.abs(session.run(None, {"x": x})[0] - trainer.predict(x)).max() > 1e-4


@pytest.mark.parametrize("wing", WINGS)
@pytest.mark.parametrize("dtype", ["float64", "mixed_bfloat16", "mixed_float16"])
def test_savedmodel_and_safetensors_take_every_dtype(wing, dtype, tmp_path):
    trainer = shaken(WINGS[wing].Trainer(ModelSpec(inputs=12, layers=EVERYTHING, dtype=dtype), TrainSpec()))
    x = interchange.rows_for(trainer.model)
    for name in NAMES[2:]:
        trainer.export(tmp_path / name)
        assert interchange.difference(tmp_path / name, trainer, x) == (0.0, 0)
    for name in NAMES[:2] if dtype != "float64" else NAMES[1:2]:
        with pytest.raises(InputError, match=f"dtype='{dtype}'"):
            trainer.export(tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "a.safetensors"]


def test_a_savedmodel_serves_by_its_signature(tmp_path):
    for wing in WINGS.values():
        trainer = shaken(wing.Trainer(NET, TrainSpec()))
        trainer.export(tmp_path / wing.__name__)
        net = tf.saved_model.load(str(tmp_path / wing.__name__))
        x = interchange.rows_for(NET)
        (logits,) = net.signatures["serving_default"](x=tf.constant(x[:3])).values()
        assert logits.numpy().tobytes() == trainer.predict(x[:3]).tobytes()


# ---------------------------------------------------------------------------------------------------------- safetensors


@pytest.mark.parametrize("reader", WINGS)
@pytest.mark.parametrize("writer", WINGS)
def test_safetensors_carry_weights_under_plain_names_and_the_specs(writer, reader, tmp_path):
    train = TrainSpec(optimizer="sgd", momentum=0.9, learning_rate=0.1)
    trainer, path = shaken(WINGS[writer].Trainer(NET, train)), tmp_path / "a.safetensors"
    trainer.card = DataCard(classes=tuple("abcde"), name="letters")
    trainer.export(path)
    plain = safetensors.numpy.load_file(path)  # by the library alone
    assert {name: value.shape for name, value in plain.items()} == NET.weight_shapes
    assert [plain[name].tobytes() for name in NET.weight_shapes] == [weight.tobytes() for weight in trainer.weights()]
    other = WINGS[reader].load_model(path)
    assert (other.model, other.train, other.card, other.epoch) == (NET, train, trainer.card, 0)
    assert [weight.tobytes() for weight in other.weights()] == [weight.tobytes() for weight in trainer.weights()]
    assert read_specs(path) == (NET, train, trainer.card)
    kept = WINGS[reader].Trainer(NET, train)
    kept.train_on_batch(interchange.rows_for(NET)[:5], np.arange(5))
    slots = [slot.tobytes() for slot in kept.state().slots]
    kept.load(path)  # the optimiser is not in the file, and stays
    assert [slot.tobytes() for slot in kept.state().slots] == slots
    with pytest.raises(InputError, match="tanh"):
        WINGS[reader].Trainer(ModelSpec.mlp(12, 6, 5, activation="tanh"), train).load(path)


def header(text, numbers=b""):
    content = text.encode()
    return struct.pack("<Q", len(content)) + content + numbers


def test_hostile_safetensors_are_refused(tmp_path):
    trainer = lowlevel.Trainer(NET, TrainSpec())
    trainer.export(tmp_path / "a.safetensors")
    good = (tmp_path / "a.safetensors").read_bytes()
    described = {"lockstep_model": NET.to_json(), "lockstep_train": TrainSpec().to_json()}
    arrays = dict(zip(NET.weight_shapes, trainer.weights(), strict=True))
    one = {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}
    bad = {
        "empty": b"",
        "short": b"abc",
        "text": b"not tensors at all, but some text",
        "huge": struct.pack("<Q", 2**63) + b"{}",
        "large": header("{}" + " " * 2**21),  # the library would read 100 MB of header
        "cut": good[:-7],
        "more": good + b"\0",
        "no_json": header("{" * 1000),
        "deep": header('{"a":' * 100_000),
        "overlap": header(json.dumps({"a": one, "b": one}), bytes(16)),
        "outside": header(json.dumps({"a": one | {"data_offsets": [0, 2**40]}}), bytes(16)),
        "claim": header(json.dumps({"a": one | {"shape": [2**40, 2**40]}}), bytes(16)),
        "escape": header(
            json.dumps({"\x1b[2J": one | {"data_offsets": [4, 20]}, "b": one | {"data_offsets": [8, 24]}}), bytes(24)
        ),
        "unknown": header(json.dumps({"a": one | {"dtype": "\x1b[2J"}}), bytes(16)),
        "type": header(json.dumps({"a": one | {"dtype": "X9"}}), bytes(16)),
        "names": safetensors.numpy.save({"a": np.zeros(3)}, metadata=described),
        "shape": safetensors.numpy.save(arrays | {"L1/bias": np.zeros(7, np.float32)}, metadata=described),
        "whole": safetensors.numpy.save(arrays | {"L1/bias": np.zeros(6, np.complex64)}, metadata=described),
        "unsaid": safetensors.numpy.save(arrays),
        "spec": safetensors.numpy.save(arrays, metadata=described | {"lockstep_model": "{}"}),
        "classes": safetensors.numpy.save(arrays, metadata=described | {"lockstep_classes": "3", "lockstep_data": "3"}),
    }
    halves = json.dumps({name: {"dtype": "BF16", "shape": [0], "data_offsets": [0, 0]} for name in NET.weight_shapes})
    bad["halves"] = header(halves[:-1] + f', "__metadata__": {json.dumps(described)}}}')
    paths = [tmp_path / "missing.safetensors", tmp_path]
    for name, content in bad.items():
        paths.append(tmp_path / f"{name}.safetensors")
        paths[-1].write_bytes(content)
    before = [weight.tobytes() for weight in trainer.weights()]
    for path in paths:
        for read in (trainer.load, lowlevel.load_model):
            with pytest.raises(InputError) as caught:
                read(path)
            assert str(caught.value).isprintable()
            assert "tensor `" not in str(caught.value)  # the library's choice, another one each time
            assert len(str(caught.value)) < 700
            assert ("a header of" in str(caught.value)) == (path.stem in ("short", "text", "huge", "large"))
    assert [weight.tobytes() for weight in trainer.weights()] == before


# ------------------------------------------------------------------------------------------------------ what is refused


@pytest.mark.parametrize("wing", WINGS)
def test_paths_that_cannot_be_written_to_are_refused_and_nothing_is_left(wing, tmp_path):
    trainer = WINGS[wing].Trainer(NET, TrainSpec())
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("keep")
    (tmp_path / "file").write_text("keep")
    (tmp_path / "b.onnx").mkdir()
    for name in ("a.txt", "a.h5", "a.weights.h5", "a.keras", "full", "file", "no/a.onnx", "no/a", "b.onnx", "a\0.onnx", "a\0"):
        with pytest.raises(InputError) as caught:
            trainer.export(tmp_path / name)
        assert "\n" not in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.onnx", "file", "full"]
    assert (tmp_path / "full" / "mine.txt").read_text() == "keep"


@pytest.mark.parametrize("wing", WINGS)
def test_an_export_that_fails_leaves_no_trace(wing, tmp_path, monkeypatch):
    def half_done(_, path, **__):
        Path(path).mkdir()
        (Path(path) / "half").write_text("done")
        raise ZeroDivisionError

    trainer = WINGS[wing].Trainer(NET, TrainSpec())
    monkeypatch.setattr("tensorflow.saved_model.save", half_done)
    monkeypatch.setattr(tf.lite.TFLiteConverter, "convert", lambda *_: 1 / 0)
    monkeypatch.setattr(keras.Sequential, "export", half_done)
    monkeypatch.setattr("shared.formats.onnx_graph.graph", lambda *_: 1 / 0)
    monkeypatch.setattr("shared.formats.tensors.tensors", lambda *_: 1 / 0)
    for name in NAMES:
        with pytest.raises(ZeroDivisionError):
            trainer.export(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("package", "name"), [("onnx", "a.onnx"), ("safetensors", "a.safetensors")])
def test_a_missing_extra_is_named(package, name, tmp_path, monkeypatch):
    trainer = lowlevel.Trainer(NET, TrainSpec())
    trainer.export(tmp_path / name)
    for module in [module for module in sys.modules if module.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match=rf"{package}.*pip install 'keras-lockstep\[export\]'"):
        trainer.export(tmp_path / f"b{name}")
    if package == "safetensors":
        with pytest.raises(InputError, match="export"):
            trainer.load(tmp_path / name)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(InputError, match="onnxruntime"):
        interchange.by_onnx_runtime(tmp_path / name, interchange.rows_for(NET))
    assert [path.name for path in tmp_path.iterdir()] == [name]


# ---------------------------------------------------------------------------------------------------- the command line


def test_the_command_writes_checks_and_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    model = replace(NET, layers=(replace(NET.layers[0], kernel_regularizer=BOTH), *NET.layers[1:]))
    shaken(lowlevel.Trainer(model, TrainSpec(optimizer="rmsprop"))).save("net.weights.h5")
    assert main(["export", "net.weights.h5", "--to", "net.keras", "--wing", "high"]) == 0
    for net, to, words in (
        ("net.keras", "a.onnx", "ONNX Runtime"),
        ("net.keras", "a.safetensors", "low-level"),
        ("a.safetensors", "saved", "TensorFlow"),
    ):
        capsys.readouterr()
        assert main(["export", net, "--to", to]) == 0
        said, errors = capsys.readouterr()
        assert errors == ""
        assert f"written: {to}" in said
        assert words in said
        assert "largest difference" in said
    assert {path.name for path in tmp_path.iterdir()} == {"net.weights.h5", "net.keras", "a.onnx", "a.safetensors", "saved"}


def test_the_command_refuses_before_tensorflow_is_loaded(tmp_path):
    with h5py.File(tmp_path / "bare.weights.h5", "w") as file:
        file["layers/dense/vars/0"] = np.zeros((12, 5))
    for dtype in ("float64", "float32"):
        path = tmp_path / f"{dtype}.weights.h5"
        lowlevel.Trainer(ModelSpec(inputs=12, layers=(DenseSpec(units=5, name="L1"),), dtype=dtype), TrainSpec()).save(path)
    asked = [
        (["missing.weights.h5", "--to", "a.onnx"], "missing.weights.h5"),
        (["missing.keras", "--to", "a.onnx"], "missing.keras"),
        (["missing.safetensors", "--to", "a.onnx"], "missing.safetensors"),
        (["bare.weights.h5", "--to", "a.onnx"], "weights alone"),
        (["float32.weights.h5", "--to", "a.pdf"], "a.pdf"),
        (["float32.weights.h5", "--to", "no/a.keras"], "no/a.keras"),
        (["float32.weights.h5", "--to", "no/a.onnx"], "no/a.onnx"),
        (["float32.weights.h5", "--to", "."], "."),
        (["float64.weights.h5", "--to", "a.tflite"], "float64"),
        (["float32.weights.h5"], "--to"),
        (["float32.weights.h5", "--to", "a.onnx", "--wing", "left"], "--wing"),
    ]
    arguments = json.dumps([["export", *given] for given, _ in asked])
    for (given, words), (status, out, errors, loaded) in zip(asked, child(tmp_path, RUN_ALL, arguments), strict=True):
        assert (status, out, loaded) == (2, "", []), given
        assert words in errors
        assert errors.count("\n") == 1


# ------------------------------------------------------------------------------------------------------- the tables


@pytest.mark.long
def test_the_tables_hold():
    """A smaller form of ``python -m lockstep.interchange``."""
    names = ("dropout", "float64")
    found = interchange.kept(names)
    assert len(found) == len(names) * 3 * 2 * 4
    for one in found:
        assert (one.max_abs, one.max_ulp) == (0.0, 0), one
        if one.reader == "h5py":
            assert one.goes_on is None
        elif one.net == "dropout":  # Keras keeps no count of a Dropout's calls, and so neither writes nor reads it
            assert one.goes_on == (interchange.KERAS not in (one.writer, one.reader)), one
        else:  # nor does Keras write down in what type a loss is computed
            assert one.goes_on == ((one.writer, one.reader, one.ending) != (interchange.KERAS, interchange.KERAS, ".keras")), one
    text = interchange.tables(found, interchange.exported(["float64"]))
    read = "0 (0 ULP); same bits, but for dropout"
    assert f"| plain Keras | `.keras` | {read} | {read} | {read}, float64 | 0 (0 ULP) |" in text
    assert "| float64 | LiteRT | TensorFlow's LiteRT | not at all | not at all |" in text
