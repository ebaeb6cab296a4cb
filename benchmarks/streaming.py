"""What it costs to train on rows that stay in their file, in time and in memory: ``python benchmarks/streaming.py [ROUNDS]``.

60,000 rows of 784 columns are written to a temporary folder, as float32 and as uint8, and 784-512-256-10 is trained on them with
batches of 128. A process for each wing and each stored dtype trains on them from memory and from the file in turn, A B A B; the
time of an epoch is the slope between trainings of 1 and of 6 epochs, so that compilation and the first reading fall out. One
epoch more goes before them, uncounted, since a process fetches anew the memory that it has given back. The memory is that of a
process of its own for each, above what it held before the data: the peak of the resident set.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

ROWS, COLUMNS, BATCH, DTYPES = 60_000, 784, 128, ("float32", "uint8")
FORMS = (("lowlevel", False), ("lowlevel", True), ("highlevel", False), ("highlevel", True))  # wing, jit_compile


def write(folder: Path) -> None:
    """The same rows in each dtype, a block at a time."""
    import h5py
    import numpy as np

    for dtype in DTYPES:
        generator = np.random.default_rng(0)
        with h5py.File(folder / f"{dtype}.h5", "w") as file:
            file["train_set_y"] = generator.integers(0, 10, ROWS)
            x = file.create_dataset("train_set_x", (ROWS, COLUMNS), dtype)
            for start in range(0, ROWS, 5000):
                drawn = generator.integers(0, 256, (5000, COLUMNS))
                x[start : start + 5000] = drawn if dtype == "uint8" else drawn / np.float32(255)


def trainer_of(wing: str, jit: bool):
    """A new trainer in the fastest form of the wing."""
    import highlevel
    import lowlevel
    from shared import ModelSpec, TrainSpec

    module = {"lowlevel": lowlevel, "highlevel": highlevel}[wing]
    spec = ModelSpec.mlp(COLUMNS, 512, 256, 10), TrainSpec(batch_size=BATCH)
    return module.Trainer(*spec, execution="epoch" if wing == "lowlevel" else "auto", jit_compile=jit)


def speed(path: str, wing: str, jit: str, rounds: str) -> None:
    """Seconds an epoch, and seconds of all cores, from memory and from the file, in turn; and where the time of reading goes."""
    from shared import load_file, stream_file

    sets = {"memory": load_file(path), "file": stream_file(path)}
    trainers = {name: trainer_of(wing, jit == "True") for name in sets}
    slopes: dict[str, list[list[float]]] = {name: [] for name in sets}
    for name, trainer in trainers.items():
        trainer.fit(sets[name], epochs=1)
    for _ in range(int(rounds)):
        for name, trainer in trainers.items():
            times = []
            for epochs in (1, 1, 6):
                began = time.perf_counter(), time.process_time()
                trainer.fit(sets[name], epochs=epochs)
                times.append((time.perf_counter() - began[0], time.process_time() - began[1]))
            slopes[name].append([(six - one) / 5 for one, six in zip(*times[1:], strict=True)])
    print(json.dumps({"slopes": slopes, "profile": profile(sets["file"], trainers["file"])}))


def profile(data, trainer) -> dict[str, float]:
    """Seconds an epoch of reading rows, of reading and casting them, of ``tf.data`` bringing them, each by itself."""
    if trainer.__module__.startswith("lowlevel"):
        from lowlevel import pipeline
    else:
        from highlevel import pipeline
    from shared.batches import BatchPlan
    from shared.blocks import Blocks
    from shared.feed import feed

    given = feed(data, trainer.model, trainer.train)
    plan = BatchPlan(ROWS, BATCH, seed=1)
    source, found = Blocks([given.x, given.y], plan), {}

    def rows() -> None:
        size = source.steps * BATCH
        for block in range(source.count):
            data.x_train[plan.order(0)[block * size : (block + 1) * size]]

    def cast() -> None:
        for block in range(source.count):
            source.read(block)

    def brought() -> None:
        for _ in pipeline.blocks(source, range(1)):
            pass

    for name, work in (("reading", rows), ("reading and casting", cast), ("brought by tf.data", brought)):
        times = []
        for _ in range(3):
            began = time.perf_counter()
            work()
            times.append(time.perf_counter() - began)
        found[name] = min(times)
    return found


def memory(path: str, wing: str, jit: str, kind: str) -> None:
    """How far the peak of the resident set rises above what the process held before the data, in MB; two epochs."""
    import numpy as np

    from shared import load_file, stream_file

    trainer = trainer_of(wing, jit == "True")
    generator = np.random.default_rng(0)
    small = generator.random((300, COLUMNS), np.float32), generator.integers(0, 10, 300)
    trainer.fit(small, epochs=1)  # TensorFlow's own memory, and its programs
    before = peak()
    trainer.fit({"memory": load_file, "file": stream_file}[kind](path), epochs=2)
    print(json.dumps((peak() - before) / 2**20))


def peak() -> int:
    """The highest resident set of this process so far, in bytes."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def run(*arguments: object):
    """What this file prints, called with such arguments in a process of its own."""
    command = [sys.executable, __file__, *map(str, arguments)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])


def main(rounds: int) -> None:
    """Print a row for each wing, with and without XLA, and each stored dtype."""
    columns = (
        "rows",
        "wing",
        "epoch from memory, s",
        "file, s",
        "ratio, lowest, highest",
        "of CPU time",
        "peak, MB: memory, file",
    )
    print(f"| {' | '.join(columns)} |")
    print("| --- " * len(columns) + "|")
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder))
        for dtype in DTYPES:
            path = Path(folder) / f"{dtype}.h5"
            for wing, jit in FORMS:
                found = run("speed", path, wing, jit, rounds)
                held, file = found["slopes"]["memory"], found["slopes"]["file"]
                ratios, used = zip(
                    *([b / a for a, b in zip(*pair, strict=True)] for pair in zip(held, file, strict=True)), strict=True
                )
                peaks = [run("memory", path, wing, jit, kind) for kind in ("memory", "file")]
                print(
                    f"| {dtype} | {wing}{', XLA' if jit else ''} | {min(held)[0]:.3f} | {min(file)[0]:.3f} | "
                    f"{statistics.median(ratios):.2f}, {min(ratios):.2f}, {max(ratios):.2f} | {statistics.median(used):.2f} | "
                    f"{peaks[0]:.0f}, {peaks[1]:.0f} |",
                    flush=True,
                )
            shown = ", ".join(f"{name} {1e3 * seconds:.0f} ms" for name, seconds in found["profile"].items())
            print(f"| {dtype} | an epoch without training: {shown} | | | | | |", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] in (["speed"], ["memory"]):
        {"speed": speed, "memory": memory}[sys.argv[1]](*sys.argv[2:])
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
