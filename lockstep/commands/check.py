"""``lockstep check``: does this installation still reproduce a golden trace?"""

import argparse
import sys
from typing import Any

from lockstep.commands.compare import add_require
from lockstep.commands.terminal import check_outputs, data_of, lean_import


def add(commands: Any) -> None:
    """Describe the command's arguments."""
    check = commands.add_parser(
        "check",
        help="check this installation against a golden trace",
        description="Train again what lockstep record wrote, from the same weights and in the same order, and compare every step "
        "with the trace. Says where they part, and what differs between the installation of the recording and this one.",
    )
    check.add_argument("trace", metavar="TRACE.h5", help="a file that lockstep record wrote")
    check.add_argument(
        "--data", metavar="FILE.h5", help="the data, if they were a file (digits, signs and cats are found by name)"
    )
    check.add_argument("--test", metavar="FILE.h5", help="the test set (default: test_X.h5 beside train_X.h5)")
    add_require(check)
    check.add_argument("--html", metavar="FILE", help="write a report page")
    check.add_argument("--json", metavar="FILE", help="write one JSON document; - is standard output")
    check.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Exit status: 0 for the verdict asked for or a better one, 1 for a worse one."""
    from lockstep.traces import read
    from lockstep.traces.checking import LOADERS, given_for

    trace = read(given.trace)
    check_outputs(given)
    if given.data is None and trace.data.name in LOADERS:
        given.data = trace.data.name
    # refuses other data before TensorFlow is waited for
    _, data = given_for(trace, None if given.data is None else data_of(given))

    with lean_import():
        from lockstep.environment import environment

        environment()  # loads TensorFlow and Keras
    from lockstep.commands.progress import Progress
    from lockstep.table import heading
    from lockstep.traces import check

    out = sys.stderr if given.json == "-" else sys.stdout
    for line in (*heading(data, trace.model, trace.train), f"sides: {', '.join(trace.sides)}, each against its recording", ""):
        print(line, file=out, flush=True)
    with Progress(trace.model, trace.train, len(data.x_train), out) as progress:
        report = check(trace, data, progress=progress, notice=progress.notice)
    print(report, file=out)
    for path in (given.html, given.json):
        if path == "-":
            sys.stdout.write(report.to_json())
        elif path is not None:
            report.save(path)
            print(f"written: {path}", file=out)
    return 0 if report.meets(given.require) else 1
