"""One worker: a process of its own that trains in one wing and writes down where it stood after each epoch.

It ends when the process that started it does, and when an epoch takes longer than ``LIMIT``.
"""

import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np

from lockstep.commands.terminal import quiet_import
from shared.checkpoints import Checkpoints
from shared.checkpoints.identity import digest
from shared.errors import InputError
from shared.spec import ModelSpec, TrainSpec

LIMIT = 600  # seconds in which a worker must start, and make each epoch


def main(folder: str, number: int) -> int:
    """Train as ``job.json`` in ``folder`` asks; the files are written there. Returns 0; a refusal is a last line and status 2."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    signal.alarm(LIMIT)  # the system ends the process, whatever TensorFlow waits for
    here = Path(folder)
    job = json.loads((here / "job.json").read_text(encoding="utf-8"))
    try:
        _train(job, here, number)
    except InputError as error:
        print(error, file=sys.stderr)
        sys.stderr.flush()
        os._exit(2)  # TensorFlow's own end would wait for the workers that are gone
    return 0


def _end_with_parent() -> None:
    """Standard input is a pipe from the process that started this one: it closes when that ends, in whatever way."""
    while os.read(0, 1):
        pass
    os._exit(3)


def _train(job: dict[str, Any], here: Path, number: int) -> None:
    with quiet_import():
        import tensorflow as tf
    # must be the first use of TensorFlow
    strategy = tf.distribute.MultiWorkerMirroredStrategy() if "TF_CONFIG" in os.environ else None
    from lockstep.tuning.worker import trainer_of

    with np.load(here / "data.npz") as stored:
        data = dict(stored)
    trainer = trainer_of(job["wing"])(
        ModelSpec.from_json(job["model"]), TrainSpec.from_json(job["train"]), **({"strategy": strategy} if strategy else {})
    )
    validation = (data["x_test"], data["y_test"]) if "x_test" in data else None
    keep = None if job["checkpoint"] is None else Checkpoints(job["checkpoint"], tell=print)
    notes = _Notes(trainer, here, number)
    trainer.fit(
        (data["x"], data["y"]),
        validation_data=validation,
        callbacks=[notes],
        checkpoint=keep,
        resume=bool(keep and job["resume"]),
    )


class _Notes:
    """A callback that writes down each epoch's figures and state; of the state, workers but the first write a digest alone."""

    def __init__(self, trainer: Any, here: Path, number: int) -> None:
        self.trainer, self.here, self.number = trainer, here, number

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        """After each epoch; the time for the next one begins."""
        signal.alarm(LIMIT)
        state = self.trainer.state()
        arrays = [np.asarray(array) for array in (*state.weights, *state.slots)]
        if self.number == 0:
            np.savez(self.here / f"state-{epoch + 1}.npz", *arrays)
        note = {"epoch": epoch + 1, "figures": {name: float(value) for name, value in logs.items()}}
        with (self.here / f"notes-{self.number}.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(note | {"state": [digest(array) for array in arrays]}) + "\n")
