"""What a checkpoint costs: its bytes, the time to take the state, to make the file and to bring it to the disk; and what an epoch
costs with a checkpoint at its end, against one without.

``python benchmarks/checkpoints.py [ROUNDS]``. The net of the digits and that of the hand signs, Adam. Ratios are of trainings
that run in turn; the time of an epoch is the slope between a training of 1 and one of 11 epochs.
"""

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

import highlevel
import lowlevel
from shared import Checkpoints, ModelSpec, TrainSpec, load_digits
from shared.batches import plan_of
from shared.checkpoints import Point
from shared.checkpoints.identity import identity
from shared.checkpoints.keeper import Keeper
from shared.checkpoints.sealed import opened, sealed
from shared.feed import feed
from shared.files import write_durable

SHORT, LONG = 1, 11


def middle(work, rounds):
    """Milliseconds, the median."""
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        times.append(1e3 * (time.perf_counter() - began))
    return statistics.median(times)


def parts(name, model, data, rounds, folder):
    """A line for each wing: what the parts of a checkpoint cost."""
    train = TrainSpec()
    given = feed(data, model, train)
    plan = plan_of(None, len(given.x), train.batch_size, train.seed, train.shuffle)
    whose = middle(lambda: identity("training", model, train, given, plan), 3)
    for wing in (lowlevel, highlevel):
        trainer = wing.Trainer(model, train)
        header, arrays = Point(state=trainer.state(), epoch=0).to_file()
        content = sealed(header, arrays)
        path = Path(folder, "checkpoint-00000000.h5")

        def read(path=path, trainer=trainer):
            with opened(path) as found:
                Point.from_file(found, trainer.state(), plan.steps)

        costs = [
            middle(trainer.state, rounds),
            middle(lambda header=header, arrays=arrays: sealed(header, arrays), rounds),
            middle(lambda path=path, content=content: write_durable(path, content), rounds),
            middle(read, rounds),
        ]
        print(f"{name:<8}{wing.__name__:<11}{len(content):>12,}" + "".join(f"{cost:>10.1f}" for cost in (*costs, whose)))


def slope(fit):
    """Seconds an epoch."""
    times = []
    for epochs in (SHORT, LONG):
        began = time.perf_counter()
        fit(epochs)
        times.append(time.perf_counter() - began)
    return (times[1] - times[0]) / (LONG - SHORT)


def epochs(rounds, folder):
    """A line for each wing and habit: an epoch of the digits with checkpoints against one without."""
    digits = load_digits()
    data = (digits.x_train, digits.y_train)
    for wing in (lowlevel, highlevel):
        trainer = wing.Trainer(ModelSpec.mlp(400, 25, 15, 10), TrainSpec())

        def fit(count, every, trainer=trainer):
            kept = None if every == "none" else Checkpoints(Path(folder, "kept"), every)
            trainer.fit(data, epochs=count, checkpoint=kept)
            if kept is not None:
                kept.clear()

        habits = ["none", "epoch", 10, "30s"]
        times = {habit: [] for habit in habits}
        for habit in habits:
            fit(1, habit)
        for _ in range(rounds):
            for habit in habits:
                times[habit].append(slope(lambda count, habit=habit: fit(count, habit)))
        for habit in habits:
            ratios = [a / b for a, b in zip(times[habit], times["none"], strict=True)]
            spread = f"{statistics.median(ratios):>8.2f}{min(ratios):>8.2f}{max(ratios):>8.2f}"
            print(f"{wing.__name__:<11}every {habit!s:<8}{1e3 * statistics.median(times[habit]):>10.1f}{spread}")


def unused(rounds):
    """Nanoseconds that a step pays for the question whether there are checkpoints."""
    given = feed((np.zeros((32, 4)), np.zeros(32, int)), ModelSpec.mlp(4, 2), TrainSpec())
    plan = plan_of(None, 32, 1, 0, True)
    keeper = Keeper(None, False, None, given, plan, 1, "graph")
    count = 100_000
    return middle(lambda: [keeper.after_step(1) for _ in range(count)], rounds) * 1e6 / count


def main() -> None:
    """Print the three tables."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    draw = np.random.default_rng(0)
    signs = (draw.random((1080, 12288), np.float32), draw.integers(0, 6, 1080))
    digits = load_digits()
    with tempfile.TemporaryDirectory() as folder:
        print(
            f"{'net':<8}{'wing':<11}{'bytes':>12}" + "".join(f"{name:>10}" for name in ("take", "make", "write", "read", "whose"))
        )
        parts("digits", ModelSpec.mlp(400, 25, 15, 10), (digits.x_train, digits.y_train), 4 * rounds, folder)
        parts("signs", ModelSpec.mlp(12288, 25, 12, 6), signs, 4 * rounds, folder)
        print("in milliseconds; whose: the digest of data and order, once a training\n")
        print(f"{'wing':<11}{'checkpoint':<14}{'ms/epoch':>10}{'ratio':>8}{'least':>8}{'most':>8}")
        epochs(rounds, folder)
    print(f"\nwithout checkpoints a step pays {unused(rounds):.0f} ns for the question")


if __name__ == "__main__":
    main()
