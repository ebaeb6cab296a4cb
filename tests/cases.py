"""The one table of cases that is run on both wings and compared at 0 ULP.

``QUICK`` and ``GROWN`` cover every public component at least once (``tests/test_parity.py`` checks that). ``LONG`` crosses every
optimiser, loss and depth with four batch sizes, float32 and float64 in turn.
"""

from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np

from shared import Dataset
from shared.spec import (
    ActivationSpec,
    BatchNormalizationSpec,
    CosineDecaySpec,
    DenseSpec,
    DropoutSpec,
    ExponentialDecaySpec,
    InverseTimeDecaySpec,
    L1L2Spec,
    ModelSpec,
    PiecewiseConstantDecaySpec,
    PolynomialDecaySpec,
    TrainSpec,
)

ROWS, COLUMNS, CLASSES, EPOCHS = 23, 12, 5, 6


def small_data(rows: int = 45, columns: int = COLUMNS, classes: int = CLASSES, seed: int = 7):
    """Random rows and labels: (x, y, x_test, y_test)."""
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(rows + 20, columns))
    y = generator.integers(0, classes, rows + 20)
    return x[:rows], y[:rows], x[rows:], y[rows:]


def data_for(train: TrainSpec):
    """Rows with targets that fit the loss, and a test set where they are classes."""
    x, y, x_test, y_test = small_data(ROWS)
    if train.loss == "mean_squared_error":
        return x, y / 4
    if train.loss == "binary_crossentropy":
        return x, y % 2
    names = tuple("abcde")
    return Dataset(x_train=x, y_train=y, x_test=x_test, y_test=y_test, classes=names, source="random rows", name="random")


OPTIMIZERS = {
    "sgd": {"optimizer": "sgd", "learning_rate": 0.1},
    "momentum": {"optimizer": "sgd", "learning_rate": 0.05, "momentum": 0.9},
    "nesterov": {"optimizer": "sgd", "learning_rate": 0.05, "momentum": 0.9, "nesterov": True},
    "adam": {"optimizer": "adam", "learning_rate": 0.01},
}
LOSSES = {"sparse": "sparse_categorical_crossentropy", "rows": "categorical_crossentropy"}
HIDDEN = {1: (), 2: (7,), 3: (8, 6)}


@dataclass(frozen=True)
class Case:
    """One cell of the table. Of 23 rows, batches of 7 and 10 leave a smaller last one, and 64 takes them all at once."""

    optimizer: str
    loss: str
    depth: int
    batch: int
    dtype: str
    activation: str = "relu"
    initializer: str = "glorot_uniform"

    def __str__(self) -> str:
        return "-".join(str(getattr(self, field)) for field in self.__dataclass_fields__)

    @property
    def model(self) -> ModelSpec:
        """The net."""
        units = (*HIDDEN[self.depth], CLASSES)
        layers = tuple(
            DenseSpec(
                units=count,
                activation=self.activation if at < len(units) else "linear",
                kernel_initializer=self.initializer,
                bias_initializer="zeros",
                name=f"L{at}",
            )
            for at, count in enumerate(units, start=1)
        )
        return ModelSpec(inputs=COLUMNS, layers=layers, dtype=self.dtype)

    @property
    def train(self) -> TrainSpec:
        """The training."""
        return TrainSpec(loss=LOSSES[self.loss], batch_size=self.batch, epochs=EPOCHS, seed=11, **OPTIMIZERS[self.optimizer])


QUICK = [
    Case("adam", "sparse", 3, 7, "float32", "relu", "glorot_uniform"),
    Case("adam", "rows", 2, 1, "float64", "sigmoid", "he_normal"),
    Case("adam", "sparse", 1, 64, "float64", "linear", "lecun_uniform"),
    Case("sgd", "sparse", 2, 7, "float64", "tanh", "he_uniform"),
    Case("sgd", "rows", 3, 64, "float32", "relu", "glorot_normal"),
    Case("sgd", "sparse", 1, 1, "float32", "linear", "zeros"),
    Case("momentum", "rows", 1, 10, "float64", "linear", "lecun_normal"),
    Case("momentum", "sparse", 3, 1, "float32", "sigmoid", "he_normal"),
    Case("nesterov", "sparse", 2, 10, "float32", "tanh", "lecun_normal"),
    Case("nesterov", "rows", 3, 7, "float64", "relu", "glorot_uniform"),
]
LONG = [
    Case(optimizer, loss, depth, batch, dtype)
    for (optimizer, loss, depth), (batch, dtype) in product(
        product(OPTIMIZERS, LOSSES, HIDDEN), [(1, "float32"), (7, "float64"), (10, "float32"), (64, "float64")]
    )
]


# ------------------------------------------------------------------------------------------- what came after the first table


@dataclass(frozen=True)
class Grown:
    """A net and a training written out, with the options of ``fit``."""

    name: str
    layers: tuple
    settings: dict[str, Any]
    dtype: str = "float32"
    options: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name

    @property
    def model(self) -> ModelSpec:
        """The net."""
        return ModelSpec(inputs=COLUMNS, layers=self.layers, dtype=self.dtype)

    @property
    def train(self) -> TrainSpec:
        """The training."""
        return TrainSpec(**{"batch_size": 7, "epochs": EPOCHS, "seed": 11, **self.settings})


def dense(units: int, name: str, **settings: Any) -> DenseSpec:
    """A layer in few words."""
    return DenseSpec(units=units, name=name, **settings)


ONE, TWO, BOTH = L1L2Spec(l1=0.01), L1L2Spec(l2=0.02), L1L2Spec(l1=0.01, l2=0.02)
RELU = ActivationSpec(activation="relu", name="A1")
PLAIN = (dense(8, "L1", activation="relu"), dense(CLASSES, "L2"))
NORMALISED = (dense(8, "L1", use_bias=False), BatchNormalizationSpec(name="B1"), RELU, dense(CLASSES, "L2"))
DROPPED = (DropoutSpec(rate=0.2, name="D1"), *PLAIN[:1], DropoutSpec(rate=0.5, name="D2"), *PLAIN[1:])
EVERYTHING = (
    dense(8, "L1", use_bias=False, kernel_regularizer=TWO),
    BatchNormalizationSpec(momentum=0.9, epsilon=1e-5, name="B1"),
    RELU,
    DropoutSpec(rate=0.3, name="D1"),
    dense(6, "L2", activation="sigmoid", kernel_regularizer=ONE, bias_regularizer=TWO),
    dense(CLASSES, "L3"),
)
SINGLE = (*PLAIN[:1], dense(1, "L2"))
EXPONENTIAL = ExponentialDecaySpec(initial_learning_rate=0.003, decay_steps=7, decay_rate=0.8)
STAIRS = ExponentialDecaySpec(initial_learning_rate=0.05, decay_steps=7, decay_rate=0.8, staircase=True)
INVERSE = InverseTimeDecaySpec(initial_learning_rate=0.05, decay_steps=5, decay_rate=0.5)
POLYNOMIAL = PolynomialDecaySpec(initial_learning_rate=0.05, decay_steps=9, power=2.0, cycle=True)
COSINE = CosineDecaySpec(initial_learning_rate=0.01, decay_steps=20, alpha=0.1, warmup_target=0.05, warmup_steps=6)
PIECES = PiecewiseConstantDecaySpec(boundaries=(5, 12), values=(0.05, 0.01, 0.002))
WEIGHTS = np.linspace(0.0, 2.0, ROWS)

GROWN = [
    Grown("batch-normalisation", NORMALISED, {"optimizer": "adam", "learning_rate": 0.01}),
    Grown("dropout", DROPPED, {"optimizer": "sgd", "learning_rate": 0.02, "momentum": 0.9}),
    Grown(
        "everything-rmsprop",
        EVERYTHING,
        {"optimizer": "rmsprop", "learning_rate": EXPONENTIAL, "momentum": 0.9, "centered": True, "clipnorm": 0.1},
        "float64",
    ),
    Grown(
        "both-penalties",
        (dense(8, "L1", activation="relu", kernel_regularizer=BOTH, bias_regularizer=BOTH), *PLAIN[1:]),
        {"optimizer": "adam", "learning_rate": COSINE},
    ),
    Grown("adagrad-global-norm", PLAIN, {"optimizer": "adagrad", "learning_rate": INVERSE, "global_clipnorm": 0.05}),
    Grown("adamw-ema", PLAIN, {"optimizer": "adamw", "use_ema": True, "ema_momentum": 0.9, "ema_overwrite_frequency": 5}),
    Grown("lion-decay", PLAIN, {"optimizer": "lion", "learning_rate": POLYNOMIAL, "weight_decay": 0.1}, "float64"),
    Grown("nadam-clipped", PLAIN, {"optimizer": "nadam", "learning_rate": PIECES, "clipvalue": 0.02}),
    Grown("accumulated", NORMALISED, {"optimizer": "adam", "gradient_accumulation_steps": 3, "use_ema": True}),
    Grown("bfloat16", EVERYTHING, {"optimizer": "adam", "learning_rate": STAIRS}, "mixed_bfloat16"),
    Grown("float16", NORMALISED, {"optimizer": "adam", "learning_rate": 0.01}, "mixed_float16"),
    Grown("smoothed", PLAIN, {"loss": "categorical_crossentropy", "label_smoothing": 0.1}, options={"sample_weight": WEIGHTS}),
    Grown("binary", SINGLE, {"loss": "binary_crossentropy", "label_smoothing": 0.1}, options={"class_weight": {1: 3.0}}),
    Grown(
        "regression",
        SINGLE,
        {"loss": "mean_squared_error", "optimizer": "rmsprop"},
        "float64",
        {"sample_weight": WEIGHTS},
    ),
    Grown("weighed-classes", PLAIN, {"optimizer": "nadam"}, options={"class_weight": {0: 2.0, 3: 0.5}}),
]
