"""Small compiled nets to measure traps on: all weights from seeds of their own, all names given, so that nothing global moves."""

from typing import Any

import keras


def dense(number: int, units: int, activation: str | None = None, **options: Any) -> keras.layers.Dense:
    """The layer ``L<number>``, whose kernel is drawn from that number."""
    kernel = keras.initializers.GlorotUniform(seed=number)
    return keras.layers.Dense(units, activation, kernel_initializer=kernel, name=f"L{number}", **options)


def net(*layers: keras.layers.Layer, loss: keras.losses.Loss | None = None, rate: float = 0.1, columns: int = 400) -> keras.Model:
    """A compiled net on rows of so many columns, by SGD; the loss is that of labels and logits where none is given."""
    model = keras.Sequential([keras.Input((columns,), name="x"), *layers], name="net")
    model.compile(keras.optimizers.SGD(rate, name="sgd"), loss or on_logits())
    return model


def on_logits(reduction: str = "sum_over_batch_size") -> keras.losses.Loss:
    """``-log softmax(logits)`` of the labels."""
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=reduction, name="loss")


def classifier(*between: keras.layers.Layer, loss: keras.losses.Loss | None = None, last: str | None = None) -> keras.Model:
    """400 -> 25 relu -> what stands between -> 10, for digits."""
    return net(dense(1, 25, "relu"), *between, dense(2, 10, last), loss=loss)
