"""The command line. Input is read and checked before TensorFlow, which takes seconds to import, is loaded.

Exit status: 0 for the verdict asked for or a better one, 1 for a worse one, 2 for unusable input with one line on standard error.
"""

import argparse
import io
import logging
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

__all__ = ["main"]

VERDICTS = ("identical", "round-off", "alike", "different")  # as in lockstep.verdict, which the help cannot wait for
STOPPED = "lockstep: stopped"


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
    compare = commands.add_parser(
        "compare",
        help="train side by side and compare every step",
        description="Train side by side, on the same weights and batches, and compare every step bit for bit.",
    )
    compare.add_argument("data", metavar="digits|FILE.h5", help="the shipped digits, or a file with train_set_x and train_set_y")
    compare.add_argument("--test", metavar="FILE.h5", help="the test set (default: test_X.h5 beside train_X.h5)")
    compare.add_argument(
        "--sides",
        default="epoch,keras",
        metavar="A,B,...",
        help="two or more of eager, graph, epoch, keras, graph-xla, epoch-xla (or xla), keras-xla; each is compared with "
        "the last (default: epoch,keras)",
    )
    compare.add_argument("--epochs", type=int, default=40, metavar="N", help="default: 40")
    compare.add_argument(
        "--hidden", metavar="N,N", help="units of the hidden layers (default: 25,15 for digits, 25,12 for files)"
    )
    compare.add_argument("--optimizer", default="adam", metavar="NAME", help="adam or sgd (default: adam)")
    compare.add_argument("--learning-rate", type=float, default=1e-3, metavar="RATE", help="default: 0.001")
    compare.add_argument("--momentum", type=float, default=0.0, metavar="M", help="momentum of sgd (default: 0)")
    compare.add_argument("--nesterov", action="store_true", help="Nesterov's form of momentum")
    compare.add_argument("--batch-size", type=int, default=32, metavar="N", help="default: 32")
    compare.add_argument("--dtype", default="float32", metavar="TYPE", help="float32 or float64 (default: float32)")
    compare.add_argument("--seed", type=int, default=1234, metavar="N", help="fixes weights and batches (default: 1234)")
    compare.add_argument(
        "--require",
        default="round-off",
        choices=VERDICTS,
        metavar="VERDICT",
        help="exit with 1 for a worse verdict: identical, round-off, alike or different (default: round-off)",
    )
    compare.add_argument("--html", metavar="FILE", help="write a report page")
    compare.add_argument("--json", metavar="FILE", help="write one JSON document; - is standard output")
    compare.set_defaults(run=_compare)
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


def _compare(given: argparse.Namespace) -> int:
    data = _data(given)
    model, train = _specs(given, data)
    from lockstep.sides import sides_of

    sides = sides_of(given.sides)
    _check_outputs(given)

    with _quiet_import():
        from lockstep.comparison import compare
        from lockstep.environment import environment

        environment()  # loads TensorFlow and Keras
    from lockstep.table import Table

    out = sys.stderr if given.json == "-" else sys.stdout
    with Table(data, model, train, [side.name for side in sides], out) as table:
        report = compare(model, train, data, sides=sides, progress=table.progress, notice=table.notice)
    print(report, file=out)
    for path in (given.html, given.json):
        if path == "-":
            sys.stdout.write(report.to_json())
        elif path is not None:
            report.save(path)
            print(f"written: {path}", file=out)
    return 0 if report.meets(given.require) else 1


def _data(given: argparse.Namespace) -> Any:
    from shared.data import load_digits, load_file
    from shared.errors import InputError

    if given.data == "digits":
        if given.test is not None:
            raise InputError("The digits have a test set. Received: --test. Leave it out, or name a FILE.h5.")
        return load_digits()
    return load_file(given.data, test=given.test)


def _specs(given: argparse.Namespace, data: Any) -> tuple[Any, Any]:
    import math

    from shared.errors import InputError
    from shared.spec import ModelSpec, TrainSpec

    hidden = given.hidden
    if hidden is None:
        hidden = "25,15" if given.data == "digits" else "25,12"
    try:
        units = [int(count) for count in hidden.split(",")]
    except ValueError:
        raise InputError(f"--hidden is a list of whole numbers. Received: {hidden!r}. Use --hidden 25,15.") from None
    model = ModelSpec.mlp(math.prod(data.x_train.shape[1:]), *units, len(data.classes), dtype=given.dtype)
    train = TrainSpec(
        optimizer=given.optimizer,
        learning_rate=given.learning_rate,
        momentum=given.momentum,
        nesterov=given.nesterov,
        epochs=given.epochs,
        batch_size=given.batch_size,
        seed=given.seed,
    )
    return model, train


@contextmanager
def _quiet_import() -> Iterator[None]:
    """Keep back what TensorFlow writes to standard error while it is imported, unless the import fails.

    TensorFlow 2.21 writes some lines before it reads TF_CPP_MIN_LOG_LEVEL, so the stream itself is turned aside.
    Ctrl-C ends the process at once: inside the import KeyboardInterrupt would come out as some other error.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # this process is ours
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    sys.stderr.flush()
    kept = os.dup(2)

    def stop(*_: object) -> NoReturn:
        os.write(kept, f"{STOPPED}\n".encode())
        os._exit(130)

    usual = signal.default_int_handler  # where Ctrl-C is ignored or somebody else's matter, it stays so
    ours = signal.getsignal(signal.SIGINT) is usual and threading.current_thread() is threading.main_thread()
    if ours:
        signal.signal(signal.SIGINT, stop)
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            yield
        except Exception:
            aside.seek(0)
            os.write(kept, aside.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            if ours:
                signal.signal(signal.SIGINT, usual)
            os.close(kept)


def _check_outputs(given: argparse.Namespace) -> None:
    """Refuse now what could not be written after the training."""
    from shared.errors import InputError
    from shared.files import check_writable

    for option, path, suffix in (("--html", given.html, ".html"), ("--json", given.json, ".json")):
        if path is None or (path == "-" and option == "--json"):
            continue
        if Path(path).suffix.lower() != suffix:
            raise InputError(f"{option} names a {suffix} file. Received: {path!r}. Use report{suffix}.")
        check_writable(path)
