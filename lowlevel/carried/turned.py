"""Tall kernels that lie on their side while a loop of XLA carries them: (units, inputs).

XLA takes the gradient of a kernel with many inputs and few units, ``transpose(x) d``, several times as long as its transpose,
``transpose(d) x``, although it multiplies and adds the same numbers in the same order. So the kernel and its slots are carried
turned, and the gradient is never turned back. The layer gets the kernel upright, a copy for each step.
"""

from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.compiler.tf2xla.python import xla

__all__ = ["tall", "upright"]

_LARGE, _UNITS, _ROWS = 2**16, 64, 32  # it pays with more numbers in a kernel, at most so many units, at least so many rows


def tall(weights: list[Any], batches: list[int]) -> set[int]:
    """The numbers of those weights that are to be turned: tall kernels whose gradient has the same bits either way.

    Args:
        weights: trainable variables.
        batches: how many rows the batches have, all sizes that occur.
    """
    numbers = set()
    for at, weight in enumerate(weights):
        if weight.shape.rank != 2 or weight.shape.num_elements() <= _LARGE or max(batches) < _ROWS:
            continue
        inputs, units = weight.shape
        if units <= _UNITS and all(_alike(rows, inputs, units, weight.dtype) for rows in batches):
            numbers.add(at)
    return numbers


def upright(kernel: tf.Tensor) -> tf.Tensor:
    """The kernel as its layer knows it, (inputs, units). Without the barrier XLA would turn the product with it instead, and
    round otherwise."""
    return xla.optimization_barrier(tf.transpose(kernel))[0]


def _alike(rows: int, inputs: int, units: int, dtype: tf.DType) -> bool:
    """Whether XLA rounds the gradient of a kernel alike in both orders; for some sizes it does not, and so it is tried."""
    numbers = np.random.default_rng(0)
    x, d = (tf.constant(numbers.standard_normal((rows, columns)), dtype) for columns in (inputs, units))

    @tf.function(jit_compile=True, autograph=False)
    def both(x: tf.Tensor, d: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.matmul(x, d, transpose_a=True), tf.matmul(d, x, transpose_a=True)

    known, turned = both(x, d)
    return known.numpy().tobytes() == turned.numpy().T.tobytes()
