"""``lockstep compare``: train side by side, on the same weights and batches, and compare every step bit for bit."""

import argparse
import shlex
import sys
from contextlib import nullcontext
from typing import Any

from lockstep.commands.checkpoints import add_checkpoints, checkpoints_for
from lockstep.commands.terminal import check_outputs, data_of, lean_import

VERDICTS = ("identical", "round-off", "alike", "different")  # as in lockstep.verdict, which the help cannot wait for

SIDES = "epoch,keras"


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
        default=SIDES,
        metavar="A,B,...",
        help="two or more of numpy, tf1, tf2, tf2-graph, eager, graph, epoch, keras, graph-xla, epoch-xla (or xla), keras-xla; "
        "each is compared with the last (default: epoch,keras)",
    )
    add_training(compare)
    add_require(compare)
    add_checkpoints(compare, "with it, Ctrl-C leaves one too")
    compare.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="train with N processes of this machine in each wing, as machines of a cluster would, and compare the wings with "
        "each other and with one process after every epoch",
    )
    compare.add_argument("--html", metavar="FILE", help="write a report page")
    compare.add_argument("--json", metavar="FILE", help="write one JSON document; - is standard output")
    compare.add_argument(
        "--pictures", metavar="FOLDER", help="draw the losses, and what each side gets wrong on the test set (needs matplotlib)"
    )
    compare.add_argument("--tensorboard", metavar="FOLDER", help="write the curves for TensorBoard, a run for each side")
    compare.set_defaults(run=run)


def add_require(command: Any) -> None:
    """Describe the argument that says which verdict is asked for."""
    command.add_argument(
        "--require",
        default="round-off",
        choices=VERDICTS,
        metavar="VERDICT",
        help="exit with 1 for a worse verdict: identical, round-off, alike or different (default: round-off)",
    )


def add_training(command: Any) -> None:
    """Describe the arguments that say what is trained, and how; ``specs_of`` reads them."""
    command.add_argument("--epochs", type=int, default=40, metavar="N", help="default: 40")
    command.add_argument(
        "--hidden", metavar="N,N", help="units of the hidden layers (default: 25,15 for digits, 20,7,5 for cats, else 25,12)"
    )
    command.add_argument(
        "--optimizer", default="adam", metavar="NAME", help="sgd, adam, adamw, rmsprop, adagrad, lion or nadam (default: adam)"
    )
    command.add_argument("--learning-rate", type=float, metavar="RATE", help="default: 0.001; 0.0001 for signs and cats")
    command.add_argument("--momentum", type=float, default=0.0, metavar="M", help="momentum of sgd or rmsprop (default: 0)")
    command.add_argument("--nesterov", action="store_true", help="Nesterov's form of momentum")
    command.add_argument("--batch-size", type=int, default=32, metavar="N", help="default: 32")
    command.add_argument(
        "--dtype", default="float32", metavar="TYPE", help="float32, float64, mixed_bfloat16 or mixed_float16 (default: float32)"
    )
    command.add_argument("--seed", type=int, default=1234, metavar="N", help="fixes weights and batches (default: 1234)")


def run(given: argparse.Namespace) -> int:
    """Exit status: 0 for the verdict asked for or a better one, 1 for a worse one."""
    data = data_of(given)
    model, train = specs_of(given, data)
    if given.workers is not None:
        from lockstep.commands.workers import compare_workers

        return compare_workers(given, data, model, train)
    from lockstep.sides import sides_of

    sides = sides_of(given.sides)
    for side in sides:
        side.check(model, train)
    check_outputs(given)
    from lockstep import pictures, tensorboard
    from lockstep.stand import identity_of
    from shared.batches import plan_of
    from shared.feed import feed
    from shared.records import EpochRecord

    if given.pictures is not None:
        pictures.check(given.pictures)
    names = [side.name for side in sides]
    if given.tensorboard is not None:
        tensorboard.check(given.tensorboard, names)
    checkpoints = None
    if given.checkpoint is not None or given.resume or given.every != "epoch":
        rows = feed(data, model, train)
        plan = plan_of(None, len(rows.x), train.batch_size, train.seed, train.shuffle)
        checkpoints = checkpoints_for(given, identity_of(model, train, rows, plan, names), train.epochs)

    with lean_import():
        from lockstep.comparison import compare
        from lockstep.environment import environment

        environment()  # loads TensorFlow and Keras
    from lockstep.table import Table

    out = sys.stderr if given.json == "-" else sys.stdout
    ends: dict[str, Any] = {}  # side -> its logits on the test set at the end of the last epoch
    board = nullcontext() if given.tensorboard is None else tensorboard.Board(given.tensorboard, names)
    with Table(data, model, train, names, out) as table, board as runs:

        def progress(moment: Any, tallies: Any) -> None:
            if runs is not None:
                runs.see(moment)
            if isinstance(moment[-1], EpochRecord) and data.x_test is not None:
                ends.update({name: record.predictions for name, record in zip(names, moment, strict=True)})
            table.progress(moment, tallies)

        kept = {"checkpoint": checkpoints, "resume": given.resume}
        report = compare(model, train, data, sides=sides, progress=progress, notice=table.notice, **kept)
    print(report, file=out)
    if given.pictures is not None:
        for path in pictures.draw(given.pictures, data, report.histories, ends):
            print(f"written: {path}", file=out)
    if given.tensorboard is not None:
        print(f"written: {given.tensorboard}, to be seen with: tensorboard --logdir {shlex.quote(given.tensorboard)}", file=out)
    for path in (given.html, given.json):
        if path == "-":
            sys.stdout.write(report.to_json())
        elif path is not None:
            report.save(path)
            print(f"written: {path}", file=out)
    return 0 if report.meets(given.require) else 1


def specs_of(given: argparse.Namespace, data: Any) -> tuple[Any, Any]:
    """The ``ModelSpec`` and ``TrainSpec`` that the arguments of ``add_training`` ask for on ``data``.

    Raises:
        InputError: a value against its rule.
    """
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
