"""Kill trainings at random moments, again and again, and see that each ends in the bits of one that nobody killed.

``python benchmarks/kills.py [KILLS] [REPORTS] [SEED]``: so many SIGKILLs in each wing (100), and so many in comparisons that
write their report (50). A child says through a pipe what it is about to do, so that it is known where each kill landed: in a
step, in the writing of a checkpoint, in that of a report, or between. What a child writes it writes slowly here, in pieces, so
that a kill can land within. Kills before the first step of a child do not count, and neither does a child that ends before it is
killed. Kills go on until enough of them have landed in each place.

After each kill every checkpoint must hold, byte for byte, what that of a training holds that nobody killed, the newest of
before must be there or a newer one, and every report must be whole.
The children are forked from a process that has imported TensorFlow and never uses it.
"""

import hashlib
import json
import os
import random
import select
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from functools import partial
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import highlevel
import lockstep
import lowlevel
import shared.checkpoints.folder as folder_of
import shared.files as files
from lockstep import comparison
from shared import Checkpoints, ModelSpec, TrainSpec, load_digits
from shared.checkpoints.sealed import opened

NAMES = {"s": "in a step", "w": "in a checkpoint write", "r": "in a report write", ".": "between"}
PIECES, PAUSE = 8, 0.004  # a file is written in so many pieces, with so many seconds between
SPARED = 0.1  # the share of children that may go on to the end, so that what many kills have left is seen to end well
DIGITS = load_digits()
DATA = (DIGITS.x_train[::10], DIGITS.y_train[::10])
MODEL = ModelSpec.mlp(400, 64, 32, 10)
TRAIN = TrainSpec(epochs=6, batch_size=32, seed=3, use_ema=True)
SHORT = TrainSpec(epochs=3, batch_size=64, seed=3)


# ----------------------------------------------------------------------------------------------------------- in a child


class Slow:
    """A file that is written in pieces."""

    def __init__(self, stream):
        self.stream = stream

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.stream.close()

    def __getattr__(self, name):
        return getattr(self.stream, name)

    def write(self, content):
        size = -(-len(content) // PIECES) or 1
        for start in range(0, len(content), size):
            self.stream.write(content[start : start + size])
            self.stream.flush()
            time.sleep(PAUSE)


def announce(say):
    """Make every write slow, and known."""
    opening, write_durable, write_whole = files.Path.open, folder_of.write_durable, files.write_whole

    def open_slowly(path, mode="r", *more, **options):
        stream = opening(path, mode, *more, **options)
        return Slow(stream) if mode == "wb" else stream

    def told(write, mark):
        def writing(*arguments):
            say(mark)
            write(*arguments)
            say(".")

        return writing

    files.Path.open = open_slowly
    folder_of.write_durable = told(write_durable, "w")
    lockstep.report.report.write_whole = told(write_whole, "r")


class Low(lowlevel.Trainer):
    """Says when TensorFlow runs a step, or as many as the form runs at once."""

    say = staticmethod(lambda mark: None)

    def _function(self, name, *rows):
        function = super()._function(name, *rows)

        def called(*arguments):
            self.say("s")
            result = function(*arguments)
            self.say(".")
            return result

        return called


class Steps(keras.callbacks.Callback):
    """Says when ``fit`` runs a step."""

    def __init__(self, say):
        super().__init__()
        self.say = say

    def on_train_batch_begin(self, batch, logs=None):
        self.say("s")

    def on_train_batch_end(self, batch, logs=None):
        self.say(".")


def train(wing, folder, form, say, keep=3):
    """Train to the end, from wherever the last child was killed; returns the digest of all that the training leaves."""
    if wing == "low":
        Low.say = staticmethod(say)
        trainer, callbacks = Low(MODEL, TRAIN, execution=form), []
    else:
        trainer, callbacks = highlevel.Trainer(MODEL, TRAIN, execution=form), [Steps(say)]
    kept = (
        None if folder is None else Checkpoints(folder, every=4, keep=keep, tell=lambda line: say("!" * ("passed over" in line)))
    )
    history = trainer.fit(DATA, callbacks=callbacks, checkpoint=kept, resume=kept is not None)
    state, found = trainer.state(), hashlib.sha256(json.dumps(history.history).encode())
    for value in (*state.weights, *state.slots):
        found.update(np.ascontiguousarray(value).tobytes())
    return found.hexdigest()


def compare(folder, say):
    """Compare to the end, and write both forms of the report."""

    def step(moment, tallies):
        say("s")

    kept = Checkpoints(folder / "kept", every=5, tell=lambda line: say("!" * ("passed over" in line)))
    report = comparison.compare(MODEL, SHORT, DATA, sides="epoch,keras", progress=step, checkpoint=kept, resume=True)
    for name in ("report.json", "report.html"):
        report.save(folder / name)
    return digest_of_report((folder / "report.json").read_text())


def digest_of_report(text):
    """Of all but the time that it took; of a text that is cut short there is none."""
    return hashlib.sha256(json.dumps({**json.loads(text), "seconds": 0}).encode()).hexdigest()


# -------------------------------------------------------------------------------------------------------- in the parent


class Child:
    """A forked process that runs ``work(say)``; what it says arrives in ``said``, and what it returns after a ``=``."""

    def __init__(self, work):
        self.said, self.ended = "", False
        self.pipe, out = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            status = 1
            try:
                os.close(self.pipe)
                say = lambda mark: os.write(out, mark.encode())  # noqa: E731
                announce(say)
                say("=" + work(say))
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(status)
        os.close(out)

    def listen(self, seconds):
        """What arrives within so many seconds, or at once."""
        if self.ended or not select.select([self.pipe], [], [], seconds)[0]:
            return ""
        heard = os.read(self.pipe, 65536).decode()
        self.ended = not heard
        self.said += heard
        return heard

    def wait_for(self, mark, seconds=60.0):
        """Whether the mark arrives, and nothing after it yet."""
        until = time.monotonic() + seconds
        while not self.ended and time.monotonic() < until:
            if self.listen(0.05).endswith(mark):
                return True
        return False

    def pause(self, seconds):
        """Let time pass, and keep the pipe empty."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self.ended:
            self.listen(left)

    def end(self, kill):
        """Kill it, or wait for its end; returns its last mark, or what it returned."""
        if kill:
            os.kill(self.pid, signal.SIGKILL)
        while not self.ended:
            self.listen(5.0)
        os.close(self.pipe)
        _, status = os.waitpid(self.pid, 0)
        assert "!" not in self.said, "a damaged checkpoint was met"
        if "=" in self.said:
            return self.said.rpartition("=")[2]
        assert os.WIFSIGNALED(status), f"a child ended by itself with {status}"
        return self.said[-1]


def sound(folder, before, right=None):
    """The steps of the checkpoints in a folder, after a look at every digest; the newest of ``before`` may not be lost.

    ``right``: by name, what the files of a training that nobody killed hold.
    """
    found = []
    for path in Checkpoints(folder).paths():
        with opened(path) as checkpoint:
            found.append(checkpoint.header["steps"])
        assert right is None or path.read_bytes() == right[path.name], "a checkpoint with other bits"
    assert max(found, default=0) >= max(before, default=0), "a checkpoint was lost"
    return found


def kill_many(name, kills, draw, work, expected, quota, check):
    """Kill children of one kind and print where; ``quota`` says how many must land where, and ``check(folder, before)`` looks at
    what is left after each kill."""
    landed, finished = Counter(), 0
    with tempfile.TemporaryDirectory() as top:
        number, folder, before = 0, Path(top, "0"), []
        folder.mkdir()
        while sum(landed.values()) < kills or any(landed[mark] < quota[mark] for mark in quota):
            wanted = [mark for mark in quota if landed[mark] < quota[mark]]
            child, spared = Child(work(folder)), draw.random() < SPARED
            if not spared:
                child.wait_for("s")  # from here on kills count
                child.pause(draw.uniform(0, 0.25))
                aim = draw.choice(wanted or list(quota))
                child.wait_for(aim, 20.0)
                time.sleep(draw.uniform(0, 0.003 if aim == "s" else PIECES * PAUSE))
            ended = child.end(kill=not spared)
            before = check(folder, before)
            if len(ended) > 1:  # it was done already
                assert ended == expected, "other bits"
                finished += 1
                number, before = number + 1, []
                folder = Path(top, str(number))
                folder.mkdir()
            else:
                landed[ended] += 1
                if sum(landed.values()) % 20 == 0:
                    print(f"  {name}: {sum(landed.values())} kills", file=sys.stderr, flush=True)
        assert Child(work(folder)).end(kill=False) == expected, "other bits"
    where = ", ".join(f"{landed[mark]} {text}" for mark, text in NAMES.items() if landed[mark])
    print(f"{name}: {sum(landed.values())} kills: {where}; {finished + 1} ended, each in the same bits", flush=True)


def main():
    """Print where the kills landed."""
    kills, reports, seed = (int(given) for given in (*sys.argv[1:], *("100", "50", "0")[len(sys.argv) - 1 :]))
    draw = random.Random(seed)
    expected = {wing: Child(lambda say, wing=wing: train(wing, None, "graph", say)).end(kill=False) for wing in ("low", "high")}
    assert expected["low"] == expected["high"]
    with tempfile.TemporaryDirectory() as folder:
        assert Child(lambda say: train("low", Path(folder), "graph", say, keep=99)).end(kill=False) == expected["low"]
        right = {path.name: path.read_bytes() for path in Checkpoints(folder).paths()}
    for wing in ("low", "high"):

        def work(folder, wing=wing):
            form = draw.choice(["graph", "epoch"])
            return lambda say: train(wing, folder, form, say)

        quota = {"s": kills // 4, "w": kills // 4}
        kill_many(f"{wing}-level wing", kills, draw, work, expected[wing], quota, partial(sound, right=right))

    with tempfile.TemporaryDirectory() as folder:
        report = Child(lambda say: compare(Path(folder), say)).end(kill=False)

    def whole(folder, before):
        page, document = folder / "report.html", folder / "report.json"
        assert not page.exists() or page.read_text().rstrip().endswith("</html>"), "half a page"
        assert not document.exists() or digest_of_report(document.read_text()) == report, "half a document, or another"
        return sound(folder / "kept", before)

    kill_many("comparison", reports, draw, lambda folder: lambda say: compare(folder, say), report, {"r": reports // 2}, whole)


if __name__ == "__main__":
    main()
