"""Makes a data set of the course's layout from a folder of pictures, one subfolder for each class."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from shared.data.chance import Chance
from shared.data.dataset import Dataset
from shared.data.layout import PICTURES
from shared.data.pictures import read_picture
from shared.errors import InputError

SIDE = 64  # as in the course
TEST_SHARE = 0.1
NOBODYS = {"__MACOSX", "Thumbs.db", "desktop.ini"}  # what other systems leave in folders; so are names with a dot first


def build(
    name: str,
    images: str | os.PathLike[str],
    *,
    seed: int = 0,
    progress: Callable[[list[Path]], Iterable[Path]] = iter,
) -> Dataset:
    """The pictures in the subfolders of ``images``, cut square, resized to 64x64 and split into training and test set.

    A subfolder is a class; labels follow the names, numbers in counting order.  For "cats" there are two, of which "cat" gets
    label 1.  A tenth of each class, at least one picture, goes into the test set; ``seed`` decides which, and the order.
    Hidden files are passed over.  ``progress`` is handed the pictures' paths and gives them back one by one.

    Raises InputError for a folder, a picture or a number of classes that cannot be used.
    """
    folders = _folders(name, Path(images))
    files = [_pictures(folder) for folder in folders]
    paths = [path for each in files for path in each]
    chance = Chance(seed, part=2)
    train, test = [], []
    for rows in np.split(np.arange(len(paths)), np.cumsum([len(each) for each in files])[:-1]):
        rows = chance.shuffled(rows)
        held_out = max(1, round(TEST_SHARE * len(rows)))
        test.append(rows[:held_out])
        train.append(rows[held_out:])
    chosen = [chance.shuffled(np.concatenate(part)) for part in (train, test)]
    labels = np.repeat(np.arange(len(files)), [len(each) for each in files])
    pictures = np.empty((len(paths), SIDE, SIDE, 3), np.uint8)
    for row, path in enumerate(progress(paths)):
        pictures[row] = read_picture(path, SIDE)
    return Dataset(
        x_train=pictures[chosen[0]],
        y_train=labels[chosen[0]],
        x_test=pictures[chosen[1]],
        y_test=labels[chosen[1]],
        classes=tuple(folder.name for folder in folders),
        source=f"{PICTURES} from a folder, cut square and resized to {SIDE}x{SIDE}, split with seed {seed}",
        name=name,
        image_shape=(SIDE, SIDE, 3),
    )


def _folders(name: str, images: Path) -> list[Path]:
    """The folders of the classes in the order of their labels."""
    entries = _entries(images, "--images")
    for entry in entries:
        if not entry.is_dir():
            raise InputError(
                f"Pictures lie in one subfolder for each class. Received: {str(entry)!r} beside the subfolders. "
                "Move it into one, or away."
            )
        try:
            entry.name.encode()
        except UnicodeEncodeError:
            raise InputError(f"Classes have names in UTF-8. Received: the folder {str(entry)!r}. Rename it.") from None
    names = [entry.name for entry in entries]
    if name == "cats":
        if len(entries) != 2 or "cat" not in names:
            raise InputError(
                f"Cats are built from two subfolders, one of them called cat. Received: {names!r:.200} in {str(images)!r}. "
                "Rename the folders to cat and non-cat."
            )
        return sorted(entries, key=lambda entry: entry.name == "cat")
    if len(entries) < 2:
        raise InputError(
            f"At least two classes are needed, a subfolder each. Received: {names!r:.200} in {str(images)!r}. "
            "Sort the pictures into subfolders."
        )
    return entries


def _pictures(folder: Path) -> list[Path]:
    """What lies in the folder of a class, which has to be two pictures at least."""
    entries = _entries(folder, "A class")
    for entry in entries:
        if entry.is_dir():
            raise InputError(
                f"The folder of a class holds pictures only. Received: a folder, {str(entry)!r}. Move its pictures up."
            )
    if len(entries) < 2:
        raise InputError(
            "A class needs two pictures at least, one to train with and one to test. Received: "
            f"{len(entries)} in {str(folder)!r}. Add more, or remove the folder."
        )
    return entries


def _entries(folder: Path, what: str) -> list[Path]:
    """What lies in ``folder`` and is not hidden, by name, numbers in counting order."""
    try:
        names = os.listdir(folder)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise InputError(f"{what} is a folder that can be read. Received: {str(folder)!r} ({why}). Check the path.") from None
    shown = [name for name in names if not name.startswith(".") and name not in NOBODYS]
    return [folder / name for name in sorted(shown, key=_counting_order)]


def _counting_order(name: str) -> tuple[bool, int, str]:
    number = name.isascii() and name.isdecimal() and len(name) < 16
    return not number, int(name) if number else 0, name
