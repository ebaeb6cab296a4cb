"""Part ``profile``: what a step of each wing's default is made of, as TensorFlow's own profiler sees it.

The time within each operation of the compiled step is summed up by kind; what is left of the step is between the operations.
"""

import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from timing.contenders import trainer
from timing.jobs import job_of

KINDS = {  # the first that an operation's name matches
    "matrix products": r"MatMul|dot",
    "taking a batch's rows": r"[Gg]ather",
    "the rest of the step": r"",  # activations, loss, gradients, Adam, means
}
_AROUND = re.compile(r"while[.:]|while$|conditional|call|_|.*Xla|.*Partitioned")  # these hold other operations


def _operations(folder: str) -> Iterator[tuple[str, float]]:
    """(name, seconds) of all operations that the profiler saw: those of programs of XLA, and TensorFlow's own."""
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    space = xplane_pb2.XSpace()
    (file,) = Path(folder).glob("**/*.xplane.pb")
    space.ParseFromString(file.read_bytes())
    for plane in space.planes:
        stats = {number: stat.name for number, stat in plane.stat_metadata.items()}
        for line in plane.lines:
            for event in line.events:
                name = plane.event_metadata[event.metadata_id].name
                known = re.search(r"[^:]:\w+$", name) or "hlo_op" in {stats[one.metadata_id] for one in event.stats}
                if known and not _AROUND.match(name):
                    yield name, 1e-12 * event.duration_ps


def one(wing: str, name: str, rounds: int, quick: bool) -> dict:
    """A step of one wing and job: seconds without the profiler and with it, and within operations of each kind."""
    import tensorflow as tf

    job = job_of(name, quick)
    made, data = trainer(wing, job), job.data
    made.fit(data, epochs=1 if quick else 16)
    steps, plain, watched, within = 2 * job.steps, [], [], []
    for _ in range(rounds):
        began = time.perf_counter()
        made.fit(data, epochs=2)
        plain.append((time.perf_counter() - began) / steps)
        with tempfile.TemporaryDirectory() as folder:
            tf.profiler.experimental.start(folder)
            began = time.perf_counter()
            made.fit(data, epochs=2)
            watched.append((time.perf_counter() - began) / steps)
            tf.profiler.experimental.stop()
            found = dict.fromkeys(KINDS, 0.0)
            for operation, took in _operations(folder):
                found[next(kind for kind, of in KINDS.items() if re.search(of, operation))] += took / steps
            within.append(found)
    return {"wing": f"{wing[:-5]}-level", "job": name, "plain": plain, "watched": watched, "within": within}


def measure(rounds: int, quick: bool) -> dict:
    """Both wings on the digits and the hand signs."""
    return {
        f"{wing}.{name}": one(wing, name, rounds, quick) for name in ("digits", "signs") for wing in ("lowlevel", "highlevel")
    }
