"""The one table of cases that is run on both wings and compared at 0 ULP.

``QUICK`` covers every public component at least once (``tests/test_parity.py`` checks that). ``LONG`` crosses every optimiser,
loss and depth with four batch sizes, float32 and float64 in turn.
"""

from dataclasses import dataclass
from itertools import product

from shared.spec import DenseSpec, ModelSpec, TrainSpec

ROWS, COLUMNS, CLASSES, EPOCHS = 23, 12, 5, 10

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
