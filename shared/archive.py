"""Weights out of a ``.keras`` file: a zip archive with ``config.json``, the net as Keras describes it, and ``model.weights.h5``.

Nothing that the file says is built or run. Keras itself makes whatever the config names, which can be a ``Lambda`` with code or
any class of any module; here the config is only read as data, and must be a ``Sequential`` of the layers that a ``ModelSpec``
knows. Keras packs nothing, so an entry is as long as it says: a packed one, which could unfold without end, is refused.
"""

import json
import os
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from shared.errors import InputError
from shared.spec import ModelSpec
from shared.spec.layers import LAYERS
from shared.spec.rules import line

CONFIG, WEIGHTS = "config.json", "model.weights.h5"
MAX_CONFIG = 2**20
MAX_BYTES = 8 * 2**30  # of the whole file
MAX_ENTRIES = 1000
BLOCK = 2**20
# what the standard library is seen to raise on damaged archives
_ZIP_ERRORS = (zipfile.BadZipFile, OSError, ValueError, RuntimeError, NotImplementedError, EOFError, OverflowError, MemoryError)
_FIELDS = {  # what decides the arithmetic of a layer, by its class: those that a spec has
    "Dense": ("units", "activation", "use_bias"),
    "Activation": ("activation",),
    "BatchNormalization": ("epsilon", "momentum"),
    "Dropout": ("rate",),
}
_FIXED = {"BatchNormalization": {"axis": (-1, [-1]), "center": (True,), "scale": (True,)}}  # and what a spec cannot say


def is_archive(path: str | os.PathLike[str]) -> bool:
    """Whether a path is called as ``.keras`` files are."""
    return Path(path).suffix == ".keras"


@contextmanager
def unpacked(path: str | os.PathLike[str]) -> Iterator[tuple[Path, ModelSpec]]:
    """The weights file of a ``.keras`` file, in a temporary folder while the block runs, and the net of the config.

    The spec has the layers' sizes and activations; names, initialisers and penalties are not read.

    Raises:
        InputError: a file that is missing, damaged or no such archive; or a net with other layers, code or foreign classes.
    """
    path = Path(path)
    with tempfile.TemporaryDirectory(prefix="lockstep-") as folder:
        inside = Path(folder, WEIGHTS)
        try:
            if not path.is_file():
                raise _error(path, "a folder, a device or nothing")
            if path.stat().st_size > MAX_BYTES:
                raise _error(path, f"more than {MAX_BYTES} bytes")
            with zipfile.ZipFile(path) as archive:
                _check_entries(path, archive)
                with archive.open(CONFIG) as stream:
                    spec = _spec(path, stream.read(MAX_CONFIG + 1))
                with archive.open(WEIGHTS) as stream, inside.open("wb") as target:
                    while block := stream.read(BLOCK):  # checks the sum of the bytes at the end
                        target.write(block)
        except _ZIP_ERRORS as error:
            if isinstance(error, InputError):
                raise
            raise _error(path, f"a damaged one ({line(str(error))[:120] or type(error).__name__})") from None
        yield inside, spec


def _check_entries(path: Path, archive: zipfile.ZipFile) -> None:
    entries = archive.infolist()
    names = [entry.filename for entry in entries]
    if len(entries) > MAX_ENTRIES:
        raise _error(path, f"an archive of {len(entries)} entries")
    for name, most in ((CONFIG, MAX_CONFIG), (WEIGHTS, path.stat().st_size)):
        if names.count(name) != 1:
            raise _error(path, f"an archive with {names.count(name)} entries called {name}")
        entry = archive.getinfo(name)
        if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1:
            raise _error(path, f"{name} packed or encrypted, which Keras never does")
        if entry.file_size > most or entry.file_size != entry.compress_size:
            raise _error(path, f"{name} of {entry.file_size} bytes, of which there may be {most}")


def _spec(path: Path, text: bytes) -> ModelSpec:
    """The net of a config."""
    try:
        net = json.loads(text)
    except (ValueError, RecursionError):
        net = None
    if not _is_of(net, "keras", "Sequential"):
        raise _error(path, "a net that is no keras.Sequential")
    settings = net.get("config")
    layers = settings.get("layers") if isinstance(settings, dict) else None
    if not (isinstance(layers, list) and layers and _is_of(layers[0], "keras.layers", "InputLayer")):
        raise _error(path, "a net whose layers do not begin with an InputLayer")
    shape = _config(layers[0]).get("batch_shape")
    if not (isinstance(shape, list) and len(shape) == 2):
        raise _error(path, f"an input of shape {line(repr(shape))[:60]}, not (batch, columns)")
    try:
        return ModelSpec(inputs=shape[1], layers=tuple(_layer(path, at, one) for at, one in enumerate(layers[1:], start=1)))
    except InputError as error:
        raise error if repr(str(path)) in str(error) else InputError(f"{str(path)!r}: {error}") from None


def _layer(path: Path, at: int, told: Any) -> Any:
    """The spec of a layer; of what a spec has no field for, only Keras's defaults are taken."""
    kind = told.get("class_name") if isinstance(told, dict) else None
    known: dict[str, Any] = {layer.CLASS_NAME: layer for layer in LAYERS}
    if not (isinstance(kind, str) and kind in known and _is_of(told, "keras.layers", kind)):
        raise _error(path, f"layer {at}, a {line(repr(kind))[:60]}: other layers than {', '.join(known)} are never built")
    config = _config(told)
    for name, right in _FIXED.get(kind, {}).items():
        if config.get(name) not in right:
            raise _error(path, f"layer {at}, a {kind} with {name}={line(repr(config.get(name)))[:60]}")
    missing = [name for name in _FIELDS[kind] if name not in config]
    if missing:
        raise _error(path, f"layer {at}, a {kind} without {missing[0]}")
    return known[kind](name=f"L{at}", **{name: config[name] for name in _FIELDS[kind]})


def _is_of(told: Any, module: str, kind: str) -> bool:
    """Whether Keras's own class is meant: a registered name would be somebody else's."""
    return (
        isinstance(told, dict)
        and (told.get("module"), told.get("class_name")) == (module, kind)
        and told.get("registered_name") in (None, kind)
    )


def _config(told: dict[str, Any]) -> dict[str, Any]:
    config = told.get("config")
    return config if isinstance(config, dict) else {}


def _error(path: Path, received: str) -> InputError:
    return InputError(
        f"A .keras file is what keras.Sequential.save wrote. Received: {received}, in {str(path)!r}. "
        "Save a net of Dense, Activation, BatchNormalization and Dropout, or its weights with save_weights."
    )
