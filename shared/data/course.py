"""The hand signs and the cats of the course, which are not shipped: from a folder, or from the user's cache.

What lies there is the course's own files, photographs of a person's own (``lockstep data build``), or a drawn stand-in
(``lockstep data make``); ``Dataset.source`` says which.
"""

import os
from dataclasses import replace
from pathlib import Path

from shared.cache import cache_folder
from shared.data.dataset import Dataset
from shared.data.files import load_file
from shared.data.layout import paths_of
from shared.errors import InputError


def load_signs(folder: str | os.PathLike[str] | None = None) -> Dataset:
    """Hands that show 0 to 5: x_train uint8 (1080, 64, 64, 3), y_train int64 (1080,), x_test (120, 64, 64, 3), y_test (120,).

    Read from ``train_signs.h5`` and ``test_signs.h5`` in ``folder``, or else in the user's cache.  Other sizes and numbers
    of pictures are read as well.  Raises InputError, which names two remedies, where a file is missing, and as ``load_file``.
    """
    return load_course("signs", folder)


def load_cats(folder: str | os.PathLike[str] | None = None) -> Dataset:
    """Cats (label 1) and other pictures (0): x_train uint8 (209, 64, 64, 3), y_train int64 (209,), x_test (50, 64, 64, 3).

    Read from ``train_catvnoncat.h5`` and ``test_catvnoncat.h5`` in ``folder``, or else in the user's cache.  Other sizes and
    numbers are read as well.  Raises InputError, which names two remedies, where a file is missing, and as ``load_file``.
    """
    return load_course("cats", folder)


def load_course(name: str, folder: str | os.PathLike[str] | None = None) -> Dataset:
    """``load_signs`` or ``load_cats`` by its ``name``, "signs" or "cats"."""
    if folder is not None and not isinstance(folder, str | os.PathLike):
        raise InputError(f"A folder is named by its path. Received: {folder!r:.80}. Give a string or a pathlib.Path.")
    train, test = paths_of(name, data_folder() if folder is None else folder)
    for path in (train, test):
        if not os.path.exists(path):
            raise InputError(
                f"The {name} do not ship with Lockstep: they are read from {train.name} and {test.name}. Received: no "
                f"{path.name} in {str(path.parent)!r}. Draw a synthetic set with: lockstep data make {name}; or give the "
                f"folder of your own files: load_{name}(folder)."
            )
    return replace(load_file(train, test=test), name=name)


def data_folder() -> Path:
    """The folder in the user's cache where ``lockstep data make`` and ``lockstep data build`` leave their files."""
    return cache_folder() / "data"
