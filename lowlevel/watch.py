"""Twin: highlevel/watch.py. Looks into a training step without changing it.

The step copies what it computes into variables of the watch; after the step they are read. The copies are the only
addition, and ``tests/test_watch.py`` shows that a watched training ends in the same bits as an unwatched one.
"""

import numpy as np
import tensorflow as tf

from shared.records import StepRecord

__all__ = ["Watch"]


class Watch:
    """Variables for everything a step computes: ``inputs``, ``targets``, ``logits``, ``example_losses``, ``loss``, ``gradients``.

    Batches smaller than ``batch_size`` are padded with zeros at the end and cut again when read.

    Args:
        state: lists of variables: all weights, those that a gradient changes, the optimiser's, the Dropouts' seeds, and what is
            carried besides, beginning with the running loss and metric as total, count, total, count.
        shapes: of one example's inputs, target and logits.
        metric: the name of what is measured beside the loss.
    """

    def __init__(self, state: tuple[list[tf.Variable], ...], shapes: tuple[tuple[int, ...], ...], batch_size: int, metric: str):
        weights, trainable, slots, seeds, carried = state
        dtype = weights[0].dtype
        self.batch_size, self.metric = batch_size, metric
        self.inputs, self.targets, self.logits = (tf.Variable(tf.zeros((batch_size, *shape), dtype)) for shape in shapes)
        self.example_losses = tf.Variable(tf.zeros((batch_size,), dtype))
        self.loss = tf.Variable(0.0)  # float32: to that type `fit` casts the loss of a float64 net too
        self.gradients = [tf.Variable(tf.zeros_like(weight)) for weight in trainable]
        step = [self.inputs, self.targets, self.logits, self.example_losses, self.loss]
        groups = (step, self.gradients, weights, slots, seeds, carried)
        # One graph that reads all variables is one call from Python where there would be one a variable.
        self.read = tf.function(lambda: [[variable.read_value() for variable in group] for group in groups], autograph=False)

    def see(self, inputs, targets, logits, example_losses, loss, gradients) -> None:
        """Copy a step's tensors; called inside the step."""
        for variable, value in (
            (self.inputs, inputs),
            (self.targets, targets),
            (self.logits, logits),
            (self.example_losses, example_losses),
        ):
            value = tf.cast(value, variable.dtype)  # wider than the half precision of a mixed net: no bit is lost
            missing = self.batch_size - tf.shape(value)[0]
            variable.assign(tf.pad(value, [[0, missing]] + [[0, 0]] * (value.shape.rank - 1)))
        self.loss.assign(tf.cast(loss, tf.float32))
        for variable, gradient in zip(self.gradients, gradients, strict=True):
            variable.assign(gradient)

    def record(self, epoch: int, step: int, rows: int) -> StepRecord:
        """What the last step left, as arrays; ``epoch`` and ``step`` count from 1, ``rows`` is the size of the batch."""
        groups = [[value.numpy() for value in group] for group in self.read()]
        (inputs, targets, logits, example_losses, loss), gradients, weights, slots, seeds, carried = groups
        return StepRecord(
            epoch=epoch,
            step=step,
            inputs=inputs[:rows],
            targets=targets[:rows],
            logits=logits[:rows],
            example_losses=example_losses[:rows],
            loss=loss,
            gradients=gradients,
            slots=slots,
            weights=weights,
            running=np.array([carried[0] / carried[1], carried[2] / carried[3]]),
            seeds=seeds,
            carried=carried,
            metric=self.metric,
        )
