"""Both wings with the net that a command was asked for: a file's, or the one that is trained once and kept."""

import argparse
from typing import Any, TextIO

from lockstep.commands.compare import add_training, specs_of
from lockstep.commands.terminal import data_of

# how the net without --weights is trained: as lockstep train does it, with these options; the signs need longer than 40 epochs
OPTIONS = {"digits": [], "signs": ["--epochs", "100", "--learning-rate", "0.001"]}


def specs(given: argparse.Namespace) -> tuple[Any, Any, Any, Any]:
    """The data set or None, ``ModelSpec``, ``TrainSpec`` and ``DataCard`` of ``given.weights``, or else of ``given.data``.

    Raises:
        InputError: a file that cannot be used.
    """
    from shared.data.card import DataCard
    from shared.weights import read_specs

    if given.weights is not None:
        return None, *read_specs(given.weights)
    data = data_of(given)
    return data, *specs_of(_asked(given.data), data), DataCard.of(data)


def trainers(given: argparse.Namespace, data: Any, model: Any, train: Any, card: Any, out: TextIO) -> tuple[Any, Any]:
    """The low-level and the high-level trainer with the weights; ``out`` gets a line that says where they come from.

    Raises:
        InputError: a file that cannot be used.
    """
    import highlevel
    import lowlevel
    from lockstep.kept import trained
    from lockstep.prediction import printable

    high = highlevel.Trainer(model, train)
    if data is None:
        low = lowlevel.Trainer(model, train)
        for trainer in (low, high):
            trainer.load(given.weights)
        print(f"net:   trained on {printable(card.name) or 'unnamed data'}, read from {given.weights!r}", file=out)
    else:
        low = trained(data, model, train, lambda line: print(line, file=out, flush=True))
        high.load(low.weights())
    return low, high


def _asked(data: str) -> argparse.Namespace:
    """The arguments of the ``lockstep train`` that makes the net without --weights."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data")
    add_training(parser)
    return parser.parse_args([data, *OPTIONS[data]])
