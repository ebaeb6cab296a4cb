"""What a trainer must offer to be a side of a comparison. Both wings' trainers do; so may anyone's."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from shared.checkpoints import Point
from shared.records import History, Sink, State, StepRecord
from shared.spec import ModelSpec


class Trainer(Protocol):
    """The methods that ``lockstep.compare`` calls, with the meanings that they have in both wings."""

    model: ModelSpec

    def load(self, weights: Sequence[np.ndarray]) -> None:
        """Set the weights, in Keras's order."""

    def weights(self) -> list[np.ndarray]:
        """Copies of the weights, in Keras's order."""
        ...

    def state(self) -> State:
        """Copies of the weights and of the optimiser's variables (iteration, learning_rate, slots weight by weight)."""
        ...

    def restore(self, state: State) -> None:
        """Put such a state back."""

    def continue_from(self, point: Point) -> None:
        """Stand at such a point; the next ``fit`` goes on from there. Needed only where a comparison keeps checkpoints."""

    def fit(self, data: Any, plan: Any = None, record: Sink | bool | None = None, *, validation_data: Any = None) -> History:
        """Train on (x, y) in the order of the plan; ``record`` takes a ``StepRecord`` a step and an ``EpochRecord`` an epoch."""
        ...

    def train_on_batch(self, x: Any, y: Any) -> StepRecord:
        """One step on one batch."""
        ...

    def predict(self, x: Any) -> np.ndarray:
        """Logits (n, classes)."""
        ...
