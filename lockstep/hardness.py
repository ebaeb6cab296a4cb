"""How hard a data set is: what a linear model makes of it, and what the course's small net does."""

import warnings

from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

import lowlevel
from lockstep.defaults import HIDDEN, LEARNING_RATE
from shared.data import Dataset, as_labels, as_rows
from shared.spec import ModelSpec, TrainSpec

ROUNDS = 200  # of the linear model's solver, after which it makes hardly a mistake in training
EPOCHS = 400


def measure(data: Dataset) -> dict[str, tuple[float, float]]:
    """Accuracy in training and in the test, by the name of what was trained: scikit-learn's linear model, the low-level net.

    ``data`` is one of the sets that `shared.data.synthetic` draws. Both models see the pixels divided by 255.
    """
    inputs, classes = data.x_train[0].size, len(data.classes)
    parts = [
        (as_rows(x, inputs, "float32"), as_labels(y, classes))
        for x, y in ((data.x_train, data.y_train), (data.x_test, data.y_test))
    ]

    linear = LogisticRegression(max_iter=ROUNDS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it might go on, to no use
        linear.fit(*parts[0])

    model = ModelSpec.mlp(inputs, *HIDDEN[data.name], classes)
    train = TrainSpec(epochs=EPOCHS, learning_rate=LEARNING_RATE[data.name], seed=1234)
    net = lowlevel.Trainer(model, train)
    net.fit(parts[0])

    sizes = "-".join(str(count) for count in (inputs, *HIDDEN[data.name], classes))
    steps = f"{train.optimizer} {train.learning_rate:g}, {EPOCHS} epochs of batches of {train.batch_size}, seed {train.seed}"
    return {
        f"LogisticRegression(max_iter={ROUNDS})": (linear.score(*parts[0]), linear.score(*parts[1])),
        f"{sizes}, {steps}": (net.evaluate(*parts[0])[1], net.evaluate(*parts[1])[1]),
    }
