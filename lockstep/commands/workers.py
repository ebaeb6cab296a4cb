"""``lockstep compare --workers N``: both wings with several processes each."""

import argparse
import sys
from typing import Any


def compare_workers(given: argparse.Namespace, data: Any, model: Any, train: Any) -> int:
    """Exit status: as that of ``lockstep compare``.

    Raises:
        InputError: an option that has no meaning here, or what workers cannot train.
    """
    from lockstep.commands.compare import SIDES
    from lockstep.commands.terminal import check_outputs
    from lockstep.table import heading
    from lockstep.workers.comparison import check, compare
    from shared.checkpoints import Checkpoints
    from shared.checkpoints.folder import checkpoints_of
    from shared.errors import InputError
    from shared.feed import feed
    from shared.files import write_whole

    asked = {"--sides": given.sides != SIDES, "--every": given.every != "epoch"}
    asked |= {f"--{name}": getattr(given, name) is not None for name in ("html", "pictures", "tensorboard")}
    refused = ", ".join(option for option, there in asked.items() if there)
    if refused:
        raise InputError(f"With --workers both wings are compared after every epoch. Received: {refused}. Leave it out.")
    check(model, train, feed(data, model, train), given.workers)
    check_outputs(given)
    kept = checkpoints_of(None if given.checkpoint is None else Checkpoints(given.checkpoint), given.resume)
    if kept is not None:
        kept.check(given.resume)
    out = sys.stderr if given.json == "-" else sys.stdout
    for line in (*heading(data, model, train), ""):
        print(line, file=out, flush=True)

    def progress(job: Any, epochs: int) -> None:
        if not epochs:
            print(f"training: {job.name}", file=out, flush=True)

    report = compare(model, train, data, given.workers, progress=progress, checkpoint=given.checkpoint, resume=given.resume)
    print(report, file=out)
    if given.json == "-":
        sys.stdout.write(report.to_json())
    elif given.json is not None:
        write_whole(given.json, report.to_json())
        print(f"written: {given.json}", file=out)
    return 0 if report.meets(given.require) else 1
