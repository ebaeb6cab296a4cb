"""Writes a data set as the two files of the course's layout, ``train_….h5`` and ``test_….h5``, whole or not at all.

Each file says in its root attribute ``provenance`` where its pictures come from, so that drawn hands can never be taken
for photographs.  Equal data sets give equal bytes.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np

from shared.data.dataset import Dataset
from shared.data.files import provenance
from shared.data.hdf5 import guarded
from shared.errors import InputError
from shared.files import write_together

STEMS = {"signs": "signs", "cats": "catvnoncat"}  # as the course calls them
# how each provenance begins
DRAWN, PICTURES = "synthetic", "pictures"


def paths_of(name: str, folder: str | os.PathLike[str]) -> tuple[Path, Path]:
    """The training and the test file of "signs" or "cats" in ``folder``."""
    return Path(folder) / f"train_{STEMS[name]}.h5", Path(folder) / f"test_{STEMS[name]}.h5"


def check_replaceable(name: str, folder: str | os.PathLike[str], sorts: Sequence[str]) -> None:
    """Refuse to write over files that are somebody's own: only a ``provenance`` that begins with one of ``sorts`` may go.

    Raises InputError for such a file, for a ``folder`` that is a file, and for one that cannot be written to.
    """
    folder = Path(folder)
    there = folder
    while not os.path.lexists(there) and there != there.parent:
        there = there.parent
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise InputError(f"--out names a folder that can be written to. Received: {str(folder)!r}. Choose another.")
    for path in paths_of(name, folder):
        if not os.path.lexists(path):
            continue
        try:
            with guarded(path) as file:
                said = provenance(file)
        except InputError:
            said = ""
        if not said.startswith(tuple(sorts)):
            found = f"which holds {said}" if said else "which it has not made"
            raise InputError(
                f"Only data that Lockstep can make again is written over. Received: {str(path)!r}, {found}. "
                "Move the file, or choose another folder with --out."
            )


def write_layout(data: Dataset, folder: str | os.PathLike[str]) -> tuple[Path, Path]:
    """Write ``data``, whose name is "signs" or "cats" and which has a test set, into ``folder``, made if it is not there.

    Labels are stored as int64 (n,), the classes as texts, or as whole numbers where they are called "0", "1" and so on;
    ``data.source`` becomes the provenance.  Returns the paths of the training and of the test file.

    Raises InputError where the files cannot be written; then nothing is left behind.
    """
    train, test = paths_of(data.name, folder)
    assert data.x_test is not None
    assert data.y_test is not None
    contents = {
        train: _content("train", data.x_train, data.y_train, data),
        test: _content("test", data.x_test, data.y_test, data),
    }
    try:
        train.parent.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        why = getattr(error, "strerror", None) or error
        raise InputError(
            f"A folder must be one that can be made. Received: {str(train.parent)!r} ({why}). Choose another."
        ) from None
    write_together(contents)
    return train, test


def _content(part: str, x: np.ndarray, y: np.ndarray, data: Dataset) -> bytes:
    """The bytes of one file, made in memory."""
    numbered = data.classes == tuple(str(label) for label in range(len(data.classes)))
    classes = np.arange(len(data.classes)) if numbered else np.array([name.encode() for name in data.classes])
    arrays = {f"{part}_set_x": x, f"{part}_set_y": y.reshape(-1), "list_classes": classes}
    with h5py.File(f"{part}.h5", "w", driver="core", backing_store=False, libver=("earliest", "v108")) as file:
        for name, values in arrays.items():
            file.create_dataset(name, data=values, track_times=False)
        # fixed length, as text of variable length would go into a heap with bytes of its own
        file.attrs["provenance"] = np.bytes_(data.source.encode())
        file.flush()
        return file.id.get_file_image()
