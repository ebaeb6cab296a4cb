"""How hard a data set is: what a linear model makes of it, and what a small net does."""

import warnings
from typing import Any

from lockstep.commands.terminal import HIDDEN, LEARNING_RATE
from shared.data import Dataset, as_labels, as_rows
from shared.spec import ModelSpec, TrainSpec

ROUNDS = 200  # of the linear model's solver, by when it hardly makes a mistake in training
EPOCHS = 400


def measure(data: Dataset) -> list[str]:
    """A line for scikit-learn's ``LogisticRegression`` and one for the low-level net, with both accuracies of each.

    Both see the pixels divided by 255; the net is that of the course for this data set.
    """
    inputs, classes = data.x_train[0].size, len(data.classes)
    x, x_test = (as_rows(rows, inputs, "float32") for rows in (data.x_train, data.x_test))
    y, y_test = (as_labels(labels, classes) for labels in (data.y_train, data.y_test))
    lines = []
    for name, accuracy in (_linear(x, y), _net(x, y, data.name, classes)):
        lines.append(f"{name}: {accuracy(x, y):.1%} of training, {accuracy(x_test, y_test):.1%} of test")
    return lines


def _linear(x: Any, y: Any) -> tuple[str, Any]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(max_iter=ROUNDS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # that it might still go on is known
        model.fit(x, y)
    return f"LogisticRegression(max_iter={ROUNDS})", model.score


def _net(x: Any, y: Any, name: str, classes: int) -> tuple[str, Any]:
    import lowlevel

    units = [int(count) for count in HIDDEN[name].split(",")]
    model = ModelSpec.mlp(x.shape[1], *units, classes)
    train = TrainSpec(epochs=EPOCHS, learning_rate=LEARNING_RATE[name], seed=1234)
    trainer = lowlevel.Trainer(model, train)
    trainer.fit((x, y))
    shown = "-".join(str(count) for count in (x.shape[1], *units, classes))
    title = (
        f"{shown}, {train.optimizer} {train.learning_rate:g}, {EPOCHS} epochs of batches of {train.batch_size}, seed {train.seed}"
    )
    return title, lambda rows, labels: trainer.evaluate(rows, labels)[1]
