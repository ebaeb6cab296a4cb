"""Twin: highlevel/epochs.py. Whole epochs in one call into TensorFlow.

The loop over the batches of an epoch, and the one over epochs, are TensorFlow's own (``tf.while_loop``). The orders of the
examples go in, loss and metric of every epoch come out. The step is the trainer's ``_step``, to the letter.
"""

from collections.abc import Callable, Sequence
from types import MethodType
from typing import Any

import tensorflow as tf

from lowlevel import layers, metrics, network, optimizers, storage
from lowlevel.carried.cells import Cell, stand_in
from lowlevel.carried.packing import Packed
from lowlevel.carried.turned import tall
from shared.spec import BatchNormalizationSpec, DenseSpec

__all__ = ["blocks", "whole"]

_PACKED = 2**16  # parameters at most that share a vector: to take more of them apart costs more than the sharing saves
_COPIED = (network.Network, layers.Dense, layers.BatchNormalization, layers.Dropout, optimizers.Optimizer, metrics.Mean)


def whole(trainer: Any, examples: int) -> Callable[..., tuple[tf.Tensor, tf.Tensor]]:
    """What trains whole epochs on so many examples, to be compiled.

    Returns:
        a function of ``count``, how many epochs, int32 (); ``size``, the rows of a full batch, int32 (); ``orders``, int64
        (count or more, examples); and of x, y and perhaps weights, (examples, ...). It changes the trainer's variables and
        returns loss and metric of each epoch, float32 (count or more,).
    """
    batch_size = trainer.train.batch_size
    full, rest = divmod(examples, batch_size)
    state = _Carried(trainer, rest)

    def epochs(count: tf.Tensor, size: tf.Tensor, orders: tf.Tensor, *rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        # XLA compiles for a known number of rows. Otherwise it stays open: see ``Trainer._graph``.
        size, last = (batch_size, rest) if trainer.jit_compile else (size, examples - full * size)

        def step(order: tf.Tensor, first: Any, count: Any) -> None:
            chosen = tf.slice(order, [first], [count])
            state.trainer._step(*(tf.ensure_shape(tf.gather(part, chosen), [None, *part.shape[1:]]) for part in rows))

        def epoch(at: tf.Tensor, losses: tf.Tensor, found: tf.Tensor) -> tuple[tf.Tensor, ...]:
            order = orders[at]
            state.trainer._reset_means()

            def body(number: tf.Tensor) -> tuple[tf.Tensor]:
                step(order, number * size, size)
                return (number + 1,)

            if full:
                state.loop(lambda number: number < full, body, (tf.constant(0),))
            if rest:  # a step of its own size: to pad it with a mask would cost more and round differently
                step(order, full * size, last)
            results = state.trainer.mean_loss.result(), state.trainer.mean_metric.result()
            losses, found = (tf.tensor_scatter_nd_update(a, [[at]], [b]) for a, b in zip((losses, found), results, strict=True))
            return at + 1, losses, found

        state.read()
        none = tf.zeros(tf.shape(orders)[:1])
        _, losses, found = state.loop(lambda at, *_: at < count, epoch, (tf.constant(0), none, none))
        state.write()
        return losses, found

    return epochs


def blocks(trainer: Any) -> Callable[..., list[tf.Tensor]]:
    """What trains on some batches of a block of rows that stand in order already, to be compiled.

    Returns:
        a function of ``first`` and ``last``, the number of the first batch and the one after the last, int32 (); ``size``, the
        rows of each, int32 (); and of x, y and perhaps weights, (rows, ...). It changes the trainer's variables, and returns how
        many batches are done, [int32 ()].
    """
    state = _Carried(trainer, rest=0)

    def batches(first: tf.Tensor, last: tf.Tensor, size: tf.Tensor, *rows: tf.Tensor) -> list[tf.Tensor]:
        size = trainer.train.batch_size if trainer.jit_compile else size

        def batch_of(part: tf.Tensor, number: tf.Tensor) -> tf.Tensor:
            others = part.shape[1:]
            return tf.ensure_shape(tf.slice(part, [number * size] + [0] * len(others), [size, *others]), [None, *others])

        def body(number: tf.Tensor) -> tuple[tf.Tensor]:
            state.trainer._step(*(batch_of(part, number) for part in rows))
            return (number + 1,)

        state.read()
        done = state.loop(lambda number: number < last, body, (first,))
        state.write()
        return done  # a graph that returns nothing is optimised, and so rounded, in another way

    return batches


def _vectors(trainer: Any, rest: int) -> list[list[int]]:
    """Which weights share a vector, by their numbers: all of a small net, but under XLA, which fuses, each has its own.

    None where what is done with one number may hang on others. Only gradients that are products of matrices or sums over rows are
    packed: a chain of factors TensorFlow multiplies in another order where the vector stands between them. And what XLA makes of
    masks, or of products with a vector, it rounds by what stands beside it in the program.
    """
    model, train, xla = trainer.model, trainer.train, trainer.jit_compile
    if any(isinstance(part, MethodType) for part in vars(trainer.optimizer).values()):
        return []  # a rule that somebody has put in another's place may look at more than one number
    if train.clipnorm is not None or train.global_clipnorm is not None:
        return []
    dense = [(layer, inputs) for layer, inputs in model.stack if isinstance(layer, DenseSpec)]
    others = [layer for layer in model.layers if not isinstance(layer, DenseSpec)]
    if any(layer.kernel_regularizer or layer.bias_regularizer for layer, _ in dense):
        return []
    numbers = range(len(trainer.network.trainable_weights))
    if xla:
        matrices = train.batch_size > 1 and rest != 1 and all(inputs > 1 and layer.units > 1 for layer, inputs in dense)
        plain = matrices and not others and model.dtype == model.variable_dtype
        return [[at] for at in numbers] if plain else []
    normalized = any(isinstance(layer, BatchNormalizationSpec) for layer in others)
    return [] if normalized or model.parameters > _PACKED else [[*numbers]]


class _Carried:
    """The state of a trainer, in cells of the stand-in ``trainer``; in variables, of the trainer itself, where a loop cannot
    carry it: where a step branches, or a kernel writes into a variable."""

    def __init__(self, trainer: Any, rest: int) -> None:
        self.trainer, self.cells, self.packed = trainer, [], None
        train, model = trainer.train, trainer.model
        if train.gradient_accumulation_steps or train.ema_overwrite_frequency or model.dtype == "mixed_float16":
            return
        if trainer.execution == "fused" or trainer._watch is not None:
            return
        cells = {variable.ref(): Cell(variable) for group in storage.variables(trainer) for variable in group}
        self.trainer = stand_in(trainer, cells, (type(trainer), *_COPIED))
        self.cells = list(cells.values())
        if groups := _vectors(trainer, rest):
            weights, slots = trainer.network.trainable_weights, trainer.optimizer.slots
            turned = tall(weights, [size for size in (train.batch_size, rest) if size]) if trainer.jit_compile else set()
            self.packed = self.trainer.optimizer = Packed(self.trainer.optimizer, weights, slots, groups, turned)
            in_vectors = {variable.ref() for variable in (*weights, *slots.values())}
            self.cells = [cell for at, cell in cells.items() if at not in in_vectors] + self.packed.cells

    def read(self) -> None:
        """Take what the variables hold."""
        self._take([cell.read() for cell in self.cells])

    def write(self) -> None:
        """Give the variables what the loops have made of it."""
        for cell in self.cells:
            cell.write()

    def loop(self, condition: Callable[..., Any], body: Callable[..., Any], start: tuple[Any, ...]) -> list[tf.Tensor]:
        """``tf.while_loop``, by which the state is carried too."""
        own = len(start)

        def with_state(*values: tf.Tensor) -> tuple[tf.Tensor, ...]:
            self._take(values[own:])
            return *body(*values[:own]), *(cell.tensor for cell in self.cells)

        start = (*start, *(cell.tensor for cell in self.cells))
        ends = tf.while_loop(lambda *values: condition(*values[:own]), with_state, start, parallel_iterations=1)
        self._take(ends[own:])
        return ends[:own]

    def _take(self, values: Sequence[tf.Tensor]) -> None:
        for cell, value in zip(self.cells, values, strict=True):
            cell.tensor = value
        if self.packed is not None:
            self.packed.unpack(self.trainer.network.trainable_weights)
