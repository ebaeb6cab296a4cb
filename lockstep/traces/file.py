"""The file of a golden trace: an ordinary HDF5 file behind a first line that says its format and the digest of all the rest.

The line stands in the 512 bytes that HDF5 leaves to its user, so h5py and ``head -1`` both read the file. The digest is
compared before HDF5 sees a byte: what was damaged on the way never reaches the library. Who makes such a file on purpose can
make a right digest too, so the rest is read through the guard, with names and shapes worked out from the specs.
"""

import hashlib
import json
import math
import re
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from lockstep.sides import NAMES
from lockstep.traces.fingerprint import Fingerprint, plain
from lockstep.traces.layout import MOST_BYTES, Layout
from lockstep.traces.trace import Trace
from shared.data.hdf5 import GuardedFile, checked_path, guarded
from shared.errors import InputError
from shared.files import check_writable, write_together
from shared.spec import ModelSpec, TrainSpec
from shared.spec.rules import whole

FORMAT = 1
PREFACE = 512  # bytes, the least that HDF5 skips
MAX_HEADER = 2**20
UNSOUND = (
    "The header of a golden trace is a JSON object of model, train, sides, kept, data and environment. "
    "Received: other values. Record the trace again."
)
MARK = b"lockstep golden trace, "
_LINE = re.compile(rb"lockstep golden trace, format ([0-9]{1,9}), sha256 ([0-9a-f]{64})\n\0*")


def check_path(path: str | Path) -> None:
    """Refuse now what could not be written after the training.

    Raises:
        InputError: another ending than ``.h5``, a path that cannot be written to, or a file that is no trace: it may be the data.
    """
    if not isinstance(path, str | Path) or Path(path).suffix != ".h5":
        raise InputError(f"A golden trace is called NAME.h5. Received: {str(path)!r:.200}. Use trace.h5.")
    check_writable(path)
    with suppress(OSError), open(path, "rb") as stream:
        if stream.read(len(MARK)) != MARK:
            raise InputError(
                f"A golden trace may replace another one only. Received: {str(path)!r}, of another kind. Choose a new name."
            )


def write(path: str | Path, trace: Trace) -> None:
    """Write ``trace``; the file appears whole or not at all. The same trace makes the same bytes."""
    header = json.dumps(_header(trace)).encode()
    with h5py.File("trace.h5", "w", driver="core", backing_store=False, libver=("earliest", "v108")) as file:
        arrays = {"header": np.frombuffer(header, np.uint8), "orders": trace.orders}
        arrays |= {"data/train": trace.data.train, "data/test": trace.data.test}
        for number, recording in enumerate(trace.recordings):
            arrays |= {f"recordings/{number}/{name}": array for name, array in recording.items()}
        for name, array in arrays.items():
            packed = {"compression": "gzip", "shuffle": True} if array.nbytes > 2**10 else {}  # a small one only grows
            little = array.astype(array.dtype.newbyteorder("<"), copy=False)
            file.create_dataset(name, data=little, track_times=False, **packed)
        file.flush()
        content = file.id.get_file_image()
    line = f"lockstep golden trace, format {FORMAT}, sha256 {hashlib.sha256(content).hexdigest()}\n"
    write_together({Path(path): line.encode().ljust(PREFACE, b"\0") + content})


def _header(trace: Trace) -> dict[str, Any]:
    return {
        "model": trace.model.to_dict(),
        "train": trace.train.to_dict(),
        "sides": dict(trace.sides),
        "kept": list(trace.kept),
        "data": {
            "name": trace.data.name,
            "source": trace.data.source,
            "rows": len(trace.data.train),
            "test_rows": len(trace.data.test),
            "sha256": list(trace.data.sha256),
        },
        "environment": dict(trace.environment),
        # for readers of the file; never read here
        "tensors": {"steps": trace.layout.of_step, "epochs": trace.layout.of_epoch, "before": trace.layout.of_state},
    }


def read(path: str | Path) -> Trace:
    """The trace in a file.

    Raises:
        InputError: one line, for a file that is missing, damaged, of another kind or format, or at odds with itself.
    """
    path = checked_path(path)
    _check_digest(path)
    with guarded(path) as file:
        try:
            return _read(file)
        except (InputError, RecursionError) as error:
            said = str(error) if isinstance(error, InputError) else UNSOUND
            raise InputError(said if repr(str(path)) in said else f"{str(path)!r}: {said}") from None


def _check_digest(path: Path) -> None:
    """Refuse what is no trace, of another format, or not byte for byte what was written."""
    try:
        with path.open("rb") as stream:
            line = _LINE.fullmatch(stream.read(PREFACE))
            found = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise InputError(
            f"A golden trace must be readable. Received: {str(path)!r} ({error.strerror}). Check its rights."
        ) from None
    if line is None:
        raise InputError(
            f"A golden trace is a file that lockstep record wrote. Received: {str(path)!r}, an HDF5 file of another kind "
            "or with a damaged first line. Name a trace."
        )
    if int(line[1]) != FORMAT:
        raise InputError(
            f"This version reads golden traces of format {FORMAT}. Received: format {int(line[1])} in {str(path)!r}. "
            "Use the version of Lockstep that wrote it, or record it again."
        )
    if found.encode() != line[2]:
        raise InputError(
            f"A golden trace is checked in the bytes in which it was written. Received: {str(path)!r}, which is cut short or "
            "damaged: its digest differs. Copy it again."
        )


def _read(file: GuardedFile) -> Trace:
    header = file.json_object("header", max_bytes=MAX_HEADER, remedy="Record the trace again.")
    if not _sound(header):
        raise InputError(UNSOUND)
    model, train = ModelSpec.from_dict(header["model"]), TrainSpec.from_dict(header["train"])
    sides, kept, data, environment = (header[name] for name in ("sides", "kept", "data", "environment"))
    rows, tests = data["rows"], data["test_rows"]
    layout = Layout.of(model, train, rows, tests)
    if not (kept[:1] == [1] and kept[-1] == layout.steps and all(a < b for a, b in pairwise(kept))):
        raise InputError(
            f"The kept steps of a golden trace rise from 1 to {layout.steps}. Received: {kept!r:.80}. Record the trace again."
        )
    count = len(set(sides.values()))
    layout.check_size(len(kept), count)
    shapes = layout.arrays(len(kept))
    expected = ["data/test", "data/train", "header", "orders"]
    expected += [f"recordings/{number}/{name}" for number in range(count) for name in shapes]
    if sorted(file.walk()) != sorted(expected):
        odd = sorted(set(file.walk()) ^ set(expected))
        raise InputError(
            f"A golden trace of {count} recordings has {len(expected)} arrays. Received: {odd[0]!r} missing or too much. "
            "Record the trace again."
        )
    trace = Trace(
        model=model,
        train=train,
        orders=_array(file, "orders", (train.epochs, rows), "u"),
        kept=tuple(kept),
        sides=sides,
        recordings=tuple(
            {name: _array(file, f"recordings/{number}/{name}", shape, _kinds(name, layout)) for name, shape in shapes.items()}
            for number in range(count)
        ),
        data=Fingerprint(
            name=plain(data["name"]),
            source=plain(data["source"]),
            sha256=tuple(data["sha256"]),
            train=_array(file, "data/train", (rows,), "u"),
            test=_array(file, "data/test", (tests,), "u"),
        ),
        environment=environment,
    )
    trace.plan.reach(train.epochs)  # looks at the orders too
    return trace


def _sound(header: dict[str, Any]) -> bool:
    """Whether the header has what it must; the specs see to their own fields."""
    sides, kept, data, environment = (header.get(name) for name in ("sides", "kept", "data", "environment"))
    return (
        isinstance(sides, dict)
        and len(sides) > 0
        and set(sides) <= set(NAMES)
        and all(type(number) is int for number in sides.values())
        and set(sides.values()) == set(range(len(set(sides.values()))))
        and isinstance(kept, list)
        and all(whole(step, 1) for step in kept)
        and isinstance(data, dict)
        and whole(data.get("rows"), 1)
        and whole(data.get("test_rows"), 0)
        and isinstance(data.get("sha256"), list)
        and all(isinstance(text, str) for text in (data.get("name"), data.get("source"), *data["sha256"]))
        and isinstance(environment, dict)
        and all(_setting(value) for value in environment.values())
        and "model" in header
        and "train" in header
    )


def _setting(value: Any) -> bool:
    """Whether it is a plain value, or a list or an object of such."""
    parts = [*value.values()] if isinstance(value, dict) else value if isinstance(value, list) else [value]
    return all(part is None or isinstance(part, str | int | float) for part in parts)


def _array(file: GuardedFile, name: str, shape: tuple[int, ...], kinds: str) -> np.ndarray:
    return file.array(name, kinds=kinds, shape=shape, max_bytes=min(MOST_BYTES, 8 * math.prod(shape) + 2**20))


def _kinds(name: str, layout: Layout) -> str:
    """Which NumPy kinds the array of a recording may have: the optimiser counts its steps, the rest are floats."""
    group, _, number = name.partition("/")
    if group == "digests":
        return "u"
    if group == "epochs":
        return "f"
    of = layout.of_state if group == "before" else layout.of_step
    return (
        "f" if of[int(number)][0] in ("logits", "example losses", "loss", "gradients", "weights out", "running metric") else "iuf"
    )
