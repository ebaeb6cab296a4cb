"""``lockstep traps``: the catalogue of mistakes; lists all with their measured effect, or shows one."""

import argparse
import json
import sys
import textwrap
from typing import Any

from lockstep.commands.terminal import check_outputs, quiet_import

WIDTH = 100  # columns of the terminal
COLUMNS = (28, 14)  # of the name and of the source; the effect has the rest
SCHEMA = 1


def add(commands: Any) -> None:
    """Describe the command's arguments."""
    traps = commands.add_parser(
        "traps",
        help="the catalogue of mistakes, each with its measured effect",
        description="Run the mistakes of the catalogue and list their effects, or show one: both halves, effect, remedy.",
    )
    traps.add_argument("name", nargs="?", metavar="NAME", help="show this one (default: list all, two minutes)")
    traps.add_argument("--json", metavar="FILE", help="write one JSON document; - is standard output")
    traps.set_defaults(run=run, html=None)  # no page: check_outputs is that of all commands


def run(given: argparse.Namespace) -> int:
    """Exit status: 0; an unknown name is unusable input."""
    from lockstep.traps import NAMES, check, trap

    if given.name is not None:
        check(given.name)
    check_outputs(given)

    with quiet_import():
        from lockstep.environment import environment

        environment()  # loads TensorFlow and Keras
    out = sys.stderr if given.json == "-" else sys.stdout
    if given.name is None:
        print(_cells("trap", "source") + "measured", file=out)
    found = []
    for name in NAMES if given.name is None else (given.name,):
        one = trap(name)
        effect = one.measure()
        print(_row(one, effect) if given.name is None else _page(one, effect), file=out, flush=True)
        found.append(_plain(one, effect))
    if given.json is not None:
        from shared.files import write_whole

        document = json.dumps({"schema": SCHEMA, "traps": found}, indent=2, allow_nan=False) + "\n"
        if given.json == "-":
            sys.stdout.write(document)
        else:
            write_whole(given.json, document)
            print(f"written: {given.json}", file=out)
    return 0


def _cells(*cells: str) -> str:
    return "".join(cell.ljust(width) for cell, width in zip(cells, COLUMNS, strict=True))


def _row(one: Any, effect: Any) -> str:
    """A row of the table; an effect that is longer than its column goes on under itself."""
    return textwrap.fill(effect.text, WIDTH, initial_indent=_cells(one.name, one.source), subsequent_indent=_cells("", ""))


def _page(one: Any, effect: Any) -> str:
    """All about one trap."""
    about = [one.source, one.kind]
    about += [f"cause {one.cause}"] if one.cause else []
    about += [f"first stage that differs: {one.stage}"] if one.stage else []
    about += [f"met: {one.met}"]
    parts = [f"{one.name}: {one.title}", "; ".join(about), *one.mistake.split("\n\n")]
    wrapped = [textwrap.fill(part, WIDTH, break_long_words=False) for part in parts]
    wrapped += [f"{half}:\n{textwrap.indent(source, '    ')}" for half, source in one.halves.items()]
    for mark, text in (("measured", effect.text), ("instead", one.remedy), ("seen", one.seen)):
        wrapped.append(textwrap.fill(f"{mark}: {text}", WIDTH))
    return "\n\n".join(wrapped)


def _plain(one: Any, effect: Any) -> dict[str, Any]:
    """A trap as plain values; the keys are the attributes of ``lockstep.traps.Trap``."""
    names = ("name", "title", "source", "met", "kind", "cause", "replaces", "stage", "mistake", "remedy", "seen")
    plain = {name: getattr(one, name) for name in names}
    return plain | one.halves | {"effect": {"text": effect.text, "numbers": dict(effect.numbers)}}
