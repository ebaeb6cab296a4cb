"""``lockstep train``: train a net in one wing and write it to a file that both wings and plain Keras load."""

import argparse
import math
import sys
from importlib import import_module
from typing import Any, TextIO

from lockstep.commands.checkpoints import add_checkpoints, checkpoints_for
from lockstep.commands.compare import add_training, specs_of
from lockstep.commands.terminal import data_of, lean_import


def add(commands: Any) -> None:
    """Describe the command's arguments."""
    train = commands.add_parser(
        "train",
        help="train a net in one wing and save it",
        description="Train a net in one wing and write it to a file that both wings and plain Keras load. The file says what the "
        "net is, what its classes are called and how a picture becomes a row, so that lockstep predict needs nothing else.",
    )
    train.add_argument("data", metavar="digits|signs|cats|FILE.h5", help="a data set by name, or a file of the course's layout")
    train.add_argument(
        "--wing", required=True, choices=("low", "high"), metavar="low|high", help="raw TensorFlow, or Keras's fit"
    )
    train.add_argument("--out", required=True, metavar="NET.weights.h5|NET.keras", help="where to write the net")
    train.add_argument("--test", metavar="FILE.h5", help="the test set (default: test_X.h5 beside train_X.h5)")
    train.add_argument(
        "--stream", action="store_true", help="leave the training rows in FILE.h5, which may be larger than memory; the same bits"
    )
    add_training(train)
    add_checkpoints(train, "without it Ctrl-C leaves one in NET.checkpoints, where --resume finds it")
    train.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Exit status: 0."""
    data = data_of(given)
    model, train = specs_of(given, data)
    from shared.batches import plan_of
    from shared.checkpoints.identity import identity
    from shared.feed import feed
    from shared.settings import compiles
    from shared.weights import check_path

    check_path(given.out)
    rows = feed(data, model, train)
    plan = plan_of(None, len(rows.x), train.batch_size, train.seed, train.shuffle)
    arithmetic = "xla" if compiles(model) else "graph"
    checkpoints = checkpoints_for(given, identity("training", model, train, rows, plan, arithmetic=arithmetic), train.epochs)
    with lean_import():
        wing: Any = import_module({"low": "lowlevel", "high": "highlevel"}[given.wing])  # the low one leaves Keras unloaded
        import tensorflow as tf

        tf.config.list_logical_devices()  # TensorFlow starts here, where it is quiet
    from lockstep.report import Outcome
    from lockstep.table import heading

    trainer = wing.Trainer(model, train)
    for line in (*heading(data, model, train), f"wing:  {given.wing}", ""):
        print(line, flush=True)
    with Progress(train.epochs, sys.stdout) as progress:
        trainer.fit(data, callbacks=[progress], checkpoint=checkpoints, resume=given.resume)
    print(Outcome.of(trainer, rows, train).line(given.wing))
    trainer.save(given.out)
    if given.checkpoint is None:
        checkpoints.clear()
    print(f"written: {given.out}")
    return 0


class Progress:
    """A callback for either wing: a line an epoch and, on a terminal, a progress bar. Use as a context manager."""

    def __init__(self, epochs: int, out: TextIO) -> None:
        from tqdm import tqdm

        self.out = out
        self.bar = tqdm(total=epochs, unit="epoch", disable=not sys.stderr.isatty(), leave=False)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *error: object) -> None:
        self.bar.close()

    def on_epoch_begin(self, epoch: int, logs: dict[str, float]) -> None:
        """A training that goes on does not begin with the first epoch."""
        self.bar.n = epoch

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        """Show the epoch; InputError ends a training whose loss is no number any more, so that no such net is saved."""
        figures = {"loss": "loss", "accuracy": "accuracy", "val_loss": "test loss", "val_accuracy": "test acc."}
        shown = "  ".join(f"{text} {float(logs[name]):.6f}" for name, text in figures.items() if name in logs)
        self.bar.write(f"epoch {epoch + 1:>4}  {shown}", file=self.out)
        self.out.flush()
        self.bar.update()
        if not math.isfinite(logs["loss"]):
            from shared.errors import InputError

            raise InputError(
                f"The loss must stay a number. Received: {logs['loss']} in epoch {epoch + 1}. Use a smaller --learning-rate."
            )
