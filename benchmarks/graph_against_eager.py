"""What ``@tf.function`` is worth on the course's net: one SGD step of 12288-25-12-6 on 32 pictures, three ways, in turn.

``python benchmarks/graph_against_eager.py [ROUNDS] [INPUTS]``. Eager: the functions of ``tf2_functions``. Functions: those of
``tf2_graph_functions``, tape and update still run from Python, as the course has it. Step: all of it in one graph.
"""

import os
import statistics
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

from lowlevel import optimizers
from lowlevel.ladder import tf2_functions, tf2_graph_functions
from shared import TrainSpec

STEPS = 100


def stepper(functions, inputs: int):
    """A function that trains one step with the functions of a rung."""
    parameters = tf2_functions.initialize_parameters((inputs, 25, 12, 6))
    variables = list(parameters.values())
    optimizer = optimizers.get(TrainSpec(optimizer="sgd", learning_rate=1e-4))
    optimizer.build(variables)

    def step(X, Y):
        with tf.GradientTape() as tape:
            loss = functions.compute_total_loss(functions.forward_propagation(X, parameters), Y) / 32
        optimizer.apply(tape.gradient(loss, variables), variables)

    return step


def main() -> None:
    """Print milliseconds a step, and the ratio to eager: median, least and most over the rounds."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    inputs = int(sys.argv[2]) if len(sys.argv) > 2 else 12288
    generator = np.random.default_rng(0)
    X = tf.constant(generator.random((inputs, 32)), tf.float32)
    Y = tf.one_hot(np.arange(32) % 6, 6, axis=0)
    contenders = {
        "eager": stepper(tf2_functions, inputs),
        "functions": stepper(tf2_graph_functions, inputs),
        "step": tf.function(stepper(tf2_graph_functions, inputs)),
    }
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for round_ in range(rounds + 1):
        for name, step in contenders.items():
            began = time.perf_counter()
            for _ in range(STEPS):
                step(X, Y)
            if round_:  # the first round traces
                times[name].append((time.perf_counter() - began) / STEPS)
    print(f"{'contender':<12}{'ms a step':>10}{'times eager':>13}{'least':>8}{'most':>8}")
    for name, found in times.items():
        ratios = [a / b for a, b in zip(times["eager"], found, strict=True)]
        middle = statistics.median(ratios)
        print(f"{name:<12}{1e3 * statistics.median(found):>10.3f}{middle:>13.2f}{min(ratios):>8.2f}{max(ratios):>8.2f}")


if __name__ == "__main__":
    main()
