"""Reads any HDF5 file of the course's layout: hand signs, cats, or a person's own pictures.

The layout is a pair of arrays ``train_set_x`` and ``train_set_y`` (or ``test_set_x`` and ``test_set_y``), and
perhaps ``list_classes``.  Training and test set usually lie in two files that stand side by side,
``train_….h5`` and ``test_….h5``; then naming the first one is enough.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from shared.data.dataset import Dataset, as_labels
from shared.data.hdf5 import GuardedFile, guarded
from shared.errors import InputError

MAX_CLASSES = 10_000  # a stray huge label must not make as many class names

_Pair = tuple[Any, np.ndarray]


def load_file(path: str | os.PathLike[str], test: str | os.PathLike[str] | None = None) -> Dataset:
    """The data set in the file ``path``, with the test set from ``test``.

    Without ``test`` the test set is the second pair of arrays of ``path`` itself, or else, for a file called
    ``train_….h5``, the file ``test_….h5`` beside it, or else none.  The rows keep the shape and dtype in which
    they are stored, such as (1080, 64, 64, 3) uint8; labels are int64 (n,), stored as (n,), (n, 1) or (1, n).
    Classes are named by ``list_classes``, or else "0", "1", and so on up to the highest label.  Where a file says in its
    root attribute ``provenance`` what it is, as those that Lockstep makes do, ``source`` says it too.

    Raises InputError, in one line that names the file, for a file that is missing, damaged, no HDF5, or not of
    this layout; for labels out of range; NaN or infinity; lengths or row shapes that do not match.
    """
    return _load(path, test, stream=False)


def stream_file(path: str | os.PathLike[str], test: str | os.PathLike[str] | None = None) -> Dataset:
    """As ``load_file``, but ``x_train`` stays in the file, which may be larger than memory: a ``StreamedArray``.

    Labels and the test set are read.  Training takes the rows from the file a block of batches at a time, in the order of the
    batch plan, and gives the same bits as from memory.  The rows must be stored one after the other, without chunks or
    compression, as h5py writes them unless it is told otherwise.  Floats are read once here, to see that all are finite.

    Raises InputError as ``load_file``, and for rows that are stored in another way.
    """
    return _load(path, test, stream=True)


def _load(path: str | os.PathLike[str], test: str | os.PathLike[str] | None, stream: bool) -> Dataset:
    path, first, second, classes, said = _read(path, "train", stream)
    files, sources = [path], [said]
    if test is None and second is None:
        test = _companion(path)
    if test is not None:
        test, second, _, test_classes, said = _read(test, "test")
        files.append(test)
        sources.append(said)
        if classes is not None and test_classes is not None and classes != test_classes:
            raise InputError(
                "Training and test file must have the same list_classes. "
                f"Received: {_some(classes)} in {str(path)!r}, {_some(test_classes)} in {str(test)!r}. "
                "Name a test file that belongs to the training file."
            )
        classes = classes or test_classes
    where = " and ".join(repr(str(file)) for file in files)
    if classes is None:
        highest = max(int(pair[1].max(initial=0)) for pair in (first, second) if pair is not None)
        classes = tuple(str(label) for label in range(highest + 1))
    try:
        return Dataset(
            x_train=first[0],
            y_train=first[1],
            x_test=None if second is None else second[0],
            y_test=None if second is None else second[1],
            classes=classes,
            source=_source(files, sources),
            name=path.stem.removeprefix("train_").removeprefix("test_") or path.stem,
            image_shape=_image_shape(first[0]),
        )
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def provenance(file: GuardedFile) -> str:
    """What the root attribute ``provenance`` says, in one line of at most 200 letters; "" where there is no such text."""
    with suppress(InputError):  # a file of somebody else's may use the name for anything
        if "provenance" in file.attributes() and isinstance(text := file.attribute("provenance"), str):
            return " ".join(text.split())[:200]
    return ""


def _source(files: list[Path], sources: list[str]) -> str:
    """The names of the files, after what they say of themselves."""
    names = [file.name for file in files]
    if len(set(sources)) > 1:  # not made together: each speaks for itself
        return " and ".join(f"{said} ({name})" if said else name for name, said in zip(names, sources, strict=True))
    return f"{sources[0]} ({' and '.join(names)})" if sources[0] else " and ".join(names)


def _read(
    path: str | os.PathLike[str], prefer: str, stream: bool = False
) -> tuple[Path, _Pair, _Pair | None, tuple[str, ...] | None, str]:
    """The path, the pair of arrays that comes first (``prefer`` "train" or "test"), the other one, classes, provenance.

    ``stream`` leaves the rows of the pair that comes first in the file.
    """
    with guarded(path) as file:
        other = "test" if prefer == "train" else "train"
        classes = _classes(file)
        found: list[_Pair] = []
        for part in (prefer, other):
            pair = _pair(file, part, len(classes or ()) or MAX_CLASSES, stream and not found)
            found += [] if pair is None else [pair]
        if not found:
            raise InputError(
                "A data file has the arrays train_set_x and train_set_y, or test_set_x and test_set_y. "
                f"Received: {_some(file.names()) or 'no names'} in {str(file.path)!r}. Rename the arrays."
            )
        return file.path, found[0], found[1] if len(found) == 2 else None, classes, provenance(file)


def _pair(file: GuardedFile, part: str, classes: int, stream: bool) -> _Pair | None:
    """``train_set_x`` as stored and ``train_set_y`` as int64 (n,), or None where the file has neither."""
    x_name, y_name = f"{part}_set_x", f"{part}_set_y"
    if not file.has(x_name) and not file.has(y_name):
        return None
    # where only one of the two is there, reading the other raises the error that lists what is there
    y = file.array(y_name)
    if y.ndim == 2 and y.shape[0] == 1:
        y = y.T  # the cats' labels are commonly kept as one row
    if y.dtype.kind in "if" and y.size and y.min() < 0:
        raise InputError(
            f"{str(file.path)!r}, {y_name}: Labels count from 0. Received: {y.min()} at row {int(y.argmin())}. "
            "Number the classes from 0."
        )
    try:
        labels = as_labels(y, classes)
    except InputError as error:
        raise InputError(f"{str(file.path)!r}, {y_name}: {error}") from None
    return file.streamed(x_name) if stream else file.array(x_name), labels


def _classes(file: GuardedFile) -> tuple[str, ...] | None:
    """The names in ``list_classes``, which holds texts or whole numbers; None where the file has none."""
    if not file.has("list_classes"):
        return None
    if file.kind("list_classes") == "S":
        names = file.strings("list_classes", max_count=MAX_CLASSES)
    else:
        numbers = file.array("list_classes", kinds="ui", max_bytes=8 * MAX_CLASSES)
        names = tuple(str(number) for number in numbers.reshape(-1).tolist())
    if not names:
        raise InputError(
            f"list_classes must name every class. Received: no names in {str(file.path)!r}. Name them, or leave it out."
        )
    return names


def _companion(path: Path) -> Path | None:
    """The ``test_….h5`` that lies beside a ``train_….h5``, or None."""
    if not path.name.startswith("train_"):
        return None
    beside = path.with_name("test_" + path.name.removeprefix("train_"))
    return beside if beside.exists() else None


def _image_shape(x: Any) -> tuple[int, ...] | None:
    """(height, width) or (height, width, channels) where rows look like pictures, else None."""
    if x.ndim == 3 or (x.ndim == 4 and x.shape[3] in (1, 3, 4)):
        return x.shape[1:]
    return None


def _some(names: tuple[str, ...]) -> str:
    """At most eight names, for a message of one line."""
    shown = ", ".join(repr(name)[:60] for name in names[:8])
    return shown + (f" and {len(names) - 8} more" if len(names) > 8 else "")
