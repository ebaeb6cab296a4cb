"""Lists of weights and files of weights: checked against a spec before they reach a net.

The file format is Keras's own ``.weights.h5``: ``layers/dense/vars/0`` is the first kernel and ``layers/dense/vars/1`` its
bias, then ``layers/dense_1/...``, ``layers/batch_normalization/...``; the optimiser's variables stand in ``optimizer/vars/0``,
``1``, ... Root attributes say what the net is, and how far its training had come. A ``.keras`` file holds such a file, and beside
it the net and its training in Keras's words.
"""

import math
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from shared.data.card import ATTRIBUTES, DataCard
from shared.data.hdf5 import GuardedFile
from shared.errors import InputError
from shared.files import check_writable
from shared.formats.keras_config import config_of, model_of, train_of
from shared.formats.keras_file import configuration, is_archive, opened, pack
from shared.formats.progress import ATTRIBUTE, Progress
from shared.formats.tensors import is_tensors, read_metadata, read_tensors
from shared.records import State
from shared.spec import ModelSpec, TrainSpec

SLACK = 2**20  # bytes by which a piece of an array may be larger than the array


def checked(weights: Sequence[np.ndarray], model: ModelSpec) -> list[np.ndarray]:
    """Copies of ``weights`` in the net's dtype.

    Args:
        weights: arrays in Keras's order: kernel (inputs, units), bias (units,), layer by layer.

    Raises:
        InputError: another count, a shape that differs, or no numbers.
    """
    shapes = model.weight_shapes
    try:
        arrays = [np.asarray(weight) for weight in weights]
        received = ", ".join(f"{array.dtype} {array.shape}" for array in arrays) or "none"
    except (TypeError, ValueError):  # no list, or rows of unequal length
        arrays, received = [], f"{type(weights).__name__} that makes no arrays"
    if [array.shape for array in arrays] != list(shapes.values()) or any(array.dtype.kind not in "uif" for array in arrays):
        raise InputError(
            f"Weights must be numbers of the shapes {', '.join(f'{name} {shape}' for name, shape in shapes.items())}. "
            f"Received: {received}. Give kernel, then bias, layer by layer."
        )
    return [array.astype(model.variable_dtype) for array in arrays]


def checked_state(state: State, model: ModelSpec, like: State) -> State:
    """``state`` with its weights in the net's dtype and the rest in the shapes and dtypes of ``like``.

    What another kind of trainer carries is left out: a step from the other's weights and slots needs none of it.

    Raises:
        InputError: weights that do not fit, or another count or shape of slots or seeds.
    """
    parts = {"slots": state.slots, "seeds": state.seeds}
    given = {name: [np.asarray(value) for value in values] for name, values in parts.items()}
    if any([value.shape for value in values] != [one.shape for one in getattr(like, name)] for name, values in given.items()):
        raise InputError(
            f"A state needs the optimiser's variables, {len(like.slots)}, and the seeds of Dropouts, {len(like.seeds)}. "
            f"Received: {len(state.slots)} and {len(state.seeds)}, or other shapes. "
            "Give what state() of a trainer with the same specs returned."
        )
    right = {
        name: [value.astype(one.dtype) for value, one in zip(values, getattr(like, name), strict=True)]
        for name, values in given.items()
    }
    fits = [np.shape(value) for value in state.carried] == [np.shape(value) for value in like.carried]
    return State(weights=checked(state.weights, model), carried=list(state.carried) if fits else [], **right)


def layer_groups(model: ModelSpec) -> list[str]:
    """Keras's name for the group of each layer: its class and how many of that came before, whatever the layer is called."""
    groups: list[str] = []
    for layer in model.layers:
        kind = re.sub(r"(?<!^)(?=[A-Z])", "_", layer.CLASS_NAME).lower()
        before = sum(group == kind or re.fullmatch(rf"{kind}_\d+", group) is not None for group in groups)
        groups.append(f"{kind}_{before}" if before else kind)
    return [f"layers/{group}/vars" for group in groups]


@dataclass(frozen=True)
class Contents:
    """What a file of weights holds: the state, and what it says of its data and of its training's progress, if anything."""

    state: State
    card: DataCard | None
    progress: Progress | None


def read_contents(path: str | Path, model: ModelSpec, state: State) -> Contents:
    """All that is in a file that either wing or plain Keras wrote: ``.weights.h5``, ``.keras`` or ``.safetensors``.

    Args:
        state: the trainer's now, for the shapes; what the file does not hold is kept.

    Raises:
        InputError: the file cannot be read, or belongs to another net or optimiser.
    """
    if is_tensors(path):
        weights, metadata = read_tensors(path, model)
        _check_kind(ModelSpec.from_json(metadata["lockstep_model"]), model, path)
        return Contents(replace(state, weights=checked(weights, model)), _card(metadata, path), None)
    with opened(path) as file:
        named = set(file.attributes())
        if "lockstep_model" in named:
            _check_kind(ModelSpec.from_json(str(file.attribute("lockstep_model"))), model, path)
        elif is_archive(path):
            _check_kind(_model(configuration(path), path), model, path)
        groups = layer_groups(model)
        weights = [_array(file, f"{group}/{at}", shape) for group, shapes in _shapes(model) for at, shape in enumerate(shapes)]
        if len(file.names("layers")) > len(groups):
            raise InputError(
                f"A weights file must be the net's: {len(groups)} layers. Received: more of them in {str(path)!r}. "
                "Build the trainer with the ModelSpec that the file was written with."
            )
        slots = state.slots
        if file.has("optimizer/vars") and file.names("optimizer/vars"):
            names = file.names("optimizer/vars")
            if len(names) != len(slots):
                raise InputError(
                    f"The optimiser in a weights file must be the trainer's: {len(slots)} variables. Received: {len(names)} in "
                    f"{str(path)!r}. Build the trainer with the TrainSpec that the file was written with."
                )
            slots = [
                _array(file, f"optimizer/vars/{name}", slot.shape, "uif").astype(slot.dtype)
                for name, slot in zip(names, slots, strict=True)
            ]
        texts: dict[str, Any] = {name: file.attribute(name) for name in (*ATTRIBUTES[:2], ATTRIBUTE) if name in named}
    found = replace(state, weights=checked(weights, model), slots=slots)
    progress = Progress.from_json(texts[ATTRIBUTE], len(state.seeds)) if ATTRIBUTE in texts else None
    return Contents(found if progress is None else progress.put_into(found), _card(texts, path), progress)


def _shapes(model: ModelSpec) -> list[tuple[str, list[tuple[int, ...]]]]:
    """The group of each layer, and the shapes of the arrays in it."""
    stack = zip(layer_groups(model), model.stack, strict=True)
    return [(group, list(layer.shapes(inputs).values())) for group, (layer, inputs) in stack]


def _array(file: GuardedFile, name: str, shape: tuple[int, ...], kinds: str = "f") -> np.ndarray:
    return file.array(name, kinds=kinds, shape=shape, max_bytes=8 * math.prod(shape) + SLACK)


def _check_arrays(path: str | Path, model: ModelSpec) -> None:
    """Refuse a file that holds another net than it says: who believed it would make room for any size."""
    if is_tensors(path):
        read_tensors(path, model)
        return
    with opened(path) as file:
        for group, shapes in _shapes(model):
            for at, shape in enumerate(shapes):
                found = file.shape(f"{group}/{at}")
                if found != shape:
                    raise InputError(
                        f"A weights file holds the net that it says. Received: {group}/{at} of shape {found}, not {shape}, in "
                        f"{str(path)!r}. Save the net again."
                    )


def _check_kind(written_for: ModelSpec, model: ModelSpec, path: str | Path) -> None:
    """Equal shapes are not enough: with other activations the same weights are another net."""
    theirs, ours = (_kind(spec) for spec in (written_for, model))
    if theirs != ours:
        raise InputError(
            f"A weights file must be the net's: {ours}. Received: {theirs} in {str(path)!r}. "
            "Build the trainer with the ModelSpec that the file was written with."
        )


def _kind(model: ModelSpec) -> str:
    """What decides how weights are used: columns, kinds of layers, activations, and a batch normalisation's epsilon."""
    parts = [f"{model.inputs} inputs"]
    for layer in model.layers:
        shown = {name: getattr(layer, name) for name in ("units", "activation", "epsilon") if hasattr(layer, name)}
        parts.append(f"{layer.CLASS_NAME}({', '.join(f'{name}={value}' for name, value in shown.items())})")
    return ", ".join(parts)


def read_card(path: str | Path) -> DataCard | None:
    """What a weights file says of its data; None where it says nothing, as plain Keras's files do.

    Raises:
        InputError: the file cannot be read, or says what no ``DataCard`` does.
    """
    return _card(_texts(path), path)


def _card(texts: Mapping[str, Any], path: str | Path) -> DataCard | None:
    if not set(ATTRIBUTES[:2]) <= set(texts):
        return None
    try:
        return DataCard.from_attributes(texts)
    except InputError as error:
        raise InputError(f"{str(path)!r}: {error}") from None


def _texts(path: str | Path) -> dict[str, Any]:
    """What a file says of itself in Lockstep's words."""
    if is_tensors(path):
        return read_metadata(path)
    with opened(path) as file:
        named = file.attributes()
        return {name: file.attribute(name) for name in ("lockstep_model", "lockstep_train", *ATTRIBUTES[:2]) if name in named}


def read_specs(path: str | Path) -> tuple[ModelSpec, TrainSpec, DataCard]:
    """All that it takes to build the trainer whose ``save`` wrote a file, and to name what it predicts.

    Raises:
        InputError: the file cannot be read, or was not written by ``save``, or its net has not one output a class.
    """
    texts = _texts(path)
    card = _card(texts, path)
    if card is None or not {"lockstep_model", "lockstep_train"} <= set(texts):
        raise InputError(
            "A net can be used without its data if its file says what it is. "
            f"Received: {str(path)!r}, which does not. Write it with lockstep train or Trainer.save(path, data)."
        )
    model, train = _specs(texts, path)
    _check_arrays(path, model)
    if model.outputs != len(card.classes):
        raise InputError(
            f"A net that names what it sees has an output for each class. Received: {model.outputs} outputs and "
            f"{len(card.classes)} classes in {str(path)!r}. Save it again with save(path, data)."
        )
    return model, train, card


def specs_in(path: str | Path, train: TrainSpec | None = None) -> tuple[ModelSpec, TrainSpec]:
    """The specs of the net in a file: Lockstep's own words, or else, in a ``.keras`` file of plain Keras, Keras's.

    Args:
        train: takes the place of what the file says of the training.

    Raises:
        InputError: the file cannot be read, does not say what its net is, or says what specs have no words for.
    """
    texts = _texts(path)
    if {"lockstep_model", "lockstep_train"} <= set(texts):
        model, own = _specs(texts, path)
    elif is_archive(path):
        config = configuration(path)
        model, own = _model(config, path), train or _named(train_of, config, path)
    else:
        raise InputError(
            f"A net can be built from a file that says what it is. Received: {str(path)!r}, which holds weights alone. "
            "Build a Trainer with specs, and load the file into it."
        )
    _check_arrays(path, model)
    return model, train or own


def compiled_in(path: str | Path) -> bool | str:
    """Whether XLA compiled the steps of the training that wrote a file; ``"auto"`` where it does not say.

    Raises:
        InputError: the file cannot be read, or what it says of its training is damaged.
    """
    if is_tensors(path):
        return "auto"
    with opened(path) as file:
        text = file.attribute(ATTRIBUTE) if ATTRIBUTE in file.attributes() else None
    if text is not None:
        said = Progress.compiled(text)
    elif is_archive(path):
        compilation = configuration(path).get("compile_config")
        said = compilation.get("jit_compile") if isinstance(compilation, dict) else None
    else:
        said = None
    return said if isinstance(said, bool) else "auto"


def _model(config: Any, path: str | Path) -> ModelSpec:
    return _named(model_of, config, path)


def _named(read: Callable[[Any], Any], config: Any, path: str | Path) -> Any:
    """What ``read`` makes of a configuration; an error names the file."""
    try:
        return read(config)
    except InputError as error:
        raise InputError(f"{str(path)!r}: {error}") from None


def _specs(texts: Mapping[str, Any], path: str | Path) -> tuple[ModelSpec, TrainSpec]:
    try:
        return ModelSpec.from_json(texts["lockstep_model"]), TrainSpec.from_json(texts["lockstep_train"])
    except InputError as error:
        raise InputError(f"{str(path)!r}: {error}") from None


def check_path(path: str | Path) -> Path:
    """Refuse now what ``written`` could not write later.

    Raises:
        InputError: a name that ends neither in ``.weights.h5`` nor in ``.keras``, by which Keras knows what to do, or a path
            that cannot be written to.
    """
    path = Path(path)
    if not path.name.endswith((".weights.h5", ".keras")) or not path.parent.is_dir():
        raise InputError(
            f"A weights file is called NAME.weights.h5 or NAME.keras, in a folder that exists. Received: {str(path)!r}. "
            f"Use {path.name.split('.')[0] + '.weights.h5'!r}, and make the folder."
        )
    check_writable(path)
    return path


@contextmanager
def written(path: str | Path, model: ModelSpec, train: TrainSpec, card: DataCard, progress: Progress) -> Iterator[Path]:
    """A temporary path to write weights to, as ``.weights.h5``; at the end of the block the file is complete at ``path``, in the
    format that its name asks for, or nothing is there.

    Raises:
        InputError: as for ``check_path``.
    """
    path = check_path(path)
    unfinished = path.with_name(f".{os.getpid()}.{path.stem}.weights.h5")
    packed = unfinished.with_suffix(".keras")
    try:
        yield unfinished
        with h5py.File(unfinished, "r+") as file:
            file.attrs.update(descriptions(model, train, card) | {ATTRIBUTE: progress.to_json()})
        if is_archive(path):
            pack(unfinished, config_of(model, train, bool(progress.jit_compile)), packed)
        os.replace(packed if is_archive(path) else unfinished, path)
    finally:
        for left in (unfinished, packed):
            left.unlink(missing_ok=True)


def descriptions(model: ModelSpec, train: TrainSpec, card: DataCard) -> dict[str, str]:
    """What a file says of itself: net, training, classes, data."""
    return {"lockstep_model": model.to_json(), "lockstep_train": train.to_json(), **card.to_attributes()}
