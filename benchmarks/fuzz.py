"""Let every reader loose on hostile files, and see that each is read right or refused in one line.

``python benchmarks/fuzz.py [FILES] [SEED] [READER ...]``: so many files in all (10,000), spread over the readers. Every file is
damaged or made on purpose (``hostile.py``) and read twice, in a process for its kind that lives on to the next file: it may take
512 MiB beyond what it has when it is ready and 20 seconds a file, and is started again where it ends or hangs.

A file must be refused by an ``InputError`` of one line, or be read, both times in the same bits, as something that can be used.
A reader that changes anything before it refuses, or that reads what its digest should have stopped, has made a wrong load.
"""

import hashlib
import json
import os
import random
import resource
import select
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import hostile
import numpy as np

from shared import Checkpoints
from shared.errors import InputError

SECONDS, MEMORY = 20.0, 512 * 2**20
SUFFIX = {"weights": ".weights.h5", "keras": ".keras", "tensors": ".safetensors", "picture": ".png", "json": ".json"}
READERS = (
    *("data", "digits", "weights", "specs", "keras", "tensors"),
    *("checkpoint", "comparison", "trace", "picture", "json"),
)
SHARES = {"digits": 0.1, "weights": 0.5, "keras": 0.5, "tensors": 0.5}  # what takes longer has fewer files


# ------------------------------------------------------------------------------------------------------------- readers


def data(path: Path) -> Any:
    """A data set of the course's layout."""
    from shared.data.files import load_file

    found = load_file(path)
    assert len(found.x_train) == found.y_train.size > 0, "rows and labels do not match"
    assert set(found.y_train.ravel().tolist()) <= set(range(len(found.classes))), "labels out of range"
    return [found.x_train, found.y_train, found.x_test, found.y_test, found.classes, found.source, found.image_shape]


class Digits:
    """The digits, of which there is one right content."""

    def __init__(self) -> None:
        from shared import load_digits

        self.load = load_digits
        self.right = bits([self.load().x_train, self.load().y_test])

    def __call__(self, path: Path) -> Any:
        found = self.load(path)
        assert bits([found.x_train, found.y_test]) == self.right, "other digits"
        return found.x_train


class Wings:
    """Both wings read the same weights file: to the same bits, or neither of them, and then unchanged."""

    def __init__(self) -> None:
        import highlevel
        import lowlevel

        self.trainers = [wing.Trainer(*hostile.specs()) for wing in (lowlevel, highlevel)]

    def __call__(self, path: Path) -> Any:
        ended = []
        for trainer in self.trainers:
            before = bits([trainer.state().weights, trainer.state().slots])
            try:
                trainer.load(path)
                ended.append(bits([trainer.state().weights, trainer.state().slots]))
            except InputError as error:
                assert bits([trainer.state().weights, trainer.state().slots]) == before, "refused, and changed"
                ended.append(error)
        low, high = ended
        if isinstance(low, InputError) and isinstance(high, InputError):
            raise low
        assert low == high, f"the wings differ: {low!s:.200} {high!s:.200}"
        return low


def specs(path: Path) -> Any:
    """What ``lockstep predict`` reads before it builds a net."""
    from shared.weights import read_specs

    model, train, card = read_specs(path)
    assert model.parameters < 10**6, "a net that its file does not hold"
    return [model.to_json(), train.to_json(), card.to_attributes()]


class Tensors:
    """A safetensors file, read by both wings, and for ``lockstep predict``."""

    def __init__(self) -> None:
        self.wings = Wings()

    def __call__(self, path: Path) -> Any:
        return what_is_read([lambda: self.wings(path), lambda: specs(path)])


class Checkpoint:
    """A checkpoint, whose state has the shapes of its training's."""

    def __init__(self) -> None:
        from shared.checkpoints.point import Point
        from shared.checkpoints.sealed import opened
        from shared.records import State

        model, _ = hostile.specs()
        weights = [np.zeros(shape, np.float32) for shape in model.weight_shapes.values()]
        slots = [np.zeros((), np.int64 if at == 0 else np.float32) for at in range(2)]
        slots += [np.zeros_like(weight) for weight in weights for _ in range(2)]
        self.like = State(weights=weights, slots=slots, carried=[np.zeros((), np.float32)] * 4)
        self.opened, self.point = opened, Point.from_file

    def __call__(self, path: Path) -> Any:
        with self.opened(path) as sealed:
            point = self.point(sealed, self.like, 5)
            sealed.check_all_fetched()
        state = point.state
        return [state.weights, state.slots, state.carried, point.epoch, point.step, point.curves]


class Comparison:
    """A checkpoint of a comparison, from which the comparison goes on to its end, as with ``lockstep compare --resume``.

    The file lies there under the name of each sound one: with two of them it is always at odds.
    """

    NAMES = tuple(f"checkpoint-{steps:08}.h5" for steps in (3, 6, 9))

    def __init__(self) -> None:
        import lockstep

        self.compare, self.model, self.train, self.data = lockstep.compare, *hostile.specs(), hostile.dataset()

    def __call__(self, path: Path) -> Any:
        lines: list[str] = []
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            for name in self.NAMES:
                os.link(path, Path(folder, name))
            try:
                kept = Checkpoints(folder, every=None, tell=lambda line: lines.append(line.replace(folder, "")))
                report = self.compare(self.model, self.train, self.data, sides=hostile.sides(), checkpoint=kept, resume=True)
                report.save(Path(folder, "report.html"))
            except InputError as error:
                raise InputError(str(error).replace(folder, "")) from None
            finally:
                for line in lines:
                    check_line(line if "passed over" in line else f"{line} Received: nothing to refuse.")
        assert all(line.isprintable() for line in str(report).splitlines()), f"no text for a terminal: {report}"
        document = json.loads(report.to_json())
        del document["seconds"]
        expected = (self.train.epochs * 5, self.train.epochs)
        assert all((pair.steps, pair.epochs) == expected for pair in report.pairs), "steps missing or too many"
        assert all((pair.first is None) == (pair.max_ulp == 0) for pair in report.pairs), "a first difference of none"
        assert all(len(pair.gaps) == sum(expected) for pair in report.pairs), "moments missing or too many"
        around = [[one and one.epoch for one in pair.around or ()] for pair in report.pairs]
        return [document, [pair.gaps for pair in report.pairs], around, lines]


def trace(path: Path) -> Any:
    """A golden trace."""
    from lockstep.traces import read

    found = read(path)
    return [found.model.to_json(), found.orders, [list(recording.values()) for recording in found.recordings]]


def picture(path: Path) -> Any:
    """A picture."""
    from shared.data.pictures import read_picture

    found = read_picture(path)
    assert (found.dtype, found.ndim, found.shape[-1]) == (np.uint8, 3, 3), "no picture"
    assert read_picture(path, 8).shape == (8, 8, 3)
    return found


def text(path: Path) -> Any:
    """A file for ``--space``, and the JSON of both specs."""
    from lockstep.commands.search import _space
    from shared import ModelSpec, TrainSpec

    reads: list[Callable[[], Any]] = [lambda: _space(str(path))]
    reads += [lambda kind=kind: kind.from_json(path.read_text("utf-8", "replace")) for kind in (ModelSpec, TrainSpec)]
    found = what_is_read(reads)
    assert all(type(one).from_json(one.to_json()) == one for one in found), "read as something else than it is written as"
    return [one.to_json() for one in found]


def what_is_read(reads: Sequence[Callable[[], Any]]) -> list[Any]:
    """What those of several readers return that do not refuse; the error of the first where all do."""
    errors, found = [], []
    for read in reads:
        try:
            found.append(read())
        except InputError as error:
            check_line(error)
            errors.append(error)
    if not found:
        raise errors[0]
    return found


MAKERS: dict[str, Callable[[], Callable[[Path], Any]]] = {
    "data": lambda: data,
    "digits": Digits,
    "weights": Wings,
    "specs": lambda: specs,
    "keras": Wings,
    "tensors": Tensors,
    "checkpoint": Checkpoint,
    "comparison": Comparison,
    "trace": lambda: trace,
    "picture": lambda: picture,
    "json": lambda: text,
}


def bits(value: Any) -> str:
    """A digest of whatever a reader returned."""
    found = hashlib.sha256()

    def add(part: Any) -> None:
        if isinstance(part, np.ndarray):
            found.update(f"{part.dtype}{part.shape}".encode() + part.tobytes())
        elif isinstance(part, list | tuple):
            found.update(b"[")
            for one in part:
                add(one)
        else:
            found.update(repr(part).encode())

    add(value)
    return found.hexdigest()


def check_line(error: InputError | str) -> None:
    """An error must be one line, and say what was received."""
    said = str(error)
    fits = "Received: " in said and len(said) < 2000 and said.isprintable() and len(said.splitlines()) == 1
    assert fits, f"no clear line for a terminal: {said!r:.300}"


def judge(read: Callable[[Path], Any], path: Path, kind: str) -> tuple[str, str]:
    """Read a file twice: how it ended, "load", "refusal" or "wrong", and why."""
    try:
        ended = []
        for _ in range(2):
            try:
                ended.append(bits(read(path)))
            except InputError as error:
                check_line(error)
                ended.append(f"refused: {error}")
        if ended[0] != ended[1]:
            return "wrong", f"read twice, two results: {ended[0][:200]} / {ended[1][:200]}"
        if ended[0].startswith("refused: "):
            return "refusal", ended[0]
        content = path.read_bytes()
        if kind in hostile.SEALED and content != hostile.signed(kind, content[hostile.PREFACE :]):
            return "wrong", "read in spite of its digest"
        return "load", ""
    except BaseException as error:
        return "wrong", f"{type(error).__name__}: {error}"[:400]


# ------------------------------------------------------------------------------------------------------------- a worker


def memory(name: str) -> int:
    """A line of ``/proc/self/status`` in bytes."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{name}:")[2].split()[0]) * 1024


def work(kind: str, warm: Path) -> None:
    """Read the files that are named on standard input; say how each ended, and how much memory it took."""
    import faulthandler

    faulthandler.enable()
    read = MAKERS[kind]()
    judge(read, warm, kind)
    limit = memory("VmSize") + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    print("ready", flush=True)
    for line in sys.stdin:
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        before = memory("VmRSS")
        ended, why = judge(read, Path(line.strip()), kind)
        print(json.dumps([ended, why, max(0, memory("VmHWM") - before)]), flush=True)


class Worker:
    """A process that reads files of one kind, one after the other."""

    def __init__(self, kind: str, warm: Path) -> None:
        self.command = [sys.executable, __file__, "--work", kind, str(warm)]
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> subprocess.Popen[str]:
        """The process, started anew where it is not there."""
        if self.process is None:
            pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
            self.process = subprocess.Popen(self.command, text=True, **pipes)
            assert self.answer(300.0) == "ready\n", f"{self.command} does not start"
        return self.process

    def answer(self, seconds: float) -> str | None:
        """A line from the process, "" where it has ended, None where it says nothing for so long."""
        assert self.process is not None
        assert self.process.stdout is not None
        ready = select.select([self.process.stdout], [], [], seconds)[0]
        return self.process.stdout.readline() if ready else None

    def read(self, path: Path) -> tuple[str, str, int]:
        """How the reading of a file ended, why, and how much memory it took."""
        process = self.start()
        assert process.stdin is not None
        print(path, file=process.stdin, flush=True)
        said = self.answer(SECONDS)
        if said:
            ended, why, peak = json.loads(said)
            return ended, why, peak
        status = self.end()
        return ("hang", f"{SECONDS} seconds", 0) if said is None else ("crash", f"status {status}", 0)

    def end(self) -> int:
        """Stop the process; its status."""
        if self.process is None:
            return 0
        process, self.process = self.process, None
        process.kill()
        process.communicate()  # closes the pipes too
        return process.returncode


# ----------------------------------------------------------------------------------------------------------- in the parent


def attacks(kind: str, pool: hostile.Pool, seed: int, count: int) -> Any:
    """``count`` hostile files; each depends on the seed, the kind and its number alone."""
    for number in range(count):
        yield hostile.attack(kind, pool, random.Random(f"{seed} {kind} {number}"))


def pool_in(folder: Path) -> hostile.Pool:
    """The sound files in a folder by kind."""
    pool: hostile.Pool = {}
    for path in sorted(folder.glob("*-*")):
        pool.setdefault(path.name.partition("-")[0], []).append(path.read_bytes())
    return pool


def fuzz(kind: str, folder: Path, seed: int, count: int, keep: Path | None = None) -> tuple[Counter[str], int]:
    """How so many files ended, and the largest peak of memory above what the process had before."""
    pool, worker = pool_in(folder), Worker(kind, folder / f"{kind}-0")
    ended: Counter[str] = Counter()
    most = 0
    path = folder / f"hostile{SUFFIX.get(kind, '.h5')}"
    for number, content in enumerate(attacks(kind, pool, seed, count)):
        path.write_bytes(content)
        how, why, peak = worker.read(path)
        ended[how] += 1
        most = max(most, peak)
        if how not in ("load", "refusal") or peak > MEMORY // 2:
            print(f"  {kind} {number}: {how} {why} ({peak / 2**20:.0f} MiB)", file=sys.stderr, flush=True)
            if keep is not None:
                (keep / f"{kind}-{number}{path.suffix}").write_bytes(content)
    worker.end()
    return ended, most


def main() -> None:
    """Print how every reader has fared."""
    given = sys.argv[1:]
    if given[:1] == ["--work"]:
        work(given[1], Path(given[2]))
        return
    if given[:1] == ["--sound"]:
        hostile.sound(Path(given[1]))
        return
    files, seed = (int(one) for one in (*given[:2], *("10000", "0")[len(given[:2]) :]))
    readers = given[2:] or READERS
    keep = os.environ.get("FUZZ_KEEP")
    shares = [SHARES.get(kind, 1.0) for kind in readers]
    counts = [round(files * share / sum(shares)) for share in shares[:-1]]
    counts.append(files - sum(counts))
    began = time.monotonic()
    print("reader       files   loads  refusals  crashes  hangs  wrong  peak memory")
    with tempfile.TemporaryDirectory() as top:
        folder = Path(top)
        subprocess.run([sys.executable, __file__, "--sound", top], check=True, stderr=subprocess.DEVNULL)
        for kind, count in zip(readers, counts, strict=True):
            ended, most = fuzz(kind, folder, seed, count, None if keep is None else Path(keep))
            figures = f"{ended['load']:>6}  {ended['refusal']:>8}  {ended['crash']:>7}  {ended['hang']:>5}  {ended['wrong']:>5}"
            print(f"{kind:<10} {count:>7}  {figures}  {most / 2**20:>7.0f} MiB", flush=True)
    print(f"{time.monotonic() - began:.0f} seconds", file=sys.stderr)


if __name__ == "__main__":
    main()
