"""What a loop says at the end of an epoch, against the running means that ``fit`` prints."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from lockstep.auditing.observe import Observed
from lockstep.auditing.reference import Batch, Step, Values
from lockstep.auditing.replay import Epoch, Replay

LOSS_SHARE = 1e-5  # what adding up in another order may change, relatively
FIGURES = ("loss", "accuracy")


@dataclass(frozen=True)
class Said:
    """What the loop said at the end of an epoch, after ``steps`` steps in all."""

    steps: int
    figures: dict[str, float]


def epochs_of(replay: Replay, seen: Observed, single: Sequence[Step], said: Sequence[Said]) -> list[Epoch]:
    """The epochs that end where the loop said something, as the reference sees them from the loop's weights."""
    found, begin = [], 0
    losses = [step.loss if loss is None else loss for loss, step in zip(seen.losses, single, strict=True)]
    for one in said:
        steps = range(begin, one.steps)
        begin = one.steps
        batches = [seen.batches[at] for at in steps]
        found.append(
            Epoch(
                np.array([losses[at] for at in steps], np.float64),
                np.array([_hits(replay, seen.weights[at], batch) for at, batch in zip(steps, batches, strict=True)]),
                np.array([len(batch.x) for batch in batches], np.float64),
                _after(replay, seen.weights[one.steps]),
                replay.batch_size,
            )
        )
    return found


def agree(figures: dict[str, float], said: Said, rows: float) -> bool:
    """Whether figures are what the loop said, to rounding; of the accuracy one row may fall to the other side."""
    return not any(over(figures, said, name, rows) for name in said.figures)


def over(figures: dict[str, float], said: Said, name: str, rows: float) -> bool:
    """Whether one figure differs beyond rounding."""
    bound = LOSS_SHARE * abs(figures[name]) if name == "loss" else 1.5 / rows
    return not abs(figures[name] - said.figures[name]) <= bound


def _hits(replay: Replay, weights: Values, batch: Batch) -> float:
    """Right answers of a batch in training, from those weights."""
    replay.reference.write(replay.reference.weights, weights)
    return _right(replay.network.forward(tf.constant(batch.x)), batch.y)


def _after(replay: Replay, weights: Values) -> dict[str, float]:
    """Loss and accuracy on all rows, nothing being learned."""
    replay.reference.write(replay.reference.weights, weights)
    outputs = replay.model(tf.constant(replay.x), training=False)
    loss, _ = replay.losses(outputs, Batch(1, np.arange(len(replay.x)), replay.x, replay.y))
    return {"loss": float(loss), "accuracy": _right(outputs, replay.y) / len(replay.x)}


def _right(outputs: tf.Tensor, y: np.ndarray) -> float:
    """How many rows are answered rightly: by the largest output, or on the right side of the threshold."""
    outputs = outputs.numpy().reshape(len(y), -1)
    y = y.reshape(len(y), -1)
    if outputs.shape[1] > 1:
        labels = y.argmax(axis=1) if y.shape[1] > 1 else y[:, 0]
        return float((outputs.argmax(axis=1) == labels).sum())
    threshold = 0.5 if outputs.min(initial=0) >= 0 and outputs.max(initial=1) <= 1 else 0.0
    return float(((outputs > threshold) == (y > 0.5)).mean(axis=1).sum())
