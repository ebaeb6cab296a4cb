"""``lockstep doctor``: the settings of this installation on which bits depend, and what each of them changes here."""

import argparse
import json
import sys
from typing import Any

from lockstep.commands.terminal import check_outputs, quiet_import


def add(commands: Any) -> None:
    """Describe the command's arguments."""
    doctor = commands.add_parser(
        "doctor",
        help="say which settings change the bits here",
        description="Print the settings on which the bits of a training depend, then train the digits in processes that differ "
        "in one setting each: whether the weights differ, and how long an epoch takes as a ratio. The exit status is 1 if the "
        "same training, run twice, does not end in the same bits.",
    )
    doctor.add_argument("--json", metavar="FILE", help="write one JSON document; - is standard output")
    doctor.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Exit status: 0 where the same training repeats itself, else 1."""
    check_outputs(given)
    out = sys.stderr if given.json == "-" else sys.stdout
    with quiet_import():
        from lockstep.environment import environment

        here = environment()  # loads TensorFlow and Keras
    from lockstep.doctor import HEADING, diagnose
    from lockstep.report.report import finite
    from shared.files import write_whole

    for name, value in here.items():
        print(f"{name + ':':<18} {_told(value)}", file=out)
    print(f"\nwhat a setting changes here (each in a process of its own)\n{HEADING}", file=out, flush=True)
    found = diagnose(here, lambda change: print(change, file=out, flush=True))
    said = "ended in the same bits" if found.repeats else "ended in OTHER bits: nothing can be compared bit by bit here"
    print(f"\nThe same training, run twice, {said}.", file=out)
    if given.json is not None:
        text = json.dumps(finite(found.to_dict()), indent=2, allow_nan=False) + "\n"
        if given.json == "-":
            sys.stdout.write(text)
        else:
            write_whole(given.json, text)
            print(f"written: {given.json}", file=out)
    return 0 if found.repeats else 1


def _told(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {one}" for name, one in value.items())
    return " ".join(map(str, value)) if isinstance(value, list) else str(value) or "none"
