"""What a step costs with one and with two workers on this machine, and what of it is the all-reduce.

``python benchmarks/workers.py``. For each net: the bytes of the gradients, the time of a step (the slope between trainings of 1
and of 4 epochs, so that compilation falls out) of one process and of two workers, and the time of adding the gradients up alone.
The workers share one machine's cores, so their steps say nothing about the compute of two machines; the all-reduce goes through
gRPC on 127.0.0.1, which has the software's latency but no wire.
"""

import json
import os
import statistics
import subprocess
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

NETS = {"digits": (400, 25, 15, 10), "signs": (12288, 25, 12, 6)}
ROUNDS, REDUCTIONS = 3, 200


def worker() -> None:
    """Measure in this process, alone or as one of two; the first prints what it found."""
    import tensorflow as tf

    strategy = tf.distribute.MultiWorkerMirroredStrategy() if "TF_CONFIG" in os.environ else None
    import numpy as np

    import lowlevel
    from shared import ModelSpec, TrainSpec

    found = {}
    for name, sizes in NETS.items():
        model, train = ModelSpec.mlp(*sizes), TrainSpec()
        generator = np.random.default_rng(0)
        data = generator.normal(size=(1600, sizes[0])), generator.integers(0, sizes[-1], 1600)
        options = {"execution": "graph"} | ({} if strategy is None else {"strategy": strategy})
        trainer = lowlevel.Trainer(model, train, **options)
        trainer.fit(data)
        slopes = []
        for _ in range(ROUNDS):
            times = []
            for epochs in (1, 4):
                began = time.perf_counter()
                trainer.fit(data, epochs=epochs)
                times.append(time.perf_counter() - began)
            slopes.append((times[1] - times[0]) / 3 / 50)
        found[name] = {"bytes": 4 * model.parameters, "step": slopes}
        if strategy is not None:
            found[name]["all-reduce"] = all_reduce(tf, strategy, [weight.shape for weight in trainer.network.weights])
    if strategy is None or strategy.cluster_resolver.task_id == 0:
        print(json.dumps(found))


def all_reduce(tf, strategy, shapes) -> list[float]:
    """Seconds of adding up such gradients, one call a reduction."""
    from lowlevel.distribution import add_up

    parts = [tf.ones(shape) for shape in shapes]
    once = tf.function(lambda: strategy.run(lambda: add_up(parts)), autograph=False)
    once()
    times = []
    for _ in range(REDUCTIONS):
        began = time.perf_counter()
        once()
        times.append(time.perf_counter() - began)
    return times


def run(workers: int) -> dict:
    """What the first of so many workers measured."""
    from lockstep.workers.crew import environments

    started = [
        subprocess.Popen(
            [sys.executable, __file__, "worker"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        for environment in environments(workers)
    ]
    said = [one.communicate(timeout=300)[0] for one in started]
    return json.loads(said[0].splitlines()[-1])


def main() -> None:
    """Print a row for each net."""
    one, two = run(1), run(2)
    print("| net | gradients, bytes | a step, one process | a step, two workers | all-reduce alone: median, tenth, ninth tenth |")
    print("| --- | --- | --- | --- | --- |")
    for name, figures in two.items():
        steps = [" ".join(f"{1e3 * value:.2f}" for value in sorted(each[name]["step"])) for each in (one, two)]
        times = figures["all-reduce"]
        tenths = statistics.quantiles(times, n=10)
        alone = f"{1e3 * statistics.median(times):.2f} ms, {1e3 * tenths[0]:.2f}, {1e3 * tenths[-1]:.2f}"
        print(f"| {name} | {figures['bytes']:,} | {steps[0]} ms | {steps[1]} ms | {alone} |")


if __name__ == "__main__":
    worker() if sys.argv[1:] == ["worker"] else main()
