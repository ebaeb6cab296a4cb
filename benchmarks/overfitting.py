"""What narrows the gap between training and test accuracy, where a net learns its training set by heart.

``python benchmarks/overfitting.py [DRAWS]`` trains 400-25-15-10 on 300 of the digits, 30 of each, of which 60 carry a wrong
label, and tests it on all 10,000 test digits. To learn a wrong label by heart costs test accuracy. Printed are the means over
the draws of the 300 (3 where not given). Source: S1, which advises L2 and dropout where the two accuracies lie apart.
"""

import os
import sys
from dataclasses import dataclass, replace

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

import lowlevel
from lockstep.tuning.held import hold_out
from shared import Dataset, DenseSpec, ModelSpec, TrainSpec, load_digits
from shared.spec import DropoutSpec, L1L2Spec, LayerSpec

NET = ModelSpec.mlp(400, 25, 15, 10)
TRAIN = TrainSpec(epochs=100)


@dataclass(frozen=True)
class Variant:
    """A named net and training."""

    name: str
    model: ModelSpec
    train: TrainSpec


@dataclass(frozen=True)
class Outcome:
    """How a variant did: shares of right answers."""

    name: str
    train_accuracy: float
    test_accuracy: float

    @property
    def gap(self) -> float:
        """Training less test accuracy."""
        return self.train_accuracy - self.test_accuracy


def small_digits(draw: int = 0) -> Dataset:
    """The digits with 300 training rows, 30 of every class, of which every fifth has a wrong label; the test set is whole."""
    digits = load_digits()
    generator = np.random.default_rng(draw)
    labels = digits.y_train[:, 0]
    rows = np.concatenate([generator.choice(np.flatnonzero(labels == label), 30, replace=False) for label in range(10)])
    wrong = labels[rows]
    wrong[::5] = (wrong[::5] + generator.integers(1, 10, 60)) % 10
    return replace(digits, x_train=digits.x_train[rows], y_train=wrong)


def stopping_epoch(model: ModelSpec, train: TrainSpec, data: Dataset) -> int:
    """Early stopping: after how many epochs the loss on a fifth of the training rows, held out, was least."""
    split = hold_out(data, 0.2, train.seed)
    history = lowlevel.Trainer(model, train).fit((split.x, split.y), validation_data=(split.x_held, split.y_held))
    return 1 + int(np.argmin(history.val_loss))


def regularized(**settings: float) -> ModelSpec:
    """The net with ``l2`` on its kernels or ``dropout`` after its hidden layers."""
    layers: list[LayerSpec] = []
    for layer in NET.layers:
        assert isinstance(layer, DenseSpec)
        layers.append(replace(layer, kernel_regularizer=L1L2Spec(l2=settings["l2"])) if "l2" in settings else layer)
        if "dropout" in settings and layer is not NET.layers[-1]:
            layers.append(DropoutSpec(rate=settings["dropout"], name=f"D{len(layers)}"))
    return replace(NET, layers=tuple(layers))


def variants(data: Dataset) -> list[Variant]:
    """What is tried. To try more, add to this list."""
    return [
        Variant("nothing", NET, TRAIN),
        Variant("early stopping", NET, replace(TRAIN, epochs=stopping_epoch(NET, TRAIN, data))),
        Variant("L2, 0.01", regularized(l2=0.01), TRAIN),
        Variant("dropout, 0.3", regularized(dropout=0.3), TRAIN),
        Variant("dropout, 0.3, and L2, 0.01", regularized(dropout=0.3, l2=0.01), TRAIN),
        Variant("a third of the learning rate", NET, replace(TRAIN, learning_rate=TRAIN.learning_rate / 3)),
    ]


def measure(variant: Variant, data: Dataset) -> Outcome:
    """Train a variant and ask it for both accuracies."""
    trainer = lowlevel.Trainer(variant.model, variant.train)
    trainer.fit((data.x_train, data.y_train))
    _, seen = trainer.evaluate(data.x_train, data.y_train)
    _, unseen = trainer.evaluate(data.x_test, data.y_test)
    return Outcome(variant.name, seen, unseen)


def main() -> None:
    """Print the table."""
    draws = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    outcomes: dict[str, list[Outcome]] = {}
    for draw in range(draws):
        data = small_digits(draw)
        for variant in variants(data):
            outcomes.setdefault(variant.name, []).append(measure(variant, data))
    print(f"{'against overfitting':<32}{'training':>10}{'test':>10}{'gap':>10}")
    for name, found in outcomes.items():
        means = (np.mean([getattr(one, figure) for one in found]) for figure in ("train_accuracy", "test_accuracy", "gap"))
        print(f"{name:<32}" + "".join(f"{mean:>10.4f}" for mean in means))


if __name__ == "__main__":
    main()
