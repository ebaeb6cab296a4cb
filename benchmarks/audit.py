"""What an audit costs: 20 steps of the digit classifier, against the loop and ``model.fit`` together, each from a cold start.

``python benchmarks/audit.py [RUNS]`` starts a new process for every figure, the two in turn, and prints for each loop the ratio
of the times without the imports, tracing included: smallest, middle and largest of RUNS (3). The loops: right and written in
eager code, right and compiled, one with a mistake, one with two, and one with a mistake that no trap of the catalogue is.
"""

import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
KINDS = ("eager", "graph", "one mistake", "two mistakes", "unknown mistake")
STEPS, BATCH = 20, 32


def once(what: str, kind: str) -> None:
    """Print the seconds that one of the two takes in this process."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras
    import tensorflow as tf

    import lockstep
    from lockstep.auditing import audit
    from shared import load_digits

    digits = load_digits()
    x, y = digits.x_train[:: 5000 // (STEPS * BATCH)].astype("float32"), digits.y_train[:: 5000 // (STEPS * BATCH), 0]
    x, y = x[: STEPS * BATCH], y[: STEPS * BATCH].astype("int64")
    began = time.perf_counter()
    layers = [keras.layers.Dense(25, "relu"), keras.layers.Dense(15, "relu"), keras.layers.Dense(10)]
    model = keras.Sequential([keras.Input((400,)), *layers])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    step, variables = loop(tf, model, kind)
    if what == "audit":
        finding = audit(step, variables, model, x, y, batch_size=BATCH, steps=STEPS)
        codes = [cause.code for cause in finding.causes]
    else:
        for at in range(0, len(x), BATCH):
            step(tf.constant(x[at : at + BATCH]), tf.constant(y[at : at + BATCH]))
        model.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0)
        codes = []
    print(time.perf_counter() - began, ",".join(codes) or "-", lockstep.__name__)


def loop(tf, model, kind):
    """Adam by hand on the digit net."""
    weights = [tf.Variable(weight.value) for weight in model.weights]
    slots = [(tf.Variable(tf.zeros_like(w)), tf.Variable(tf.zeros_like(w))) for w in weights]
    count = tf.Variable(0.0)
    wrong, unknown = "mistake" in kind, kind == "unknown mistake"
    reduce = tf.reduce_sum if wrong and not unknown else tf.reduce_mean

    def step(x, y):
        with tf.GradientTape() as tape:
            hidden = tf.nn.relu(x @ weights[0] + weights[1])
            hidden = tf.nn.relu(hidden @ weights[2] + weights[3])
            loss = reduce(tf.nn.sparse_softmax_cross_entropy_with_logits(y, hidden @ weights[4] + weights[5]))
        count.assign_add(1.0)
        t = tf.constant(1.0) if kind == "two mistakes" else count
        rate = 1e-3 * tf.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        for w, (m, v), g in zip(weights, slots, tape.gradient(loss, weights), strict=True):
            g = g + 0.01 * tf.sin(w) if unknown else g
            m.assign(0.9 * m + 0.1 * g)
            v.assign(0.999 * v + 0.001 * g * g)
            w.assign_sub(rate * m / (tf.sqrt(v) + 1e-7))
        return loss

    return (step if kind == "eager" else tf.function(step)), weights


def main(runs: str = "3") -> None:
    """Print the table."""
    print(f"{'loop':<18} {'loop and fit':>13} {'audit':>8} {'ratio (smallest, middle, largest)':>34}   first cause")
    for kind in KINDS:
        pairs = [[run(what, kind) for what in ("plain", "audit")] for _ in range(int(runs))]
        ratios = sorted(audit[0] / plain[0] for plain, audit in pairs)
        plain, audited = (median(pair[at][0] for pair in pairs) for at in (0, 1))
        spread = f"{ratios[0]:.2f}, {median(ratios):.2f}, {ratios[-1]:.2f}"
        print(f"{kind:<18} {plain:>11.2f} s {audited:>6.2f} s {spread:>34}   {pairs[0][1][1]}", flush=True)


def run(what: str, kind: str) -> tuple[float, str]:
    """Seconds and causes of one process."""
    done = subprocess.run(
        [sys.executable, __file__, "--once", what, kind],
        env=os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, codes, _ = done.stdout.split()
    return float(seconds), codes


if __name__ == "__main__":
    if sys.argv[1:2] == ["--once"]:
        once(*sys.argv[2:])
    else:
        main(*sys.argv[1:])
