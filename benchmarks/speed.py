"""How fast the wings are beside plain ``fit``: ratios of epoch times, measured in turn in one run.

``python benchmarks/speed.py [ROUNDS]``. Plain fit is ``model.fit(x, y, batch_size=32, verbose=0)`` with ``metrics=["accuracy"]``
on NumPy arrays. The time of an epoch is the slope between a training of 1 and one of 6 epochs, so compilation and set-up
fall out.
"""

import os
import statistics
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

import highlevel
import lowlevel
from shared import ModelSpec, TrainSpec, load_digits

SHORT, LONG = 1, 6


def plain(x, y):
    """Keras as its users write it."""
    layers = [keras.layers.Dense(25, "relu"), keras.layers.Dense(15, "relu"), keras.layers.Dense(10)]
    net = keras.Sequential([keras.Input((400,)), *layers])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    net.compile(keras.optimizers.Adam(1e-3), loss, metrics=["accuracy"])
    return lambda epochs: net.fit(x, y, batch_size=32, epochs=epochs, verbose=0)


def ours(wing, x, y, **options):
    """One of our trainers."""
    trainer = wing(ModelSpec.mlp(400, 25, 15, 10), TrainSpec(), **options)
    return lambda epochs: trainer.fit((x, y), epochs=epochs)


def slope(fit) -> float:
    """Seconds an epoch."""
    times = []
    for epochs in (SHORT, LONG):
        began = time.perf_counter()
        fit(epochs)
        times.append(time.perf_counter() - began)
    return (times[1] - times[0]) / (LONG - SHORT)


def main() -> None:
    """Print each contender's ratio to plain fit: median, least and most over the rounds."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    digits = load_digits()
    x, y = digits.x_train.astype("float32"), digits.y_train
    contenders = {
        "keras fit, plain": plain(x, y),
        "high, a step at a time": ours(highlevel.Trainer, x, y, execution="graph"),
        "high, epoch": ours(highlevel.Trainer, x, y, execution="epoch"),
        "high, epoch, XLA": ours(highlevel.Trainer, x, y, execution="epoch", jit_compile=True),
        "low, eager": ours(lowlevel.Trainer, x, y, execution="eager"),
        "low, graph": ours(lowlevel.Trainer, x, y, execution="graph"),
        "low, epoch": ours(lowlevel.Trainer, x, y, execution="epoch"),
        "low, epoch, XLA": ours(lowlevel.Trainer, x, y, execution="epoch", jit_compile=True),
    }
    for fit in contenders.values():
        fit(SHORT)  # compile
    times = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, fit in contenders.items():
            times[name].append(slope(fit))
    reference = times["keras fit, plain"]
    print(f"{'contender':<28}{'ms an epoch':>12}{'times plain fit':>18}{'least':>8}{'most':>8}")
    for name, found in times.items():
        ratios = [a / b for a, b in zip(reference, found, strict=True)]
        print(
            f"{name:<28}{1e3 * statistics.median(found):>12.1f}{statistics.median(ratios):>18.2f}"
            f"{min(ratios):>8.2f}{max(ratios):>8.2f}"
        )


if __name__ == "__main__":
    main()
