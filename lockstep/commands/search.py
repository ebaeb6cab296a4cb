"""``lockstep search``: train a net for each of many random draws of the hyperparameters, and rank them."""

import argparse
import logging
import sys
import warnings
from typing import Any

from lockstep.commands.terminal import check_outputs, data_of, quiet_import

LONGEST = 2**20  # characters of a --space file


def add(commands: Any) -> None:
    """Describe the command's arguments."""
    search = commands.add_parser(
        "search",
        help="draw hyperparameters at random and rank them",
        description="Train a net for each of many random draws of the hyperparameters, and rank them. The score is the accuracy "
        "on a fifth of the training rows, held out at random, the same share of every class. The test set is not looked at.",
    )
    search.add_argument("data", metavar="digits|signs|cats|FILE.h5", help="a data set by name, or a file with train_set_x and _y")
    search.add_argument(
        "--wing", default="low", metavar="low|high", help="which wing trains; the scores are equal (default: low)"
    )
    search.add_argument("--points", type=int, default=20, metavar="N", help="how many draws (default: 20)")
    search.add_argument("--fine", action="store_true", help="then draw as many again close around the best quarter")
    search.add_argument("--workers", type=int, default=1, metavar="N", help="processes that train at a time (default: 1)")
    search.add_argument(
        "--scheduler", metavar="tcp://HOST:PORT", help="a Dask scheduler whose workers train, on any machines (extra: search)"
    )
    search.add_argument("--epochs", type=int, default=5, metavar="N", help="epochs of each net (default: 5)")
    search.add_argument("--seed", type=int, default=0, metavar="N", help="fixes draws, weights and batches (default: 0)")
    search.add_argument("--space", metavar="FILE.json", help="what is drawn, and from which ranges (default: the course's)")
    search.add_argument("--json", metavar="FILE", help="write one JSON document; - is standard output")
    search.add_argument("--picture", metavar="FILE.png", help="draw the points, learning rate against score (needs matplotlib)")
    search.set_defaults(run=run, test=None)


def run(given: argparse.Namespace) -> int:
    """Exit status: 0."""
    data = data_of(given)
    check_outputs(given)
    from lockstep.tuning.picture import need_matplotlib
    from lockstep.tuning.result import heading, line
    from lockstep.tuning.run import Search
    from lockstep.tuning.worker import trainer_of

    if given.picture is not None:
        need_matplotlib()
    names = ("points", "fine", "wing", "workers", "scheduler", "epochs", "seed")
    search = Search(_space(given.space), data, **{name: getattr(given, name) for name in names})
    if search.scheduler is not None:
        for name in ("distributed", "distributed.client", "asyncio"):  # Dask leaves futures unread where it gives up
            logging.getLogger(name).setLevel(logging.CRITICAL)  # of what goes wrong they write pages; we a line
    from tqdm import tqdm

    out = sys.stderr if given.json == "-" else sys.stdout

    def write(text: str) -> None:
        tqdm.write(text, file=out)
        out.flush()

    split = search.split
    write(f"data:   {split.source}")
    write(f"        {len(split.x):,} rows for training, {len(split.x_held):,} held out for the score")
    write(f"space:  {_indented(search.space)}")
    total = search.points * (2 if search.fine else 1)
    works = "1 worker" if search.workers == 1 else f"{search.workers} workers"
    works += f" of {search.scheduler}" if search.scheduler else ""
    write(f"search: {total} points, {search.epochs} epochs each, {search.wing}-level wing, {works}, seed {search.seed}\n")
    write(heading(search.space))
    if search.workers == 1 and search.scheduler is None:
        with quiet_import():
            trainer_of(search.wing)
    bar = tqdm(total=total, unit="point", disable=not sys.stderr.isatty(), leave=False)
    with bar, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # joblib's, that a search which was stopped has results left over

        def progress(point: Any) -> None:
            write(line(point, search.space))
            bar.update()

        result = search.run(progress, refined=lambda space: write(f"\ncloser: {_indented(space)}\n\n{heading(search.space)}"))
    write(f"\n{result}")
    for path in (given.json, given.picture):
        if path == "-":
            sys.stdout.write(result.to_json())
        elif path is not None:
            result.save(path)
            print(f"written: {path}", file=out)
    return 0


def _indented(space: Any) -> str:
    return str(space).replace("\n", "\n        ")


def _space(path: str | None) -> Any:
    """The space of a file, or the course's."""
    from lockstep.tuning.space import COURSE, Space
    from shared.errors import InputError

    if path is None:
        return COURSE
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read(LONGEST)
    except (OSError, ValueError) as error:  # ValueError: no UTF-8, or a null byte in the name
        why = getattr(error, "strerror", None) or "not UTF-8"
        raise InputError(f"--space names a JSON file. Received: {path!r:.200} ({why}). Write it with Space.to_json().") from None
    return Space.from_json(text)
