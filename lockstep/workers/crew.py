"""Starts the workers of one training, waits for their end, and leaves none behind."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lockstep.tuning.worker import deaf_children
from shared.errors import InputError
from shared.feed import Feed
from shared.spec import ModelSpec, TrainSpec

GRACE = 30  # seconds that the others have to say that a worker is gone
PROGRAM = "import sys; from lockstep.workers.worker import main; sys.exit(main(sys.argv[1], int(sys.argv[2])))"


@dataclass(frozen=True)
class Epoch:
    """What the workers wrote down after one epoch: the figures, and the state's arrays of the first worker; ``alike`` says
    whether all workers had figures and state in the same bits."""

    number: int
    figures: dict[str, float]
    state: list[np.ndarray]
    alike: bool


@dataclass(frozen=True, kw_only=True)
class Job:
    """A training of ``workers`` local processes in a wing, ``"low"`` or ``"high"``; one trains alone, without a strategy.

    ``keep``: whether checkpoints are kept in the job's folder, from which a job that is to ``resume`` goes on.
    """

    wing: str
    workers: int
    model: ModelSpec
    train: TrainSpec
    keep: bool = False
    resume: bool = False

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.wing}-level wing, {self.workers} workers" if self.workers > 1 else f"{self.wing}-level wing, one process"

    def run(self, given: Feed, folder: Path, progress: Callable[[int], None] = lambda epoch: None) -> list[Epoch]:
        """Train; ``folder`` is for the workers' files. ``progress`` is called with how many epochs the first worker has ended.

        Raises:
            InputError: a worker ended before the training did.
        """
        folder.mkdir(parents=True, exist_ok=True)
        job = {"wing": self.wing, "model": self.model.to_json(), "train": self.train.to_json(), "resume": self.resume}
        job |= {"checkpoint": str(folder / "checkpoints") if self.keep else None}
        (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
        arrays = {"x": given.x, "y": given.y, "x_test": given.x_test, "y_test": given.y_test}
        there: dict[str, Any] = {name: array for name, array in arrays.items() if array is not None}
        np.savez(folder / "data.npz", **there)
        with self._started(folder) as crew:
            done = 0
            while any(one.poll() is None for one in crew) and not any(one.poll() for one in crew):
                time.sleep(0.05)
                if len(_notes(folder, 0)) > done:
                    done = len(_notes(folder, 0))
                    progress(done)
            if any(one.poll() for one in crew):
                raise self._lost(crew, folder)
        return list(self._epochs(folder))

    @contextmanager
    def _started(self, folder: Path) -> Iterator[list[subprocess.Popen]]:
        """The workers at work. Whatever ends the block ends them; they end by themselves where this process is killed."""
        with ExitStack() as stack:
            crew: list[subprocess.Popen] = []
            stack.callback(_end, crew)
            with deaf_children():
                for number, environment in enumerate(environments(self.workers)):
                    said = stack.enter_context((folder / f"said-{number}.txt").open("wb"))
                    command = [sys.executable, "-c", PROGRAM, str(folder), str(number)]
                    crew.append(subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=said, stderr=said))
            yield crew

    def _lost(self, crew: Sequence[subprocess.Popen], folder: Path) -> InputError:
        """What a person should know where workers have ended badly: the first that was killed, or else what one of them said."""
        until = time.monotonic() + GRACE
        while any(one.poll() is None for one in crew) and time.monotonic() < until:
            time.sleep(0.05)
        killed = next((number for number, one in enumerate(crew) if (one.poll() or 0) < 0), None)
        refused = next((number for number, one in enumerate(crew) if one.poll() == 2), None)
        if killed is None and refused is not None:
            return InputError(_last_line(folder, refused))
        if killed is not None:
            number, how = killed, f"ended by {signal.Signals(-crew[killed].returncode).name}"
        else:
            number = next(number for number, one in enumerate(crew) if one.poll())
            how = f"which says: {_last_line(folder, number)}"
        again = "Run the same again with --resume." if self.keep else "Use --checkpoint DIR, and --resume after this."
        return InputError(
            f"All workers of a training must live to its end. Received: worker {number} of the {self.name}, {how}, "
            f"after {len(_notes(folder, 0))} epochs. {again}"
        )

    def _epochs(self, folder: Path) -> Iterator[Epoch]:
        first, *others = (_notes(folder, number) for number in range(self.workers))
        for number, note in sorted(first.items()):
            with np.load(folder / f"state-{number}.npz") as stored:
                state = [stored[name] for name in stored.files]
            alike = all(other.get(number, note) == note for other in others)  # one that was killed may lack its last note
            yield Epoch(number, note["figures"], state, alike)


def environments(workers: int) -> list[dict[str, str]]:
    """The environment of each worker: ours, where to find our packages, and who the others are, at ports that are free now."""
    ours = {name: value for name, value in os.environ.items() if name != "TF_CONFIG"}
    ours |= {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "TF_CPP_MIN_LOG_LEVEL": "3"}
    if workers == 1:
        return [ours]
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(workers)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        cluster = {"worker": [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]}
    tasks = [{"cluster": cluster, "task": {"type": "worker", "index": number}} for number in range(workers)]
    return [ours | {"TF_CONFIG": json.dumps(task)} for task in tasks]


def _end(crew: Sequence[subprocess.Popen]) -> None:
    for one in crew:
        if one.poll() is None:
            one.kill()
    for one in crew:
        one.wait()
        if one.stdin is not None:
            one.stdin.close()


def _notes(folder: Path, number: int) -> dict[int, dict[str, Any]]:
    """What a worker has written down, by epoch; a line that it was writing when it ended, or still is, does not count."""
    path = folder / f"notes-{number}.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
    notes = [json.loads(line) for line in lines if line.endswith("}\n")]
    return {note["epoch"]: note for note in notes}


def _last_line(folder: Path, number: int) -> str:
    lines = (folder / f"said-{number}.txt").read_text(encoding="utf-8", errors="backslashreplace").strip().splitlines()
    return lines[-1] if lines else "nothing"
