"""A net that is trained once and kept in the user's cache, so that a picture can be asked about without a file of weights."""

import hashlib
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import lowlevel
from lockstep.environment import versions
from shared.cache import cache_folder
from shared.data import Dataset
from shared.errors import InputError
from shared.spec import ModelSpec, TrainSpec


def trained(data: Dataset, model: ModelSpec, train: TrainSpec, say: Callable[[str], None]) -> lowlevel.Trainer:
    """A trainer with the weights that the net has after training on ``data``: read from the cache, or else trained now and kept.

    The low-level wing trains: it is the faster one, and the weights are the same bits. ``say`` gets a line that tells what was
    done. A kept file has the digest of its own bytes in its name; a file that does not match is damaged, and is not read.

    Raises:
        InputError: data that do not fit the net, or a user without a home.
    """
    trainer = lowlevel.Trainer(model, train)
    folder = cache_folder() / "nets"
    name = f"{data.name}-{_key(data, model, train)}"
    damaged = False
    for path in folder.glob(f"{name}-*.weights.h5"):
        if _read(path, trainer):
            say(f"net:   trained on {data.name} before and kept as {str(path)!r}")
            return trainer
        damaged = True
        with suppress(OSError):
            path.unlink()
    again = "again, as the kept one is damaged" if damaged else "once"
    say(f"net:   trained on {data.name} {again}, {train.epochs} epochs, to be kept in {str(folder)!r}")
    trainer.fit((data.x_train, data.y_train))
    try:
        _keep(trainer, data, folder, name)
    except (OSError, InputError) as error:  # an answer is worth more than a cache
        say(f"       it could not be kept: {getattr(error, 'strerror', None) or error}")
    return trainer


def _key(data: Dataset, model: ModelSpec, train: TrainSpec) -> str:
    """A digest of all that the weights follow from: specs, data, version of Lockstep."""
    arrays = [part for array in (data.x_train, data.y_train) for part in (f"{array.dtype}{array.shape}", array.tobytes())]
    parts = [model.to_json(), train.to_json(), versions()["keras-lockstep"], *arrays]
    return _digest(b"\0".join(part.encode() if isinstance(part, str) else part for part in parts))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]


def _read(path: Path, trainer: lowlevel.Trainer) -> bool:
    """Load a kept file; False where it is not what was once written."""
    try:
        if not path.name.endswith(f"-{_digest(path.read_bytes())}.weights.h5"):
            return False
        trainer.load(path)
    except (OSError, InputError):
        return False
    return True


def _keep(trainer: lowlevel.Trainer, data: Dataset, folder: Path, name: str) -> None:
    """Write the net under its final name, whole or not at all; two processes that do so at once do not meet."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".") as aside:
        made = Path(aside) / "net.weights.h5"
        trainer.save(made, data)
        os.replace(made, folder / f"{name}-{_digest(made.read_bytes())}.weights.h5")
