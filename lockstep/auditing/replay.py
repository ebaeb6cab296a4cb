"""One training step of a compiled model, taken apart: each part a function or a number that a trap can put another one for.

The parts have the names that they have in ``lowlevel.Trainer`` where it has them: ``loss``, ``reduction``, ``optimizer.rule``,
``network.layers.0.activation``. What it has not: ``batch`` (which rows a step takes), ``seen`` (from which weights the forward
pass is taken), ``inputs``, ``targets``, ``network.forward``, ``objective`` (the Keras loss), ``penalties``, ``penalty`` (what
becomes of each), ``reported`` (what the loop says its loss is), ``first_slots`` (the optimiser's variables before the first
step), ``emptied`` (which of them start anew), ``gradients``, ``kept`` (which weights are not updated), and ``figures`` (what is
said at the end of an epoch). Everything runs in eager code, so that no part has to be compiled before it is tried once.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import MethodType
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from lockstep.auditing.optimizer import replayed
from lockstep.auditing.reference import Batch, Reference, Values
from lowlevel.losses import mean_over_batch, total

_MISSING = object()


@dataclass(frozen=True)
class Epoch:
    """An epoch of the loop as the reference sees it.

    Attributes:
        losses: float64 (steps,), of each step as it ran.
        hits: float64 (steps,), right answers of each step as it ran.
        sizes: float64 (steps,), rows of each step.
        after: loss and accuracy on all rows with the weights at the end, nothing being learned.
        batch_size: that of a full batch.
    """

    losses: np.ndarray
    hits: np.ndarray
    sizes: np.ndarray
    after: dict[str, float]
    batch_size: int


class Net:
    """A Keras model as a part of the replay: ``layers`` with their own attributes, ``forward``."""

    def __init__(self, model: keras.Model) -> None:
        self.model = model
        self.layers = [layer for layer in flattened(model) if not isinstance(layer, keras.layers.InputLayer)]

    def forward(self, x: tf.Tensor) -> tf.Tensor:
        """Outputs in training."""
        return self.model(x, training=True)


def flattened(layer: Any) -> Iterator[keras.layers.Layer]:
    """All layers within a model, in order."""
    for inner in layer.layers:
        if isinstance(inner, keras.Model):
            yield from flattened(inner)
        else:
            yield inner


class Replay:
    """The step of the reference's model; ``planted`` puts other parts into it for a while.

    Attributes:
        model, batch_size, x, y: what the person gave.
        own_batches: the loop makes its batches itself, and which rows are in them is not known.
        objective: the compiled loss.
        train: the optimiser's settings, or None where they cannot be read.
        trainable: the trained weights; slots: the optimiser's variables, in the order of Keras; fresh: what these hold in an
            optimiser that has not been used.
        step: the number of the step that is taken, from 0; size: how many examples its batch has.
        past, reports: the gradients of all steps before it, and the losses that they reported.

    Raises:
        TypeError: a model that cannot be taken apart, and why.
    """

    def __init__(self, reference: Reference, batch_size: int, x: np.ndarray, y: np.ndarray, own_batches: bool = False) -> None:
        self.reference, self.model, self.own_batches = reference, reference.model, own_batches
        self.batch_size, self.x, self.y = batch_size, x, y
        self.network = Net(self.model)
        self.objective = objective_of(self.model)
        self.trainable = [weight.value for weight in self.model.trainable_variables]
        self.optimizer = replayed(self.model, self.trainable)
        self.train = self.optimizer.train
        self.slots = list(self.optimizer.variables)
        self.fresh = [slot.numpy() for slot in self.slots]
        self.step, self.size = 0, batch_size
        self.past: list[list[tf.Tensor]] = []
        self.reports: list[np.ndarray] = []
        if [value.shape for value in reference.start[2]] != [tuple(slot.shape) for slot in self.slots]:
            raise TypeError("an optimiser with other variables than its settings say")

    @property
    def examples(self) -> int:
        """How many rows the data have."""
        return len(self.x)

    @property
    def steps_per_epoch(self) -> int:
        """A last batch that is smaller counts too."""
        return -(-self.examples // self.batch_size)

    # ----------------------------------------------------------------------------- the parts, as the reference has them

    def batch(self, batches: Sequence[Batch], step: int) -> Batch:
        """The rows of step ``step`` (from 0), of those that ``fit`` takes."""
        return batches[step]

    def seen(self, weights: Sequence[Values], step: int) -> Values:
        """The weights that the forward pass of step ``step`` (from 0) sees, of those before every step."""
        return weights[step]

    def inputs(self, x: tf.Tensor) -> tf.Tensor:
        """What the net is given."""
        return x

    def targets(self, y: tf.Tensor) -> tf.Tensor:
        """What the loss is given."""
        return y

    def loss(self, y: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Losses of the examples, as the compiled loss has them before it takes their mean."""
        return example_losses(self.objective, y, outputs)

    def reduction(self, example_losses: tf.Tensor) -> tf.Tensor:
        """One number for the batch: the mean, or the sum where the compiled loss says so."""
        summed = self.objective.reduction == "sum"
        return tf.reduce_sum(example_losses) if summed else mean_over_batch(example_losses)

    def penalties(self) -> list[tf.Tensor]:
        """What regularisers add to the loss."""
        return list(self.model.losses)

    def penalty(self, value: tf.Tensor) -> tf.Tensor:
        """What is added for one of them: itself."""
        return value

    def reported(self, loss: tf.Tensor, example_losses: tf.Tensor) -> tf.Tensor:
        """What the loop says its loss is: that which it minimises."""
        return loss

    def first_slots(self, slots: Values) -> Values:
        """The optimiser's variables before the first step."""
        return slots

    def emptied(self) -> list[int]:
        """Numbers of the optimiser's variables that are as ``fresh`` again before this step: none."""
        return []

    def gradients(self, gradients: list[tf.Tensor]) -> list[tf.Tensor]:
        """What the optimiser is given."""
        return gradients

    def kept(self) -> list[int]:
        """Numbers of the trainable weights that are not updated: none."""
        return []

    def figures(self, epoch: "Epoch") -> dict[str, float]:
        """What is said at the end of an epoch: running means over its steps, each batch weighed by its rows."""
        return {
            "loss": float(np.average(epoch.losses, weights=epoch.sizes)),
            "accuracy": float(epoch.hits.sum() / epoch.sizes.sum()),
        }

    # ------------------------------------------------------------------------------------------------ a step of them

    def rows(self, rows: np.ndarray, epoch: int) -> Batch:
        """A batch of such rows of the data; for parts that stand for ``batch``."""
        return Batch(epoch, rows, self.x[rows], self.y[rows])

    def losses(self, outputs: tf.Tensor, batch: Batch) -> tuple[tf.Tensor, tf.Tensor]:
        """The loss that is minimised and the one that is reported, from the net's outputs."""
        self.size = len(batch.y)
        examples = self.loss(self.targets(tf.constant(batch.y)), outputs)
        minimised = total(self.reduction(examples), [self.penalty(value) for value in self.penalties()])
        return minimised, tf.cast(self.reported(minimised, examples), tf.float32)

    def backward(self, batch: Batch) -> tuple[np.ndarray, list[tf.Tensor]]:
        """The loss that is reported, and the gradients of the one that is minimised, from the weights that the model has now."""
        with tf.GradientTape() as tape:
            outputs = self.network.forward(self.inputs(tf.constant(batch.x)))
            minimised, reported = self.losses(outputs, batch)
            scaled = self.optimizer.scale_loss(minimised)
        gradients = tape.gradient(scaled, self.trainable)
        zeros = (tf.zeros_like(weight) for weight in self.trainable)
        dense = [zero if g is None else tf.convert_to_tensor(g) for g, zero in zip(gradients, zeros, strict=True)]
        return reported.numpy(), dense

    def update(self, gradients: list[tf.Tensor]) -> None:
        """After ``backward``: give the weights that the model has now, and the optimiser's variables, their next values."""
        for at in self.emptied():
            self.slots[at].assign(self.fresh[at])
        kept = self.kept()
        before = {at: self.trainable[at].read_value() for at in kept}
        self.optimizer.step(self.gradients(list(gradients)), self.trainable)
        for at, value in before.items():
            self.trainable[at].assign(value)

    @contextmanager
    def planted(self, *parts: Mapping[str, Any]) -> Iterator[None]:
        """Within, the parts of those paths are others. A method's place is taken by a function that has ``self`` first."""
        undo: list[tuple[Any, str, Any]] = []
        try:
            for path, value in (one for group in parts for one in group.items()):
                owner, name = owner_of(self, path)
                undo.append((owner, name, vars(owner).get(name, _MISSING)))
                bound = isinstance(getattr(owner, name, None), MethodType) and callable(value)
                _set(owner, name, MethodType(value, owner) if bound else value)
            yield
        finally:
            for owner, name, value in reversed(undo):
                _set(owner, name, value)


class Plain(keras.losses.Loss):
    """A loss that was given to ``compile`` as a function, and so has no reduction of its own."""

    def __init__(self, function: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]) -> None:
        super().__init__(name="plain")
        self.function = function

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """Losses of the examples."""
        if y_true.shape.rank == y_pred.shape.rank - 1 and y_pred.shape[-1] == 1:
            y_true = y_true[..., tf.newaxis]
        elif y_true.shape.rank == y_pred.shape.rank + 1 and y_true.shape[-1] == 1:
            y_true = tf.squeeze(y_true, -1)
        return self.function(y_true, y_pred)


def objective_of(model: keras.Model) -> keras.losses.Loss:
    """The one loss that a model is compiled with.

    Raises:
        TypeError: several losses, or none.
    """
    loss = keras.losses.get(model.loss) if isinstance(model.loss, str) else model.loss
    if isinstance(loss, keras.losses.Loss):
        return loss
    if not callable(loss):
        raise TypeError(f"a loss of type {type(loss).__name__}")
    name = getattr(loss, "__name__", "")
    kind = getattr(keras.losses, name.title().replace("_", ""), None)  # its class, which has the same settings
    return kind(name=name) if kind and getattr(keras.losses, name, None) is loss else Plain(loss)


def example_losses(objective: keras.losses.Loss, y: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
    """What a Keras loss computes for each example, before its reduction."""
    # tf.cast gives back the same tensor where nothing is to be cast: Keras keeps the logits under a softmax as its attribute.
    return tf.convert_to_tensor(objective.call(tf.cast(y, objective.dtype), tf.cast(outputs, objective.dtype)))


def owner_of(root: Any, path: str) -> tuple[Any, str]:
    """The object that holds the last name of a path, and that name; whole numbers count in lists."""
    *parents, name = path.split(".")
    owner = root
    for part in parents:
        owner = owner[int(part)] if part.lstrip("-").isdigit() else getattr(owner, part)
    return owner, name


def _set(owner: Any, name: str, value: Any) -> None:
    set_, delete = (setattr, delattr) if isinstance(owner, keras.layers.Layer) else (object.__setattr__, object.__delattr__)
    if value is _MISSING:
        delete(owner, name)
    else:
        set_(owner, name, value)
