"""Part ``predict``: the logits of one row, as many calls in turn, and of a million rows, each contender in a process of its own.

``python -m timing.inference CONTENDER ROWS FILE`` is such a process; it writes its figures to FILE.
"""

import json
import math
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from timing.contenders import keras_net, trainer
from timing.jobs import JOBS

CHUNK = 1024  # rows a call, as in the wings
Predict = Callable[[np.ndarray], object]


def _numpy() -> Predict:
    w1, b1, w2, b2, w3, b3 = JOBS["digits"].weights()

    def predict(x: np.ndarray) -> np.ndarray:
        return np.maximum(np.maximum(x @ w1 + b1, 0) @ w2 + b2, 0) @ w3 + b3

    return predict


def _bare() -> Predict:
    """A concrete function of the same operations, called with a tensor."""
    import tensorflow as tf

    weights = [tf.Variable(one) for one in JOBS["digits"].weights()]

    def logits(x):
        w1, b1, w2, b2, w3, b3 = weights
        h = tf.nn.relu(tf.nn.bias_add(tf.matmul(x, w1), b1))
        h = tf.nn.relu(tf.nn.bias_add(tf.matmul(h, w2), b2))
        return tf.nn.bias_add(tf.matmul(h, w3), b3)

    concrete = tf.function(logits, autograph=False).get_concrete_function(tf.TensorSpec((None, 400), tf.float32))
    return lambda x: concrete(tf.constant(x)).numpy()


def _keras(way: str) -> Predict:
    net = keras_net(JOBS["digits"])
    ways = {
        "call": lambda x: net(x).numpy(),
        "predict": lambda x: net.predict(x, verbose=0),
        "predict-1024": lambda x: net.predict(x, batch_size=CHUNK, verbose=0),
    }
    return ways[way]


def _in_chunks(predict: Predict) -> Predict:
    return lambda x: np.concatenate([predict(x[start : start + CHUNK]) for start in range(0, len(x), CHUNK)])


PREDICTORS: dict[str, tuple[str, Callable[[], Predict]]] = {
    "keras-predict": ("Keras `model.predict(x)`", lambda: _keras("predict")),
    "keras-predict-1024": ("Keras `model.predict(x, batch_size=1024)`", lambda: _keras("predict-1024")),
    "keras-call": ("Keras `model(x)`", lambda: _keras("call")),
    "high": ("high-level, `predict`", lambda: trainer("highlevel", JOBS["digits"]).predict),
    "low": ("low-level, `predict`", lambda: trainer("lowlevel", JOBS["digits"]).predict),
    "bare": ("a bare concrete `tf.function`", _bare),
    "numpy": ("NumPy by hand", _numpy),
}
ONE = [key for key in PREDICTORS if key != "keras-predict-1024"]
CHUNKED = ("bare", "numpy")  # of a million rows; the others cut by themselves, but for `model(x)`, which takes all at once


def one(rounds: int, quick: bool) -> dict:
    """Seconds of single calls with one row: median, tenth and ninth tenth of many, in blocks in turn."""
    x = np.random.default_rng(0).random((1, 400), np.float32)
    made = {key: PREDICTORS[key][1]() for key in ONE}
    counts, times = {}, {key: [] for key in made}
    for key, predict in made.items():
        for _ in range(3):
            began = time.perf_counter()
            predict(x)
            took = time.perf_counter() - began
        counts[key] = max(2, math.ceil((0.005 if quick else 0.1) / took))
    for _ in range(4 * rounds):
        for key, predict in made.items():
            for _ in range(counts[key]):
                began = time.perf_counter()
                predict(x)
                times[key].append(time.perf_counter() - began)
    found = {}
    for key, all_of in times.items():
        tenths = statistics.quantiles(all_of, n=10)
        found[key] = {"calls": len(all_of), "median": statistics.median(all_of), "tenths": [tenths[0], tenths[-1]]}
        print(f"  {PREDICTORS[key][0]}: {1e6 * found[key]['median']:.0f} µs", flush=True)
    return found


def million(rounds: int, quick: bool) -> dict:
    """Seconds and growth of the peak of memory of one call with a million rows; a fresh process each, in turn."""
    rows = 20_000 if quick else 1_000_000
    found: dict = {key: {"seconds": [], "growth": []} for key in PREDICTORS}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "said.json")
        for _ in range(min(rounds, 2)):
            for key in PREDICTORS:
                command = [sys.executable, "-m", "timing.inference", key, str(rows), str(file)]
                subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                said = json.loads(file.read_text())
                found[key]["seconds"].append(said["seconds"])
                found[key]["growth"].append(said["growth"])
                print(f"  {PREDICTORS[key][0]}: {said['seconds']:.2f} s, {said['growth']:.0f} MiB more", flush=True)
    return {"rows": rows, "contenders": found}


def main() -> None:
    """Be such a process: predict a little, so that all is compiled, then the rows."""
    key, rows, file = sys.argv[1:]
    predict = PREDICTORS[key][1]()
    predict = _in_chunks(predict) if key in CHUNKED else predict
    x = np.empty((int(rows), 400), np.float32)
    np.random.default_rng(0).random(out=x, dtype=np.float32)
    predict(x[: 2 * CHUNK + int(rows) % CHUNK])
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    before = pages * resource.getpagesize() / 2**20
    began = time.perf_counter()
    predict(x)
    took = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    Path(file).write_text(json.dumps({"seconds": took, "growth": max(0.0, peak - before)}))


if __name__ == "__main__":
    main()
