"""``lockstep audit FILE.py``: where, by how much and why a person's own training loop parts from Keras."""

import argparse
import os
import runpy
import sys
import traceback
from pathlib import Path
from typing import Any

from lockstep.commands.compare import add_require
from lockstep.commands.terminal import check_outputs, quiet_import

NEEDED = ("model", "x", "y")
STEP_OPTIONS = ("batch_size", "steps", "shuffle", "seed", "initial", "state", "transpose", "make")
RUN_OPTIONS = ("batch_size", "epochs", "state", "transpose")


def add(commands: Any) -> None:
    """Describe the command's arguments."""
    audit = commands.add_parser(
        "audit",
        help="find the first divergence between a training loop of one's own and Keras, and its cause",
        description="Run FILE.py, then the training loop that it defines, and compare every step with model.fit. The file "
        "defines step(x, y), variables, model (compiled), x and y; or run(weights, x, y) in place of step and variables. It "
        "may also define batch_size, steps, epochs, shuffle, initial, state, transpose and make, as lockstep.audit takes them.",
    )
    audit.add_argument("file", metavar="FILE.py", help="the file; it is executed")
    audit.add_argument("--steps", type=int, metavar="N", help="steps that are compared (default: the file's, or 20)")
    audit.add_argument("--batch-size", type=int, metavar="N", help="rows a step (default: the file's, or 32)")
    add_require(audit)
    audit.add_argument("--json", metavar="FILE", help="write one JSON document; - is standard output")
    audit.add_argument("--html", metavar="FILE", help="write the finding as one page")
    audit.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Exit status: 0 for the verdict asked for or a better one, 1 for a worse one."""
    from shared.errors import InputError

    path = Path(given.file)
    if not path.is_file():
        raise InputError(f"FILE.py is a Python file. Received: {given.file!r}, which is no file. Give its path.")
    check_outputs(given)
    with quiet_import():
        from lockstep.auditing import audit, audit_run
        from lockstep.environment import environment

        environment()  # loads TensorFlow and Keras
    defined = _defined(path)
    looped = "run" in defined and "step" not in defined
    missing = [name for name in (*(() if looped else ("step", "variables")), *NEEDED) if name not in defined]
    if missing:
        raise InputError(
            "The file defines step, variables, model, x and y, or run, model, x and y. "
            f"Received: no {' and no '.join(missing)} in {given.file!r}. Define them at the top level of the file."
        )
    wanted = {"steps": given.steps, "batch_size": given.batch_size}
    options = {name: defined[name] for name in (RUN_OPTIONS if looped else STEP_OPTIONS) if name in defined}
    options |= {name: value for name, value in wanted.items() if value is not None}
    if looped and given.steps is not None:
        raise InputError("--steps goes with step. Received: a file that defines run. Define epochs in the file.")
    if looped:
        finding = audit_run(defined["run"], *(defined[name] for name in NEEDED), **options)
    else:
        finding = audit(defined["step"], defined["variables"], *(defined[name] for name in NEEDED), **options)
    out = sys.stderr if given.json == "-" else sys.stdout
    print(finding, file=out)
    if given.json == "-":
        sys.stdout.write(finding.to_json())
    for path in (given.html, given.json):
        if path not in (None, "-"):
            finding.save(path, title=Path(given.file).name)
            print(f"written: {path}", file=out)
    return 0 if finding.meets(given.require) else 1


def _defined(path: Path) -> dict[str, Any]:
    """What the file leaves at its top level. It sees its own folder first, as when Python runs it."""
    from shared.errors import InputError

    sys.path.insert(0, os.fspath(path.resolve().parent))
    try:
        return runpy.run_path(os.fspath(path), run_name="__lockstep__")
    except (Exception, SystemExit) as error:
        own = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).name == path.name]
        line = own[-1].lineno if own else getattr(error, "lineno", None)
        where = f"{path}, line {line}" if line else f"{path}"
        text = " ".join(str(error).split())[:300]
        raise InputError(
            f"The file must run by itself. Received: {where}: {type(error).__name__}: {text}. Try `python {path}`."
        ) from None
