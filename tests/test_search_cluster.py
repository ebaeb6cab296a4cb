"""A search on the workers of a Dask scheduler: the bits of the serial one, whatever becomes of the workers."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from test_cli import environment
from test_search import curves
from test_spec import refused

import lockstep
from lockstep import IntUniform, LogUniform
from lockstep.cli import main

WITHOUT = "the extra 'search' is not installed"
SPACE = {"learning_rate": LogUniform(1e-3, 1e-1), "units": IntUniform(3, 9), "batch_size": [7, 16]}


@pytest.fixture(scope="module")
def rows():
    """120 rows of 12 columns in 4 classes that can be learned, as (x, y)."""
    generator = np.random.default_rng(5)
    y = np.arange(120) % 4
    return generator.normal(size=(120, 12)) + 1.5 * np.eye(4)[y].repeat(3, axis=1), y


def test_without_dask_the_extra_is_named_and_nothing_is_trained(rows, monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(sys.modules, "distributed", None)
    refused(lambda: lockstep.search(SPACE, rows, scheduler="tcp://127.0.0.1:1"), "keras-lockstep[search]")
    assert main(["search", "digits", "--scheduler", "tcp://127.0.0.1:1", "--json", str(tmp_path / "found.json")]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert len(shown.err.splitlines()) == 1
    assert "pip install 'keras-lockstep[search]'" in shown.err
    assert list(tmp_path.iterdir()) == []


class Cluster:
    """A scheduler and its workers as processes of 127.0.0.1, which end with the ``with`` statement."""

    def __init__(self, folder):
        self.folder, self.started, self.workers, self.address = folder, [], [], ""

    def __enter__(self):
        file = self.folder / "scheduler.json"
        self.start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", file)
        until = time.monotonic() + 60
        while time.monotonic() < until and not self.address:
            with contextlib.suppress(OSError, ValueError):
                self.address = json.loads(file.read_text())["address"]
            time.sleep(0.1)
        return self

    def start(self, kind, *arguments):
        """Start one of Dask's two programs."""
        log = open(self.folder / f"{kind}-{len(self.started)}.log", "wb")  # noqa: SIM115
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *map(str, arguments)]
        self.started.append(subprocess.Popen(command, cwd=self.folder, env=environment(), stdout=log, stderr=log))
        log.close()
        return self.started[-1]

    def work(self, count=1):
        """So many more workers."""
        for _ in range(count):
            self.workers.append(self.start("worker", self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard"))

    def kill(self, process):
        """End a process as a lost machine would."""
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=30)

    def __exit__(self, *error):
        for process in self.started:
            if process.poll() is None:
                self.kill(process)


@pytest.fixture
def cluster(tmp_path):
    pytest.importorskip("distributed", reason=WITHOUT)
    with Cluster(tmp_path) as started:
        yield started


@pytest.mark.long
def test_S1_03_many_machines_give_the_serial_scores_though_workers_are_lost(rows, cluster):
    """Of two workers one is killed after the first point, the other after the third, when a new one comes that has no rows; and
    that one before the second stage begins."""
    cluster.work(2)
    seen = []

    def progress(point):
        seen.append(point.number)
        if len(seen) == 1:
            cluster.kill(cluster.workers[0])
        if len(seen) in (3, 4):
            cluster.kill(cluster.workers[-1])
            cluster.work()

    serial = lockstep.search(SPACE, rows, points=4, fine=True, epochs=2)
    far = lockstep.search(SPACE, rows, points=4, fine=True, epochs=2, scheduler=cluster.address, progress=progress)
    assert seen == list(range(1, 9))
    assert far.workers == 2
    assert curves(far) == curves(serial)
    assert [point.number for point in far.ranked] == [point.number for point in serial.ranked]

    high = lockstep.search(SPACE, rows, points=2, epochs=2, scheduler=cluster.address, wing="high")  # the same worker goes on
    assert curves(high) == curves(serial)[:2]


@pytest.mark.long
def test_a_point_that_ends_its_workers_again_and_again_ends_the_search(rows, cluster, tmp_path):
    """By a worker that is started anew each time, and that dies of the point, as where memory runs out."""
    (tmp_path / "deadly.py").write_text(
        "import os, signal\n"
        "from lockstep.tuning import cluster\n"
        "def trained_in_worker(*task):\n"
        "    open('deaths', 'a').write('x')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "cluster.trained_in_worker = trained_in_worker\n"
    )
    cluster.start("worker", cluster.address, "--nthreads", "1", "--nanny", "--no-dashboard", "--preload", "deadly.py")
    refused(lambda: lockstep.search(SPACE, rows, points=1, scheduler=cluster.address), "a point that was lost with 4 workers")
    assert (tmp_path / "deaths").read_text() == "xxxx"


@pytest.mark.long
def test_a_search_that_loses_its_scheduler_ends_in_one_line(cluster, tmp_path):
    cluster.work()
    command = [sys.executable, "-m", "lockstep", "search", "digits", "--points", "500", "--epochs", "3"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    started = subprocess.Popen([*command, "--scheduler", cluster.address], env=environment(), cwd=tmp_path, **pipes)
    try:
        assert any(line.split()[:1] == ["1"] for line in started.stdout), started.stderr.read()
        cluster.kill(cluster.started[0])
        _, err = started.communicate(timeout=60)
    finally:
        started.kill()
    assert started.returncode == 2, err
    assert len(err.splitlines()) == 1, err
    assert "a lost connection" in err


@pytest.mark.long
def test_the_command_with_a_scheduler_and_what_goes_wrong_there(rows, cluster, monkeypatch, capsys):
    monkeypatch.setattr("lockstep.tuning.cluster.WAIT", 2)
    refused(lambda: lockstep.search(SPACE, rows, scheduler="tcp://127.0.0.1:1"), "to tcp://127.0.0.1:1 after 2 s")
    refused(lambda: lockstep.search(SPACE, rows, scheduler=cluster.address), "none within 2 seconds")
    cluster.work()
    monkeypatch.setattr("lockstep.tuning.cluster.WAIT", 60)
    assert main(["search", "digits", "--points", "2", "--epochs", "1", "--scheduler", cluster.address, "--json", "-"]) == 0
    shown = capsys.readouterr()
    document = json.loads(shown.out)
    assert document["workers"] == 1
    assert f"1 worker of {cluster.address}" in shown.err
    assert main(["search", "digits", "--points", "2", "--epochs", "1", "--json", "-"]) == 0
    serial = json.loads(capsys.readouterr().out)
    assert document["points"] == serial["points"]

    with monkeypatch.context() as patched:  # the worker has settled on as many threads as there are cores
        patched.setattr(os, "sched_getaffinity", lambda _: range(99))
        refused(lambda: lockstep.search(SPACE, rows, points=1, scheduler=cluster.address), "(99, 99) asked for")
    monkeypatch.setattr("lockstep.tuning.cluster.versions", lambda: {"python": "3", "keras": "2.0"})
    refused(lambda: lockstep.search(SPACE, rows, points=1, scheduler=cluster.address), "python 3, keras 2.0 here")
