"""Who reads what who has written: nets go through files of every format, and the readers' logits are compared with the net's own.

``python -m lockstep.interchange`` prints the tables of ``docs/files.md``. It takes the extra ``export``.
"""

import io
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import tensorflow as tf

import highlevel
import lowlevel
from lockstep.divergence import gap, ulp_text
from shared.errors import InputError
from shared.extras import needed
from shared.feed import feed
from shared.formats.keras_file import is_archive
from shared.formats.targets import TARGETS
from shared.spec import (
    ActivationSpec,
    BatchNormalizationSpec,
    DenseSpec,
    DropoutSpec,
    ExponentialDecaySpec,
    L1L2Spec,
    ModelSpec,
    TrainSpec,
)
from shared.weights import layer_groups

WINGS: dict[str, Any] = {"low-level": lowlevel, "high-level": highlevel}
KERAS, ENDINGS = "plain Keras", (".weights.h5", ".keras")
ROWS, COLUMNS, CLASSES = 45, 12, 5

_NORMALISED = (
    DenseSpec(units=8, use_bias=False, kernel_regularizer=L1L2Spec(l2=0.01), name="L1"),
    BatchNormalizationSpec(name="B1"),
    ActivationSpec(activation="relu", name="A1"),
    DenseSpec(units=6, activation="tanh", name="L2"),
    DenseSpec(units=CLASSES, name="L3"),
)
_DROPPED = (*_NORMALISED[:3], DropoutSpec(rate=0.3, name="D1"), *_NORMALISED[3:])
_FREE = (replace(_NORMALISED[0], kernel_regularizer=None), *_NORMALISED[1:])  # Keras trains no penalised net in float64
_DECAY = ExponentialDecaySpec(initial_learning_rate=0.01, decay_steps=7, decay_rate=0.8)


def _net(layers: tuple, dtype: str = "float32") -> ModelSpec:
    return ModelSpec(inputs=COLUMNS, layers=layers, dtype=dtype)


# What is sent through the files: by name, a net and its training.
NETS: dict[str, tuple[ModelSpec, TrainSpec]] = {
    "digits": (ModelSpec.mlp(400, 25, 15, 10), TrainSpec()),
    "normalised": (_net(_NORMALISED), TrainSpec(optimizer="rmsprop", learning_rate=_DECAY, momentum=0.9, clipnorm=0.1)),
    "averaged": (_net(_NORMALISED), TrainSpec(optimizer="adamw", use_ema=True, gradient_accumulation_steps=2)),
    "dropout": (_net(_DROPPED), TrainSpec(optimizer="sgd", momentum=0.9, nesterov=True, learning_rate=0.05)),
    "float64": (_net(_FREE, "float64"), TrainSpec(optimizer="lion", weight_decay=0.1)),
    "bfloat16": (_net(_NORMALISED, "mixed_bfloat16"), TrainSpec(optimizer="adagrad", learning_rate=0.05)),
    "float16": (_net(_NORMALISED, "mixed_float16"), TrainSpec(learning_rate=0.01)),
}


# ------------------------------------------------------------------------------------------------- runtimes of exports


def served(path: str | Path, x: np.ndarray) -> np.ndarray:
    """Logits of a SavedModel, by ``tf.saved_model.load``; x (n, inputs) -> (n, outputs)."""
    net = tf.saved_model.load(str(path))
    return net.serve(tf.constant(x)).numpy()


def by_onnx_runtime(path: str | Path, x: np.ndarray) -> np.ndarray:
    """Logits of an ONNX file, by ONNX Runtime on the CPU; InputError without the extra."""
    with needed("onnxruntime", "export", "Running an ONNX file"):
        import onnxruntime
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(["logits"], {"x": x})[0]


def by_litert(path: str | Path, x: np.ndarray) -> np.ndarray:
    """Logits of a LiteRT file, by the interpreter that TensorFlow brings."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*tf.lite.Interpreter is deprecated", UserWarning)  # for a package of its own
        interpreter = tf.lite.Interpreter(str(path))
    (given,), (result,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.resize_tensor_input(given["index"], x.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(given["index"], x)
    interpreter.invoke()
    return interpreter.get_tensor(result["index"])


def from_tensors(path: str | Path, x: np.ndarray) -> np.ndarray:
    """Logits of a safetensors file, by the low-level wing."""
    return lowlevel.load_model(path).predict(x)


RUNTIMES: dict[str, tuple[str, Callable[[str | Path, np.ndarray], np.ndarray]]] = {
    "SavedModel": ("TensorFlow", served),
    "ONNX": ("ONNX Runtime", by_onnx_runtime),
    "LiteRT": ("TensorFlow's LiteRT", by_litert),
    "safetensors": ("the low-level wing", from_tensors),
}


def difference(path: str | Path, trainer: Any, x: np.ndarray) -> tuple[float, float]:
    """Largest difference, absolute and in ULP, between the logits of an exported file and those of the trainer that wrote it."""
    want = trainer.predict(x)
    target = TARGETS[Path(path).suffix]
    return gap(RUNTIMES[target][1](path, x).astype(want.dtype), want)


# ----------------------------------------------------------------------------------------------------------- the tables


@dataclass(frozen=True)
class Passage:
    """One net through one file: how far the reader's logits are from the writer's, and whether both go on in the same bits."""

    net: str
    writer: str
    ending: str
    reader: str
    max_abs: float
    max_ulp: float
    goes_on: bool | None  # None where nobody goes on


def kept(names: Sequence[str] = tuple(NETS)) -> list[Passage]:
    """Every net through ``.weights.h5`` and ``.keras``: each writer, each reader."""
    found = []
    for name in names:
        model, train = NETS[name]
        data, x = _data(model), rows_for(model)
        for writer in (*WINGS, KERAS):
            with tempfile.TemporaryDirectory() as folder:
                net = _made(writer, model, train)
                _train(net, data, model, train)
                paths = [Path(folder) / f"net{ending}" for ending in ENDINGS]
                for path in paths:
                    _save(net, path)
                own, arrays = _logits(net, x), [value.numpy() for value in _variables(net)]
                after = _train(net, data, model, train)
                for path, ending in zip(paths, ENDINGS, strict=True):
                    for reader in (*WINGS, KERAS):
                        other = _read(reader, path, model, train)
                        distance = gap(_logits(other, x), own)
                        found.append(Passage(name, writer, ending, reader, *distance, _train(other, data, model, train) == after))
                    distance = tuple(map(max, zip(*map(gap, _arrays(path, model), arrays), strict=True)))
                    found.append(Passage(name, writer, ending, "h5py", *distance, None))
    return found


def exported(names: Sequence[str] = tuple(NETS)) -> list[Passage]:
    """Every net from both wings through every format of ``export`` that takes it."""
    found = []
    for name in names:
        model, train = NETS[name]
        for writer, wing in WINGS.items():
            trainer = wing.Trainer(model, train)
            _train(trainer, _data(model), model, train)
            for ending, target in TARGETS.items():
                with tempfile.TemporaryDirectory() as folder, suppress(InputError):  # a type that the format has not
                    path = Path(folder) / f"net{ending}"
                    trainer.export(path)
                    found.append(
                        Passage(name, writer, target, RUNTIMES[target][0], *difference(path, trainer, rows_for(model)), None)
                    )
    return found


def rows_for(model: ModelSpec) -> np.ndarray:
    """Rows to ask about (100, inputs)."""
    return np.random.default_rng(1).normal(size=(100, model.inputs)).astype(model.variable_dtype)


def _data(model: ModelSpec) -> tuple[np.ndarray, np.ndarray]:
    """Rows to train on (45, inputs), labels (45,)."""
    generator = np.random.default_rng(2)
    return generator.normal(size=(ROWS, model.inputs)).astype(model.variable_dtype), generator.integers(0, CLASSES, ROWS)


def _made(kind: str, model: ModelSpec, train: TrainSpec) -> Any:
    """A trainer of a wing, or a compiled ``keras.Sequential`` as it is."""
    return WINGS[kind].Trainer(model, train) if kind in WINGS else highlevel.Trainer(model, train).network


def _save(net: Any, path: Path) -> None:
    if isinstance(net, keras.Sequential) and not is_archive(path):
        net.save_weights(path)
    else:
        net.save(path)


def _read(kind: str, path: Path, model: ModelSpec, train: TrainSpec) -> Any:
    """What a reader makes of a file: of a ``.keras`` file from nothing, of weights in a net that is there."""
    if is_archive(path):
        return WINGS[kind].load_model(path, train) if kind in WINGS else keras.saving.load_model(path)
    net = _made(kind, model, train)
    net.load(path) if kind in WINGS else net.load_weights(path)
    return net


def _arrays(path: Path, model: ModelSpec) -> list[np.ndarray]:
    """Weights and optimiser by h5py alone."""
    content = zipfile.ZipFile(path).read("model.weights.h5") if is_archive(path) else path.read_bytes()
    with h5py.File(io.BytesIO(content)) as file:
        groups = (*layer_groups(model), "optimizer/vars")
        return [file[f"{group}/{at}"][()] for group in groups for at in range(len(file[group]))]


def _logits(net: Any, x: np.ndarray) -> np.ndarray:
    if isinstance(net, keras.Sequential):
        return net.predict(tf.data.Dataset.from_tensor_slices(x).batch(len(x)), verbose=0).astype(x.dtype)
    return net.predict(x)


def _variables(net: Any) -> list[Any]:
    plain = isinstance(net, keras.Sequential)
    return [*(net if plain else net.network).weights, *net.optimizer.variables]


def _train(net: Any, data: tuple[np.ndarray, np.ndarray], model: ModelSpec, train: TrainSpec) -> list[bytes]:
    """An epoch in the order of the rows; weights and optimiser after it."""
    if isinstance(net, keras.Sequential):
        given = feed(data, model, train)
        rows = tf.data.Dataset.from_tensor_slices((given.x, given.y)).batch(train.batch_size)
        net.fit(rows, shuffle=False, verbose=0)
    else:
        net.fit(data, np.tile(np.arange(ROWS), (net.epoch + 1, 1)), epochs=1)
    return [variable.numpy().tobytes() for variable in _variables(net)]


def tables(files: list[Passage], exports: list[Passage]) -> str:
    """The two tables of ``docs/files.md``; a cell of the first has the worst of all nets."""
    readers = (*WINGS, KERAS, "h5py")
    lines = _row("written by", "file", *(f"read by {reader}" for reader in readers), rule=True)
    for writer in (*WINGS, KERAS):
        for ending in ENDINGS:
            cells = [_cell(files, writer=writer, ending=ending, reader=reader) for reader in readers]
            lines += _row(writer, f"`{ending}`", *cells)
    lines += ["", *_row("net", "format", "run by", *(f"written by the {wing} wing" for wing in WINGS), rule=True)]
    for name in dict.fromkeys(one.net for one in exports):
        for target in TARGETS.values():
            cells = [_cell(exports, net=name, ending=target, writer=wing) for wing in WINGS]
            lines += _row(name, target, RUNTIMES[target][0], *cells)
    return "\n".join(lines)


def _row(*cells: str, rule: bool = False) -> list[str]:
    line = f"| {' | '.join(cells)} |"
    return [line, f"| {' | '.join('---' for _ in cells)} |"] if rule else [line]


def _cell(passages: list[Passage], **wanted: str) -> str:
    """The largest difference of those passages, and in which nets the training does not go on in the same bits."""
    chosen = [one for one in passages if all(getattr(one, name) == value for name, value in wanted.items())]
    if not chosen:
        return "not at all"
    text = f"{max(one.max_abs for one in chosen):.2g} ({ulp_text(max(one.max_ulp for one in chosen))})"
    if chosen[0].goes_on is None:
        return text
    others = [one.net for one in chosen if not one.goes_on]
    return f"{text}; same bits" + (f", but for {', '.join(others)}" if others else "")


if __name__ == "__main__":
    print(tables(kept(), exported()))
