"""The command line. Input is read and checked before TensorFlow, which takes seconds to import, is loaded.

Exit status: 0 for the verdict asked for or a better one, 1 for a worse one, 2 for unusable input with one line on standard error.
"""

import argparse
import io
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from lockstep.commands import audit, check, compare, data, doctor, predict, record, search, serve, train, traps
from lockstep.commands.terminal import STOPPED

__all__ = ["main"]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        # one line, even where an argument holds line breaks
        self.exit(2, " ".join(f"{self.prog}: {message}. See {self.prog} --help.".split()) + "\n")


def parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    top = _Parser(
        prog="lockstep", description="Train the same network in raw TensorFlow and in Keras, and prove that the two are equal."
    )
    top.add_argument("--version", action="store_true", help="print the version and stop")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    for command in (compare, audit, train, predict, serve, search, record, check, data, traps, doctor):
        command.add(commands)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status."""
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        print(STOPPED, file=sys.stderr)
        return 130


def _run(arguments: Sequence[str] | None) -> int:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # the name of a file may hold what the terminal cannot show
            stream.reconfigure(errors="backslashreplace")
    top = parser()
    given = top.parse_args(arguments)
    if given.version:
        from lockstep.environment import versions

        print(f"lockstep {versions()['keras-lockstep']}")
        return 0
    if given.command is None:
        top.error("a command is needed, such as: lockstep compare digits")
    from shared.errors import InputError

    try:
        return given.run(given)
    except InputError as error:
        print(f"lockstep: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of our output has gone, as in `lockstep ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if not isinstance(error, MemoryError) and type(error).__name__ != "ResourceExhaustedError":  # TensorFlow's own
            raise
        print("lockstep: The net and its data must fit into memory. Received: more. Use fewer units.", file=sys.stderr)
        return 2
