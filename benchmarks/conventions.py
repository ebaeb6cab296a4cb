"""What each convention is worth: one deviation at a time on the digits, compared with ``fit``.

``python benchmarks/conventions.py [EPOCHS]`` prints, for each deviation, the first difference and the largest difference of any
weight after 1 epoch and after the last. ``docs/parity.md`` quotes it.
"""

import os
import sys
from functools import partial

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf

import lockstep
import lowlevel
from lockstep import Side
from lowlevel.layers import Dense
from shared import ModelSpec, TrainSpec, load_digits
from shared.records import StepRecord


class Plus(Dense):
    """``x @ kernel + bias`` in place of ``bias_add``."""

    def __call__(self, x, training=False):
        return self.activation(tf.matmul(x, self.kernel) + self.bias)


class Summed(lowlevel.Trainer):
    """The sum of the batch's losses in place of their mean."""

    def __init__(self, model, train, **options):
        super().__init__(model, train, **options)
        self.reduction = tf.reduce_sum


def plus(model, train):
    """A trainer whose layers are of that kind."""
    trainer = lowlevel.Trainer(model, train, execution="graph")
    layers = tuple(Plus(layer.kernel, layer.bias, layer.activation) for layer in trainer.network.layers)
    object.__setattr__(trainer.network, "layers", layers)  # frozen for everybody else
    return trainer


def separate(model, train):
    """A trainer in eager code whose products, biases and activations are separate operations."""
    trainer = lowlevel.Trainer(model, train, execution="eager")
    net = trainer.network
    net.__dict__["graphs"] = {key: partial(net.layer, key[0], training=key[1]) for key in net.graphs}
    return trainer


def known_batch(model, train):
    """A trainer whose graphs know the size of their batches."""
    trainer = lowlevel.Trainer(model, train, execution="graph")
    compiled = tf.function(trainer._step, autograph=False)
    trainer._function = lambda name, *rows: compiled if name == "step" else lowlevel.Trainer._function(trainer, name, *rows)
    return trainer


def main() -> None:
    """Print the table."""
    epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    digits = load_digits()
    data = (digits.x_train, digits.y_train)
    cases = [
        ("'+' for bias_add, relu", Side("plus", plus), "relu", "keras"),
        ("separate operations, relu", Side("separate", separate), "relu", "keras"),
        ("separate operations, tanh", Side("separate", separate), "tanh", "keras"),
        ("XLA against none", "epoch-xla", "relu", "keras"),
        ("sum for mean", Side("sum", Summed), "relu", "keras"),
        ("as they are, tanh", "eager", "tanh", "keras"),
    ]
    print(f"{'deviation':<28}{'1 epoch':>10}{f'{epochs} epochs':>12}  first difference")
    for title, side, activation, reference in cases:
        model = ModelSpec.mlp(400, 25, 15, 10, activation=activation)
        train = TrainSpec(epochs=epochs, seed=1234)
        largest: list[float] = []

        def progress(moment, tallies, largest=largest):
            if not isinstance(moment[-1], StepRecord):
                last = tallies[0].gaps[-2]  # the step before the end of the epoch
                largest.append(max(gap.distance for (stage, _), gap in last.items() if stage == "weights out"))

        report = lockstep.compare(model, train, data, sides=[side, reference], progress=progress)
        print(f"{title:<28}{largest[0]:>10.2g}{largest[-1]:>12.2g}  {report.verdict}; {report.first or 'none'}", flush=True)


if __name__ == "__main__":
    main()
