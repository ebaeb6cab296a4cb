"""Lists of weights and files of weights: checked against a spec before they reach a net.

The file format is Keras's own ``.weights.h5``: ``layers/dense/vars/0`` is the first kernel and ``layers/dense/vars/1`` its
bias, then ``layers/dense_1/...``, ``layers/batch_normalization/...``; the optimiser's variables stand in ``optimizer/vars/0``,
``1``, ... Root attributes say what the net is. How often a Dropout has been called is not in the file, as in Keras's own.
"""

import math
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from shared.archive import is_archive, unpacked
from shared.data.card import ATTRIBUTES, DataCard
from shared.data.hdf5 import GuardedFile, guarded
from shared.errors import InputError
from shared.files import check_writable
from shared.records import State
from shared.spec import ModelSpec, TrainSpec

SLACK = 2**20  # bytes by which a piece of an array may be larger than the array
SUMS = 4  # of what a state carries: loss, count, metric, count of the epoch under way


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


@contextmanager
def weights_file(path: str | Path, model: ModelSpec) -> Iterator[Path]:
    """The file itself, or the weights file within a ``.keras`` file, for as long as the block runs.

    Raises:
        InputError: a ``.keras`` file that cannot be read, or of another net.
    """
    if not is_archive(path):
        yield Path(path)
        return
    with unpacked(path) as (inside, spec):
        _check_kind(spec, model, path)
        try:
            yield inside
        except InputError as error:  # the temporary name means nothing to anybody
            raise InputError(str(error).replace(repr(str(inside)), repr(str(path)))) from None


def read_state(path: str | Path, model: ModelSpec, state: State) -> State:
    """Weights and optimiser variables of a file that either wing or plain Keras wrote.

    Args:
        state: the trainer's now, for the shapes; what the file does not hold is kept.

    Raises:
        InputError: the file cannot be read, or belongs to another net or optimiser.
    """
    with guarded(path) as file:
        if "lockstep_model" in file.attributes():
            _check_kind(ModelSpec.from_json(str(file.attribute("lockstep_model"))), model, path)
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
    return State(weights=checked(weights, model), slots=slots, seeds=state.seeds, carried=state.carried)


def _shapes(model: ModelSpec) -> list[tuple[str, list[tuple[int, ...]]]]:
    """The group of each layer, and the shapes of the arrays in it."""
    stack = zip(layer_groups(model), model.stack, strict=True)
    return [(group, list(layer.shapes(inputs).values())) for group, (layer, inputs) in stack]


def _array(file: GuardedFile, name: str, shape: tuple[int, ...], kinds: str = "f") -> np.ndarray:
    return file.array(name, kinds=kinds, shape=shape, max_bytes=8 * math.prod(shape) + SLACK)


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
    with guarded(path) as file:
        if not set(ATTRIBUTES[:2]) <= set(file.attributes()):
            return None
        texts = {name: file.attribute(name) for name in ATTRIBUTES[:2]}
    try:
        return DataCard.from_attributes(texts)
    except InputError as error:
        raise InputError(f"{str(path)!r}: {error}") from None


def read_specs(path: str | Path) -> tuple[ModelSpec, TrainSpec, DataCard]:
    """All that it takes to build the trainer whose ``save`` wrote a file, and to name what it predicts.

    Raises:
        InputError: the file cannot be read, or was not written by ``save``, or its net has not one output a class.
    """
    card = read_card(path)
    with guarded(path) as file:
        if card is None or not {"lockstep_model", "lockstep_train"} <= set(file.attributes()):
            raise InputError(
                "A net can be used without its data if its file says what it is. "
                f"Received: {str(path)!r}, which does not. Write it with lockstep train or Trainer.save(path, data)."
            )
        texts = [str(file.attribute(name)) for name in ("lockstep_model", "lockstep_train")]
    try:
        model, train = ModelSpec.from_json(texts[0]), TrainSpec.from_json(texts[1])
    except InputError as error:
        raise InputError(f"{str(path)!r}: {error}") from None
    _check_arrays(path, model)
    if model.outputs != len(card.classes):
        raise InputError(
            f"A net that names what it sees has an output for each class. Received: {model.outputs} outputs and "
            f"{len(card.classes)} classes in {str(path)!r}. Save it again with save(path, data)."
        )
    return model, train, card


def _check_arrays(path: str | Path, model: ModelSpec) -> None:
    """Refuse a file that holds another net than it says: who believed it would make room for any size."""
    with guarded(path) as file:
        for group, shapes in _shapes(model):
            for at, shape in enumerate(shapes):
                found = file.shape(f"{group}/{at}")
                if found != shape:
                    raise InputError(
                        f"A weights file holds the net that it says. Received: {group}/{at} of shape {found}, not {shape}, in "
                        f"{str(path)!r}. Save the net again."
                    )


def check_path(path: str | Path) -> Path:
    """Refuse now what ``written`` could not write later.

    Raises:
        InputError: a name without ``.weights.h5``, which Keras asks for, or a path that cannot be written to.
    """
    path = Path(path)
    if not path.name.endswith(".weights.h5") or not path.parent.is_dir():
        raise InputError(
            f"A weights file is called NAME.weights.h5, in a folder that exists. Received: {str(path)!r}. "
            f"Use {path.name.split('.')[0] + '.weights.h5'!r}, and make the folder."
        )
    check_writable(path)
    return path


@contextmanager
def written(path: str | Path, model: ModelSpec, train: TrainSpec, card: DataCard) -> Iterator[Path]:
    """A temporary path to write a weights file to; at the end of the block it is complete at ``path``, or nothing is there.

    Raises:
        InputError: as for ``check_path``.
    """
    path = check_path(path)
    unfinished = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        yield unfinished
        with h5py.File(unfinished, "r+") as file:
            file.attrs["lockstep_model"] = model.to_json()
            file.attrs["lockstep_train"] = train.to_json()
            file.attrs.update(card.to_attributes())
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
