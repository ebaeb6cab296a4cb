"""The arguments for checkpoints, which ``train`` and ``compare`` share."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any


def add_checkpoints(command: Any, without: str) -> None:
    """Describe the arguments; ``without``: what happens where no folder is named."""
    command.add_argument("--checkpoint", metavar="DIR", help=f"a folder for checkpoints ({without})")
    command.add_argument(
        "--every",
        default="epoch",
        metavar="N",
        help="when to write one: epoch, a number of steps, or seconds as 30s (default: epoch)",
    )
    command.add_argument("--resume", action="store_true", help="go on from the newest checkpoint, or begin where there is none")


def checkpoints_for(given: argparse.Namespace, training: dict[str, Any], epochs: int) -> Any:
    """The ``Checkpoints`` that the arguments ask for, once it is sure that they can be used; None where they ask for none.

    Without ``--checkpoint`` a training that writes a net keeps none either, but where it is stopped it leaves one beside the net.

    Args:
        training: whose checkpoints they must be.
        epochs: how many there are to be.

    Raises:
        InputError: a folder that cannot be used, or holds another training's checkpoints, or ``--resume`` without a folder.
    """
    from shared.checkpoints import Checkpoints
    from shared.checkpoints.folder import checkpoints_of
    from shared.checkpoints.identity import check_identity
    from shared.errors import InputError

    def tell(line: str) -> None:
        print(f"lockstep: {line}", file=sys.stderr, flush=True)

    folder, every = given.checkpoint, int(given.every) if given.every.isdecimal() and len(given.every) < 10 else given.every
    if folder is None and given.every != "epoch":
        raise InputError(
            f"--every says when --checkpoint DIR gets one. Received: --every {given.every!r} alone. Name the folder."
        )
    if folder is None and hasattr(given, "out"):
        folder, every = beside(given.out), None
    made = checkpoints_of(None if folder is None else Checkpoints(folder, every, tell=tell), given.resume)
    if made is None:
        return None
    if given.checkpoint is None and not given.resume:
        made.clear()  # what an earlier training left that was to write the same file
    made.check(given.resume)
    if given.resume:
        quiet = replace(made, tell=lambda line: None)  # said again when it is read in full
        quiet.newest(lambda sealed: check_identity(sealed, training, epochs))
    return made


def beside(out: str) -> Path:
    """Where ``train`` leaves a checkpoint if no folder is named: NET.checkpoints beside NET.weights.h5 or NET.keras."""
    path = Path(out)
    return path.with_name(f"{path.name.removesuffix('.weights.h5').removesuffix('.keras')}.checkpoints")
