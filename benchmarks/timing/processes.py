"""Part ``process``: a whole process that trains the digits, from start to end, and one that only imports. Time and peak memory.

``python -m timing.processes CONTENDER EPOCHS FILE`` is such a process; with 0 epochs it only imports. FILE holds x and y.
"""

import os
import subprocess
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path

import numpy as np

from timing.contenders import CONTENDERS
from timing.jobs import job_of

MODULES = {"low-auto": "lowlevel", "high-auto": "highlevel", "keras-fit": "keras", "torch-fused": "torch", "jax-scan": "jax"}


def run(key: str, epochs: int, file: Path) -> tuple[float, float]:
    """Seconds and peak MiB of such a process."""
    command = [sys.executable, "-m", "timing.processes", key, str(epochs), str(file)]
    began = time.perf_counter()
    started = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(started.pid, 0)
    took = time.perf_counter() - began
    started.returncode = os.waitstatus_to_exitcode(status)
    if started.returncode:
        raise RuntimeError(f"{' '.join(command[1:])} ended with {started.returncode}")
    return took, usage.ru_maxrss / 1024


def measure(rounds: int, quick: bool) -> dict:
    """Seconds and MiB of each contender's processes, in turn."""
    job, epochs = job_of("digits", quick), 2 if quick else 40
    keys = [key for key in MODULES if CONTENDERS[key].installed]
    found: dict = {key: {"whole": [], "import": [], "memory": []} for key in keys}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "data.npz")
        np.savez(file, x=job.data[0], y=job.data[1])
        for _ in range(rounds):
            for key in keys:
                alone, _ = run(key, 0, file)
                whole, memory = run(key, epochs, file)
                for name, value in (("import", alone), ("whole", whole), ("memory", memory)):
                    found[key][name].append(value)
                print(f"  {CONTENDERS[key].label}: {whole:.2f} s, of which import {alone:.2f} s, {memory:.0f} MiB", flush=True)
    return {
        "epochs": epochs,
        "rows": job.rows,
        "contenders": found,
        "left out": {key: "not installed" for key in MODULES if key not in keys},
    }


def main() -> None:
    """Be such a process."""
    key, epochs, file = sys.argv[1:]
    import_module(MODULES[key])
    if int(epochs):
        with np.load(file) as data:
            x, y = data["x"], data["y"]
        CONTENDERS[key].make(job_of("digits", False), x, y)(int(epochs))


if __name__ == "__main__":
    main()
