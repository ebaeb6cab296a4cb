"""``lockstep data``: look at a data set, draw a stand-in for one of the course's, or build one from a folder of pictures."""

import argparse
import sys
from typing import Any

from lockstep.commands.terminal import data_of, quiet_import

COURSE = ("signs", "cats")


def add(commands: Any) -> None:
    """Describe the command's arguments."""
    data = commands.add_parser(
        "data",
        help="look at data, draw hand signs or cats, build a set from pictures",
        description="Look at a data set, draw a stand-in for one of the course's, or build one from a folder of pictures.",
    )
    actions = data.add_subparsers(metavar="ACTION", required=True)

    info = actions.add_parser("info", help="what a data set holds", description="Say what a data set holds.")
    info.add_argument("data", metavar="digits|signs|cats|FILE.h5", help="a data set by name, or a file of the course's layout")
    info.add_argument("--test", metavar="FILE.h5", help="the test set (default: test_X.h5 beside train_X.h5)")
    info.set_defaults(run=_info)

    make = actions.add_parser(
        "make",
        help="draw a synthetic set",
        description="Draw a synthetic set of the size of the course's: hands that show 0 to 5, or cats and other things.",
    )
    make.add_argument("name", choices=COURSE, help="what to draw")
    make.add_argument("--check", action="store_true", help="also train a linear model and a net on it, and print both accuracies")
    make.set_defaults(run=_make)

    build = actions.add_parser(
        "build",
        help="build a set from a folder of pictures",
        description="Build a set from a folder with one subfolder of pictures for each class. The largest square in the middle "
        "of each picture is resized to 64x64; a tenth of each class becomes the test set.",
    )
    build.add_argument("name", choices=COURSE, help="what the pictures show; cats have the two classes cat and another")
    build.add_argument("--images", required=True, metavar="FOLDER", help="the folder that holds the subfolders")
    build.set_defaults(run=_build)
    for action in (make, build):
        action.add_argument("--out", metavar="DIR", help="where to write the two files (default: the user's cache)")
        action.add_argument("--seed", type=int, default=0, metavar="N", help="default: 0")


def _info(given: argparse.Namespace) -> int:
    data = data_of(given, draw=False)
    tests = data.x_test is not None
    print(f"{data.name}: {data.source}")
    for part, x, y in (("training", data.x_train, data.y_train), ("test", data.x_test, data.y_test)):
        if x is not None:
            print(f"{part + ':':10}x {x.shape} {x.dtype} from {x.min():.6g} to {x.max():.6g}, y {y.shape} {y.dtype}")
    x, y = data.x_train, data.y_train
    print(f"element:  (x {x.shape[1:]} {x.dtype}, y {y.shape[1:]} {y.dtype})")
    print(f"labels:   {', '.join(str(label) for label in sorted(set(y.ravel().tolist())))}")
    print(f"{'class':>7}  {'training':>8}" + (f"  {'test':>6}" if tests else "") + "  name")
    for label, name in enumerate(data.classes):
        counts = f"{(y == label).sum():8}" + (f"  {(data.y_test == label).sum():6}" if tests else "")
        print(f"{label:7}  {counts}  {' '.join(name.split())}")
    return 0


def _make(given: argparse.Namespace) -> int:
    from shared.data.layout import DRAWN
    from shared.data.synthetic import MAKERS

    def make() -> Any:
        return MAKERS[given.name](given.seed)

    data = _written(given, make, (DRAWN,))
    if given.check:
        with quiet_import():
            from lockstep.hardness import measure
        for trained, (training, test) in measure(data).items():
            print(f"{trained}: {training:.1%} of training, {test:.1%} of test pictures right")
    return 0


def _build(given: argparse.Namespace) -> int:
    from tqdm import tqdm

    from shared.data.build import build
    from shared.data.layout import DRAWN, PICTURES

    def progress(paths: list) -> Any:
        return tqdm(paths, unit="picture", disable=not sys.stderr.isatty(), leave=False)

    def make() -> Any:
        return build(given.name, given.images, seed=given.seed, progress=progress)

    _written(given, make, (DRAWN, PICTURES))
    return 0


def _written(given: argparse.Namespace, make: Any, replaceable: tuple[str, ...]) -> Any:
    """The data set that ``make`` gives, once it is written to ``--out``; refused beforehand where it could not be."""
    from shared.data.course import data_folder
    from shared.data.layout import check_replaceable, write_layout

    folder = data_folder() if given.out is None else given.out
    check_replaceable(given.name, folder, replaceable)
    data = make()
    for path, x in zip(write_layout(data, folder), (data.x_train, data.x_test), strict=True):
        print(f"written: {path}, {len(x):,} pictures")
    print(f"source:  {data.source}")
    return data
