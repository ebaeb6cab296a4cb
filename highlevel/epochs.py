"""Twin: lowlevel/epochs.py. A whole epoch in one call of the train function, inside the real ``fit``.

``fit`` calls ``train_function(iterator)`` once for each element of its pipeline. Here an element is the order of an epoch, and
the function runs all batches of it in a ``tf.while_loop``. The step is Keras's own ``train_step``, unchanged; metrics, callbacks,
history and the end of ``fit`` are Keras's as ever. This file needs nothing but TensorFlow and Keras, and may be taken elsewhere.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf
from tensorflow.compiler.tf2xla.python import xla

__all__ = ["blocks", "whole"]

_CHUNK = 2**24  # bytes of rows that are taken at a time without XLA: one gather costs less than one a batch, all rows need memory


def whole(
    network: keras.Model, examples: int, batch_size: int, kind: str = "train", apart: bool = False
) -> Callable[[Sequence[tf.Tensor], Any], dict[str, tf.Tensor]]:
    """A train function for a net that takes the order of an epoch, and trains on all its batches in one call.

    Args:
        network: built and compiled.
        examples: how many rows there are.
        batch_size: rows a step; the last step of an epoch takes what is left.
        kind: ``"train"``, or ``"test"`` for a test function, which evaluates.
        apart: XLA compiles each step by itself, and not the loop around the steps; without XLA this changes nothing.

    Returns:
        a function of the rows, that is x, y and perhaps sample weights, tensors (examples, ...), and of the iterator that ``fit``
        hands to its functions. It takes an order, int64 (examples,), from the iterator, and returns the metrics, float32 (), as a
        step of Keras does. An iterator over anything else is answered as without it, so that ``train_on_batch`` or an
        ``evaluate`` of a callback find what they expect.

    >>> from functools import partial
    >>> net = keras.Sequential([keras.Input((2,), name="_x"), keras.layers.Dense(1, name="_d")], name="_net")
    >>> net.compile(keras.optimizers.SGD(0.1, name="_sgd"), keras.losses.MeanSquaredError(name="_loss"))
    >>> net.train_function = partial(whole(net, 5, batch_size=2), [tf.zeros((5, 2)), tf.ones((5, 1))])
    >>> orders = tf.data.Dataset.from_tensors(tf.range(5, dtype=tf.int64)).repeat()
    >>> history = net.fit(orders, epochs=3, steps_per_epoch=1, shuffle=False, verbose=0)
    >>> len(history.history["loss"]), int(net.optimizer.iterations)
    (3, 9)
    """
    own, spec = _own(network, kind), tf.TensorSpec((examples,), tf.int64)
    step = _step(network, kind)
    one = _program(network, step)
    full, rest = divmod(examples, batch_size)

    def batches(order: tf.Tensor, *rows: tf.Tensor) -> None:
        """All full batches of an epoch. XLA must not see, in a step, where its rows come from: it might fuse the two."""

        def batch(at: tf.Tensor) -> None:
            chosen = tf.slice(order, [at * batch_size], [batch_size])  # XLA compiles for a known number of rows
            step(*xla.optimization_barrier(*_taken(rows, chosen)))

        _times(full, batch)

    many = _program(network, batches)

    def epoch(size: tf.Tensor, order: tf.Tensor, *rows: tf.Tensor) -> dict[str, tf.Tensor]:
        bytes_of_batch = batch_size * sum(part.dtype.size * tf.TensorShape(part.shape[1:]).num_elements() for part in rows)
        span = batch_size * max(1, min(full, _CHUNK // bytes_of_batch))

        def chunk(at: tf.Tensor) -> None:
            """Rows of some batches step by step, the partial batch among them."""
            _one_by_one(one, size, _taken(rows, order[at * span : (at + 1) * span]))

        if network.jit_compile and full and not apart:
            many(order, *rows)
            if rest:
                one(*_taken(rows, order[full * size :]))
        else:
            _times(-(-examples // span), chunk)
        return network.get_metrics_result()

    compiled, size = tf.function(epoch, autograph=False), tf.constant(batch_size)

    def function(rows: Sequence[tf.Tensor], iterator: Any) -> dict[str, tf.Tensor]:
        if getattr(iterator, "element_spec", None) != spec:
            return own(iterator)
        return compiled(size, iterator.get_next(), *rows)

    return function


def blocks(
    network: keras.Model, spec: Sequence[tf.TensorSpec], steps: int, batch_size: int, apart: bool = False
) -> Callable[[Any], dict[str, tf.Tensor]]:
    """A train function that takes some batches in a row as one block, for data that do not fit into memory.

    Args:
        network: built and compiled.
        spec: what the elements of ``fit``'s pipeline are: x, y and perhaps sample weights, in order, (rows, ...).
        steps: batches that a block holds at most.
        batch_size: rows a step; the last step of a block takes what is left.
        apart: as of ``whole``.

    Returns:
        a function of the iterator, as ``fit`` calls it. It returns the metrics, float32 (); those of an epoch's last block are
        those of the epoch.
    """
    own, step = _own(network, "train"), _step(network, "train")
    one = _program(network, step)

    def batches(count: tf.Tensor, *rows: tf.Tensor) -> None:
        """So many full batches of rows that stand in order."""

        def of(part: tf.Tensor, at: tf.Tensor) -> tf.Tensor:
            return tf.slice(part, [at * batch_size] + [0] * (part.shape.rank - 1), [batch_size, *part.shape[1:]])

        _times(count, lambda at: step(*(of(part, at) for part in rows)))

    many = _program(network, batches)

    def block(size: tf.Tensor, *rows: tf.Tensor) -> dict[str, tf.Tensor]:
        if network.jit_compile and not apart:
            there, room = tf.shape(rows[0])[0], steps * batch_size
            full = there // size
            many(full, *(_filled(part, room) for part in rows))
            _times(-(-there // size) - full, lambda _: one(*(part[full * size :] for part in rows)))  # a partial batch, or none
        else:
            _one_by_one(one, size, rows)
        return network.get_metrics_result()

    compiled, size = tf.function(block, autograph=False), tf.constant(batch_size)

    def function(iterator: Any) -> dict[str, tf.Tensor]:
        if getattr(iterator, "element_spec", None) != tuple(spec):
            return own(iterator)
        return compiled(size, *iterator.get_next())

    return function


def _own(network: keras.Model, kind: str) -> Callable[[Any], Any]:
    """Keras's function of that kind, made anew."""
    getattr(network, f"make_{kind}_function")(force=True)
    return getattr(network, f"{kind}_function")


def _step(network: keras.Model, kind: str) -> Callable[..., dict[str, tf.Tensor]]:
    """Keras's step of that kind, a function of the rows of a batch."""

    def step(*rows: tf.Tensor) -> dict[str, tf.Tensor]:
        # The number of rows stays open, as in `fit`: TensorFlow would turn the division by a known one into a product.
        rows = tuple(tf.ensure_shape(part, [None, *part.shape[1:]]) for part in rows)
        return getattr(network, f"{kind}_step")(rows)

    return step


def _program(network: keras.Model, part: Callable[..., Any]) -> Callable[..., Any]:
    """A program of XLA where the net is compiled by XLA."""
    return tf.function(part, jit_compile=True, autograph=False) if network.jit_compile else part


def _one_by_one(one: Callable[..., Any], size: tf.Tensor, rows: Sequence[tf.Tensor]) -> None:
    """A step for each batch of rows that stand in order, the last of which may be smaller."""
    count = (tf.shape(rows[0])[0] + size - 1) // size
    _times(count, lambda at: one(*(part[at * size : (at + 1) * size] for part in rows)))


def _filled(part: tf.Tensor, rows: int) -> tf.Tensor:
    """With zeros behind it, so that there are so many rows: XLA compiles for each number of them."""
    missing = rows - tf.shape(part)[0]
    behind = [[0, missing]] + [[0, 0]] * (part.shape.rank - 1)
    filled = tf.cond(missing > 0, lambda: tf.pad(part, behind), lambda: part)
    return tf.ensure_shape(filled, [rows, *part.shape[1:]])


def _times(count: Any, body: Callable[[tf.Tensor], Any]) -> None:
    """``body(0)`` to ``body(count - 1)``, one after the other, in a loop of TensorFlow."""

    def following(at: tf.Tensor) -> tuple[tf.Tensor]:
        body(at)
        return (at + 1,)

    tf.while_loop(lambda at: at < count, following, (tf.constant(0),), parallel_iterations=1)


def _taken(rows: Sequence[tf.Tensor], order: tf.Tensor) -> list[tf.Tensor]:
    return [tf.gather(part, order) for part in rows]
