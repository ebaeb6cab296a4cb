"""safetensors: the weights under plain names (``L1/kernel``), and the specs as metadata. A file that holds nothing to run.

Source: https://github.com/huggingface/safetensors, format: the length of a JSON header in 8 bytes, the header, the numbers.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from shared.errors import InputError
from shared.extras import needed
from shared.spec import ModelSpec
from shared.spec.rules import line

MAX_HEADER = 2**20  # bytes; a tensor takes about 100, and the specs a few thousand


def is_tensors(path: str | Path) -> bool:
    """Whether a file's name says that it is one."""
    return str(path).endswith(".safetensors")


def library() -> Any:
    """The package safetensors, with its part for NumPy.

    Raises:
        InputError: it is not installed.
    """
    with needed("safetensors", "export", "A .safetensors file"):
        import safetensors.numpy
    return safetensors


def tensors(weights: Sequence[np.ndarray], model: ModelSpec, texts: Mapping[str, str]) -> bytes:
    """The content of a file: weights in Keras's order, and what is said of them.

    Raises:
        InputError: the package safetensors is not installed.
    """
    arrays = dict(zip(model.weight_shapes, map(np.ascontiguousarray, weights), strict=True))
    return library().numpy.save(arrays, metadata=dict(texts))


def read_metadata(path: str | Path) -> dict[str, str]:
    """What a file says of itself.

    Raises:
        InputError: the file cannot be read, or the package safetensors is not installed.
    """
    with _opened(path) as file:
        return file.metadata() or {}


def read_tensors(path: str | Path, model: ModelSpec) -> tuple[list[np.ndarray], dict[str, str]]:
    """The weights of a net in Keras's order, and what the file says of itself.

    Raises:
        InputError: as for ``read_metadata``, or other tensors than the net's, or no spec.
    """
    with _opened(path) as file:
        texts = file.metadata() or {}
        names = set(file.keys())
        if names != set(model.weight_shapes) or "lockstep_model" not in texts:
            held = ", ".join(repr(name)[:60] for name in sorted(names)[:8]) or "nothing"
            raise InputError(
                f"A .safetensors file holds {', '.join(model.weight_shapes)}, and the spec as metadata. "
                f"Received: {held} in {str(path)!r}. Write it with Trainer.export."
            )
        for name, shape in model.weight_shapes.items():
            found = tuple(file.get_slice(name).get_shape())
            if found != shape:
                raise InputError(
                    f"A weights file holds the net that it says. Received: {name} of shape {found}, not {shape}, in "
                    f"{str(path)!r}. Export the net again."
                )
        return [file.get_tensor(name) for name in model.weight_shapes], texts


@contextmanager
def _opened(path: str | Path) -> Iterator[Any]:
    """A file whose header is of bounded length, opened by the library, which checks the rest of it."""
    safetensors = library()
    # the last three: for types that NumPy has not
    failures = (safetensors.SafetensorError, OSError, TypeError, AttributeError, KeyError)

    def refuse(why: str) -> InputError:
        return InputError(f"A .safetensors file must be readable. Received: {str(path)!r} ({why}). Export the net again.")

    try:
        if not Path(path).is_file():
            raise refuse("no such file")
        with open(path, "rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
        if length > MAX_HEADER:
            raise refuse(f"a header of {length} bytes, where {MAX_HEADER} are enough")
        with safetensors.safe_open(path, framework="np") as file:
            yield file
    except failures as error:
        raise refuse(line(str(error).partition(" for tensor")[0])[:100]) from None  # one of many, and not always the same
