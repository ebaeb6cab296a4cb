"""Memory over a long training: what the process holds at epochs 100, 500, 1,000 and 1,500 of the signs net, in every form.

``python benchmarks/memory.py [EPOCHS] [FORM ...]``, by default 1,500 epochs and all forms, each in a process of its own: the net
of the course notes for hand signs (12288-25-12-6, Adam) on 80 random pictures in batches of 32, so that each epoch has a smaller
last batch, and 20 more on which it is validated. ``compare`` runs two sides with all their records. Resident memory and open file
handles are those that Linux gives in ``/proc/self``.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = Path(__file__).resolve().parents[1]
WINGS = {"low": "lowlevel", "high": "highlevel"}
FORMS = [f"{wing}-{form}{xla}" for wing in WINGS for form in ("eager", "graph", "epoch") for xla in ("", "-xla")]
FORMS = [form for form in FORMS if form not in ("low-eager-xla", "high-eager-xla")]  # eager code is not compiled
FORMS.append("compare")


def marks(epochs: int) -> tuple[int, ...]:
    """The epochs at whose end we look: of 1,500 these are 100, 500, 1,000 and 1,500."""
    return tuple(max(1, epochs * part // 15) for part in (1, 5, 10, 15))


def look() -> tuple[float, int]:
    """Resident memory in MiB, and open file handles."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20, len(os.listdir("/proc/self/fd"))


class Looker:
    """A callback of either wing that looks at the epochs of ``marks``."""

    def __init__(self, epochs: int) -> None:
        self.marks, self.seen = marks(epochs), []

    def on_epoch_end(self, epoch, logs):
        """Called by both wings, epochs counted from 0."""
        if epoch + 1 in self.marks:
            self.seen.append(look())


def measure(form: str, epochs: int) -> list[tuple[float, int]]:
    """Train in this process; memory and handles at each mark."""
    import numpy as np

    from shared import ModelSpec, TrainSpec

    generator = np.random.default_rng(0)
    x, y = generator.random((100, 12288), np.float32), np.arange(100) % 6
    data, test = (x[:80], y[:80]), (x[80:], y[80:])
    model = ModelSpec.mlp(12288, 25, 12, 6)
    train = TrainSpec(optimizer="adam", learning_rate=1e-4, epochs=epochs, batch_size=32, seed=1)
    looker = Looker(epochs)
    if form == "compare":
        from lockstep.comparison import compare
        from shared.records import EpochRecord

        def progress(moment, tallies):
            if isinstance(moment[0], EpochRecord):
                looker.on_epoch_end(moment[0].epoch - 1, {})

        compare(model, train, data, sides="epoch,keras", progress=progress)
    else:
        wing, execution, *xla = form.split("-")
        trainer = __import__(WINGS[wing]).Trainer(model, train, execution=execution, jit_compile=bool(xla))
        trainer.fit(data, validation_data=test, callbacks=[looker])
    return looker.seen


def main() -> None:
    """Print a row for each form."""
    epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 1500
    if sys.argv[3:] == ["here"]:
        print(*(f"{memory:.2f} {handles}" for memory, handles in measure(sys.argv[2], epochs)))
        return
    heads = "".join(f"{f'epoch {mark}':>12}" for mark in marks(epochs))
    print(f"{'form':<16}{heads}   last/first   handles   seconds", flush=True)
    for form in sys.argv[2:] or FORMS:
        began = time.perf_counter()
        command = [sys.executable, __file__, str(epochs), form, "here"]
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        done = subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"{form:<16}  failed: {done.stderr.strip().splitlines()[-1:]}", flush=True)
            continue
        numbers = done.stdout.split()
        memory, handles = [float(number) for number in numbers[::2]], numbers[1::2]
        cells = "".join(f"{value:>8.1f} MiB" for value in memory)
        shown = ", ".join(dict.fromkeys(handles))
        print(f"{form:<16}{cells}{memory[-1] / memory[0]:>12.4f} {shown:>9}{time.perf_counter() - began:>10.0f}", flush=True)


if __name__ == "__main__":
    main()
