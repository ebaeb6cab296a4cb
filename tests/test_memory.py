"""Memory over a long training: flat, and no file handle is left open (``benchmarks/memory.py``: 1,500 epochs, every form)."""

import subprocess
import sys

import pytest
from test_cli import ROOT, environment


@pytest.mark.long
@pytest.mark.parametrize("form", ["low-epoch", "high-graph", "compare"])
def test_memory_is_flat_over_many_epochs(form):
    """From epoch 20 to epoch 300, which is 900 steps."""
    command = [sys.executable, ROOT / "benchmarks" / "memory.py", "300", form]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=300, check=True)
    *_, last = done.stdout.splitlines()
    name, *cells, ratio, handles, _ = last.split()
    memory = [float(cell) for cell in cells[::2]]
    assert (name, len(memory)) == (form, 4), done.stdout
    assert float(ratio) == pytest.approx(memory[-1] / memory[0], abs=1e-3)
    assert memory[-1] <= 1.05 * memory[0]
    assert handles.isdigit(), "the number of open handles changed"
