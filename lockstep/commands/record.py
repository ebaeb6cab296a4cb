"""``lockstep record``: train, and write every step to a file against which a later installation is checked."""

import argparse
import os
import sys
from typing import Any

from lockstep.commands.compare import add_training, specs_of
from lockstep.commands.terminal import data_of, lean_import


def add(commands: Any) -> None:
    """Describe the command's arguments."""
    record = commands.add_parser(
        "record",
        help="write a training to a golden trace",
        description="Train each side on the same weights and batches and write what it did, step by step, to one file, with the "
        "settings of this installation. lockstep check says whether another installation still does the same.",
    )
    record.add_argument("data", metavar="digits|signs|cats|FILE.h5", help="a data set by name, or a file of the course's layout")
    record.add_argument("--out", required=True, metavar="TRACE.h5", help="where to write the trace")
    record.add_argument("--test", metavar="FILE.h5", help="the test set (default: test_X.h5 beside train_X.h5)")
    record.add_argument(
        "--sides", default="epoch,keras", metavar="A,B,...", help="one or more, as in lockstep compare (default: epoch,keras)"
    )
    record.add_argument(
        "--every",
        type=int,
        metavar="N",
        help="keep the values of every N-th step too (default: a few steps spread over the training; digests of all are kept)",
    )
    add_training(record)
    record.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Exit status: 0."""
    data = data_of(given)
    model, train = specs_of(given, data)
    from lockstep.traces.file import check_path
    from lockstep.traces.layout import Layout
    from lockstep.traces.recording import names_of

    # what `record` would refuse later is refused before TensorFlow is waited for
    check_path(given.out)
    names = names_of(given.sides, model, train)
    layout = Layout.of(model, train, len(data.x_train), 0 if data.x_test is None else len(data.x_test))
    layout.kept_steps(given.every, 8, len(names))

    with lean_import():
        from lockstep.environment import environment

        environment()  # loads TensorFlow and Keras
    from lockstep.commands.progress import Progress
    from lockstep.table import heading
    from lockstep.traces import record

    for line in (*heading(data, model, train), f"sides: {', '.join(names)}", ""):
        print(line, flush=True)
    with Progress(model, train, len(data.x_train), sys.stdout) as progress:
        trace = record(model, train, data, given.out, sides=names, every=given.every, progress=progress)
    if len(names) > 1:
        count = len(trace.recordings)
        left = "the same bits, which are written once" if count == 1 else f"bits of {count} kinds, which are all written"
        print(f"{', '.join(names)} left {left}")
    print(f"values of {len(trace.kept):,} of {trace.layout.steps:,} steps, digests of all")
    print(f"written: {given.out}, {os.path.getsize(given.out):,} bytes")
    return 0
