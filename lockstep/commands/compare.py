"""``lockstep compare``: train side by side, on the same weights and batches, and compare every step bit for bit."""

import argparse
import sys
from typing import Any

from lockstep.commands.terminal import check_outputs, data_of, quiet_import

VERDICTS = ("identical", "round-off", "alike", "different")  # as in lockstep.verdict, which the help cannot wait for


def add(commands: Any) -> None:
    """Describe the command's arguments."""
    compare = commands.add_parser(
        "compare",
        help="train side by side and compare every step",
        description="Train side by side, on the same weights and batches, and compare every step bit for bit.",
    )
    compare.add_argument(
        "data",
        metavar="digits|signs|cats|FILE.h5",
        help="the shipped digits; signs or cats, drawn at first use (see lockstep data); a file with train_set_x and train_set_y",
    )
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
        "--hidden", metavar="N,N", help="units of the hidden layers (default: 25,15 for digits, 20,7,5 for cats, else 25,12)"
    )
    compare.add_argument("--optimizer", default="adam", metavar="NAME", help="adam or sgd (default: adam)")
    compare.add_argument("--learning-rate", type=float, metavar="RATE", help="default: 0.001; 0.0001 for signs and cats")
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
    compare.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Exit status: 0 for the verdict asked for or a better one, 1 for a worse one."""
    data = data_of(given)
    model, train = _specs(given, data)
    from lockstep.sides import sides_of

    sides = sides_of(given.sides)
    check_outputs(given)

    with quiet_import():
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


def _specs(given: argparse.Namespace, data: Any) -> tuple[Any, Any]:
    import math

    from lockstep.defaults import FILE_HIDDEN, FILE_LEARNING_RATE, HIDDEN, LEARNING_RATE
    from shared.errors import InputError
    from shared.spec import ModelSpec, TrainSpec

    units = HIDDEN.get(given.data, FILE_HIDDEN)
    if given.hidden is not None:
        try:
            units = tuple(int(count) for count in given.hidden.split(","))
        except ValueError:
            raise InputError(f"--hidden is a list of whole numbers. Received: {given.hidden!r}. Use --hidden 25,15.") from None
    model = ModelSpec.mlp(math.prod(data.x_train.shape[1:]), *units, len(data.classes), dtype=given.dtype)
    train = TrainSpec(
        optimizer=given.optimizer,
        learning_rate=LEARNING_RATE.get(given.data, FILE_LEARNING_RATE) if given.learning_rate is None else given.learning_rate,
        momentum=given.momentum,
        nesterov=given.nesterov,
        epochs=given.epochs,
        batch_size=given.batch_size,
        seed=given.seed,
    )
    return model, train
