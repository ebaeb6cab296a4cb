"""What a net can be exported to, told by the name of the file, and what can be refused before anything is computed."""

import logging
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from shared.errors import InputError
from shared.files import check_writable
from shared.formats import onnx_graph, tensors
from shared.spec import ModelSpec

TARGETS = {".onnx": "ONNX", ".tflite": "LiteRT", ".safetensors": "safetensors", "": "SavedModel"}
# The types that a format's usual runtime has on a CPU for all operations of a net.
_DTYPES = {"ONNX": ("float32", "float64"), "LiteRT": ("float32",)}


def target_of(path: str | Path, model: ModelSpec) -> str:
    """The format that a path asks for: a value of ``TARGETS``.

    Raises:
        InputError: a name of another kind, a path that cannot be written to, a package that is missing, or a net that the format
            has no types for.
    """
    path = Path(path)
    target = TARGETS.get(path.suffix)
    if target is None or path.name.endswith(".weights.h5"):
        raise InputError(
            "A net is exported to NET.onnx, NET.tflite, NET.safetensors or, as a SavedModel, to a folder. "
            f"Received: {str(path)!r}. Use one of these names, or save for .weights.h5 and .keras."
        )
    if model.dtype not in _DTYPES.get(target, (model.dtype,)):
        raise InputError(
            f"{target} files are written of nets in {' or '.join(_DTYPES[target])}. Received: dtype={model.dtype!r}. "
            "Use a SavedModel or safetensors."
        )
    if target == "ONNX":
        onnx_graph.library()
    elif target == "safetensors":
        tensors.library()
    if target == "SavedModel" and (os.path.lexists(path) and not (path.is_dir() and not any(path.iterdir()))):
        raise InputError(f"A SavedModel is a new folder. Received: {str(path)!r}, which is there. Choose another name.")
    check_writable(path.with_name(f"{path.name}.new") if target == "SavedModel" else path)
    return target


def content(target: str, model: ModelSpec, weights: Sequence[np.ndarray], texts: Mapping[str, str]) -> bytes:
    """The file in one of the formats that need nothing of a framework: ``"ONNX"`` or ``"safetensors"``."""
    return onnx_graph.graph(model, weights) if target == "ONNX" else tensors.tensors(weights, model, texts)


@contextmanager
def aside(path: str | Path) -> Iterator[Path]:
    """A temporary path, of the same ending, for a file or folder; at the end of the block it gets its name, or nothing is left.

    Raises:
        InputError: the name cannot be given.
    """
    path = Path(path)
    unfinished = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        yield unfinished
        os.replace(unfinished, path)
    except OSError as error:
        raise InputError(f"The path must be writable. Received: {str(path)!r} ({error.strerror}). Choose another.") from None
    finally:
        if unfinished.is_dir():
            shutil.rmtree(unfinished)
        unfinished.unlink(missing_ok=True)


@contextmanager
def loggers_kept() -> Iterator[None]:
    """Take back what TensorFlow does to Python's loggers when it writes a SavedModel: a handler at the root, a level for absl."""
    before = [(logger, logger.level, list(logger.handlers)) for logger in (logging.getLogger(), logging.getLogger("absl"))]
    try:
        yield
    finally:
        for logger, level, handlers in before:
            logger.setLevel(level)
            logger.handlers[:] = handlers
