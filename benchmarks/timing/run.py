"""Runs the parts, each in a process of its own, and keeps the figures of each as soon as it has them."""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

from timing.parts import PARTS

BENCHMARKS = Path(__file__).resolve().parents[1]
PACKAGES = ("tensorflow", "keras", "numpy", "scikit-learn", "torch", "jax", "numba")


def machine() -> dict:
    """What the figures were measured on."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = None
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"python": platform.python_version(), "system": f"{platform.system()} {platform.machine()}", "cores": cores} | {
        "versions": versions
    }


def read(keep: Path) -> dict:
    """The figures that are kept: ``parts``, each with the machine that it was measured on."""
    return json.loads(keep.read_text(encoding="utf-8")) if keep.exists() else {"parts": {}}


def environment() -> dict[str, str]:
    """That of a part's process: the packages of this clone come first."""
    places = [str(BENCHMARKS.parent), str(BENCHMARKS), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ, "PYTHONPATH": os.pathsep.join(places)}


def run(names: list[str], keep: Path, rounds: int, quick: bool, again: bool) -> dict:
    """Measure the parts, and return all figures that are kept then.

    Args:
        names: of the parts, in order.
        keep: the JSON file, written anew after each part.
        rounds: how often contenders take turns.
        quick: tiny sizes.
        again: whether also those that are kept already.
    """
    figures = read(keep)
    kept = {} if again else {name for name, part in figures["parts"].items() if part["quick"] == quick}
    todo = [name for name in names if name not in kept]
    if todo and not quick:
        minutes = sum(PARTS[name][1] for name in todo) / 60
        print(f"{len(todo)} parts, about {minutes:.0f} minutes at 5 rounds on two quiet cores", flush=True)
    for name in todo:
        print(name if quick else f"{name}: about {PARTS[name][1]} s", flush=True)
        began = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "figures.json")
            command = [sys.executable, "-m", "timing.parts", name, str(rounds), str(quick), str(file)]
            subprocess.run(command, env=environment(), check=True)
            found = json.loads(file.read_text())
        took = time.perf_counter() - began
        said = {"quick": quick, "rounds": rounds, "seconds": round(took, 1), "machine": machine(), "figures": found}
        figures["parts"][name] = said
        keep.parent.mkdir(parents=True, exist_ok=True)
        beside = keep.with_name(f".{keep.name}")
        beside.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
        beside.replace(keep)
        print(f"{name}: took {took:.0f} s", flush=True)
    return figures
