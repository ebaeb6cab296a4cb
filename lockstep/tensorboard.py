"""The curves of a comparison for TensorBoard: a run for each side, under the names that Keras's callback gives them.

TensorFlow alone writes them; only to look at them is the package tensorboard needed.
"""

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from shared.errors import InputError
from shared.records import EpochRecord, Record

_FIGURES = [field.name for field in fields(EpochRecord) if field.name not in ("epoch", "predictions")]


def check(folder: str | Path, sides: Sequence[str]) -> None:
    """Refuse now, without TensorFlow, what ``Board`` could not write later. Leaves nothing behind.

    Raises:
        InputError: a folder that cannot be made or written to, or that holds a run of one of the sides.
    """
    runs = [Path(folder) / side for side in sides]
    made: list[Path] = []
    rule = "Runs for TensorBoard are written into a folder"
    try:
        if not str(folder):
            raise FileNotFoundError(None, "no name")
        for path in (*reversed(runs[0].parents), *runs):
            if not path.is_dir():
                path.mkdir()
                made.append(path)
        for run in runs:
            with TemporaryDirectory(dir=run):
                pass
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        why = getattr(error, "strerror", None) or error
        raise InputError(f"{rule} that can be made. Received: {str(folder)!r} ({why}). Choose another.") from None
    finally:
        for path in reversed(made):
            path.rmdir()
    for run in runs:
        if any(run.glob("*tfevents*")):
            raise InputError(f"{rule} without others: they would be mixed. Received: {str(run)!r}, a run. Choose a new folder.")


class Board:
    """Writes what ``compare`` hands out, moment by moment, so that it can be watched. Use as a context manager.

    Each side's run has ``batch_loss`` and ``batch_accuracy``, with a step for each step from 1: means of the epoch so far, as in
    Keras's logs; and ``epoch_loss``, ``epoch_accuracy``, ``epoch_val_loss``, ``epoch_val_accuracy``, with a step for each epoch
    from 0. Of a regression, ``mean_absolute_error`` stands for ``accuracy``. Values are float32.

    Args:
        folder: made where it is missing; takes a folder for each side.
        sides: their names, in the order of the records.
    """

    def __init__(self, folder: str | Path, sides: Sequence[str]) -> None:
        import tensorflow as tf

        self._scalar = tf.compat.v1.SummaryMetadata(plugin_data={"plugin_name": "scalars"})
        self._write = tf.summary.write
        self._writers = [tf.summary.create_file_writer(str(Path(folder) / side)) for side in sides]

    def __enter__(self) -> "Board":
        return self

    def __exit__(self, *error: object) -> None:
        for writer in self._writers:
            writer.close()

    def see(self, moment: Sequence[Record]) -> None:
        """Write one moment of all sides."""
        for writer, record in zip(self._writers, moment, strict=True):
            with writer.as_default():
                for tag, value, step in _figures(record):
                    self._write(tag, value, step, self._scalar)


def _figures(record: Any) -> list[tuple[str, Any, int]]:
    """Tag, value float32 () and step of all that a record has for TensorBoard."""
    if isinstance(record, EpochRecord):
        values = {name: getattr(record, name) for name in _FIGURES}
        return [(f"epoch_{name}", value, record.epoch - 1) for name, value in values.items() if value is not None]
    names = ("loss", record.metric)
    return [(f"batch_{name}", value, record.step) for name, value in zip(names, record.running, strict=True)]
