"""What a setting changes on this machine: the same short training in processes that differ in one setting.

Most of these settings are read once, when TensorFlow starts, so each needs a process of its own. A process trains, says its
weights, and then trains one epoch whenever it is asked to, so that the times of two of them are taken in turn.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lockstep.divergence import gap, ulp_text
from shared.errors import InputError

SCHEMA = 1  # of the JSON document, see docs/doctor.md
ROUNDS = 9  # epochs that are timed, of each process
ONEDNN = "TF_ENABLE_ONEDNN_OPTS"


@dataclass(frozen=True)
class Change:
    """What one setting changes: ``now`` and ``other`` are its values; ``batches`` and ``full`` the largest differences of any
    weight (absolute, ULP) after an epoch in batches of 32 and after ten full batches; ``time`` the shortest epoch of the other,
    divided by the shortest of now."""

    setting: str
    now: str
    other: str
    batches: tuple[float, float]
    full: tuple[float, float]
    time: float

    @property
    def same_bits(self) -> bool:
        """Whether no weight differs in any bit."""
        return self.batches[1] == 0 and self.full[1] == 0

    def __str__(self) -> str:
        said = _bits(self.batches), _bits(self.full)
        return f"{self.setting:<12} {self.now:<8} {self.other:<8} {said[0]:<15} {said[1]:<15} {self.time:>5.2f}"


HEADING = f"{'setting':<12} {'now':<8} {'other':<8} {'batches of 32':<15} {'full batches':<15}  time"


def _bits(found: tuple[float, float]) -> str:
    return "same bits" if found[1] == 0 else ulp_text(found[1])


@dataclass(frozen=True)
class Diagnosis:
    """The settings of this installation, and what each of them changes. ``again`` is the control: nothing was changed."""

    environment: dict[str, Any]
    again: Change
    changes: tuple[Change, ...]

    @property
    def repeats(self) -> bool:
        """Whether the same training ends in the same bits twice."""
        return self.again.same_bits

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        changes = [asdict(change) | {"same_bits": change.same_bits} for change in (self.again, *self.changes)]
        return {"schema": SCHEMA, "environment": self.environment, "repeats": self.repeats, "changes": changes}


def variants(environment: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Each setting with its value now and the other value that is tried; both as ``serve`` takes them."""
    return {
        "nothing": ("", ""),
        "oneDNN": (environment["onednn"], "1" if environment["onednn"] == "0" else "0"),
        "threads": (str(environment["intra_op_threads"] or environment["cores"]), "1"),
        "XLA": ("off", "on"),
        "determinism": ("on" if environment["determinism"] else "off", "on"),
    }


def diagnose(environment: dict[str, Any], tell: Callable[[Change], None], rounds: int = ROUNDS) -> Diagnosis:
    """Measure every setting; takes as long as importing TensorFlow six times and some training.

    Args:
        environment: what ``lockstep.environment.environment()`` says.
        tell: called with each result as soon as it is there.
        rounds: epochs that are timed.

    Raises:
        InputError: a process ended before it had trained.
    """
    found = []
    with ExitStack() as stack:
        base = stack.enter_context(Patient("nothing", ""))
        for setting, (now, other) in variants(environment).items():
            with Patient(setting, other) as one:
                times = [(base.epoch(), one.epoch()) for _ in range(rounds)]
                ours, theirs = (min(part) for part in zip(*times, strict=True))  # what else runs can only add
                batches, full = (_gap(left, right) for left, right in zip(base.weights, one.weights, strict=True))
                change = Change(setting, now or "-", other or "-", batches, full, theirs / ours)
            tell(change)
            found.append(change)
    return Diagnosis(environment, found[0], tuple(found[1:]))


def _gap(left: np.ndarray, right: np.ndarray) -> tuple[float, float]:
    most, ulp = gap(left, right)
    return float(most), float(ulp)


class Patient:
    """A process in which ``serve`` trains, with one setting changed; ``weights`` after small and after full batches."""

    def __init__(self, setting: str, value: str) -> None:
        self._setting = setting
        own = {ONEDNN: value} if setting == "oneDNN" else {}
        paths = os.pathsep.join(path for path in sys.path if path)
        full = os.environ | {"PYTHONPATH": paths, "TF_CPP_MIN_LOG_LEVEL": "3"} | own
        program = f"from lockstep.doctor import serve; serve({setting!r})"
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen([sys.executable, "-c", program], env=full, text=True, **pipes)

    def __enter__(self) -> "Patient":
        try:
            self.weights = [np.frombuffer(bytes.fromhex(text), np.float32) for text in self._answer()]
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.communicate()

    def epoch(self) -> float:
        """Seconds of one more epoch in batches of 32."""
        assert self._process.stdin is not None
        print(file=self._process.stdin, flush=True)
        return float(self._answer())

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise InputError(
                f"Each setting is measured in a process of its own. Received: one with another {self._setting}, which ended with "
                f"status {self._process.wait()}. Try a plain training, such as lockstep compare digits."
            )
        return json.loads(line)


def serve(setting: str) -> None:
    """In the process: train, print the weights, then train and print the seconds of an epoch for each line that arrives."""
    import tensorflow as tf

    if setting == "threads":
        tf.config.threading.set_intra_op_parallelism_threads(1)
    if setting == "determinism":
        tf.config.experimental.enable_op_determinism()
    import lowlevel
    from shared import ModelSpec, TrainSpec, load_digits

    digits = load_digits()
    data = digits.x_train, digits.y_train
    weights: list[str] = []
    for batch_size, epochs in ((len(digits.x_train), 10), (32, 1)):
        train = TrainSpec(batch_size=batch_size, epochs=epochs, seed=1)
        trainer = lowlevel.Trainer(ModelSpec.mlp(400, 25, 15, 10, activation="tanh"), train, jit_compile=setting == "XLA")
        trainer.fit(data)
        weights.insert(0, np.concatenate([weight.ravel() for weight in trainer.weights()]).tobytes().hex())
    print(json.dumps(weights), flush=True)
    for _ in sys.stdin:
        began = time.perf_counter()
        trainer.fit(data, epochs=1)
        print(time.perf_counter() - began, flush=True)
