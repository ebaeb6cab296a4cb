"""What the variants of several traps ask of a replay: how its loss is set, how its net ends, where layers of a kind stand."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
import tensorflow as tf

from lockstep.auditing.replay import Replay, example_losses

CATEGORICAL = (keras.losses.CategoricalCrossentropy, keras.losses.SparseCategoricalCrossentropy)


def setting(replay: Replay, name: str) -> Any:
    """A setting of the compiled loss, such as ``from_logits``; None where it has none of that name."""
    return replay.objective.get_config().get(name)


def otherwise(objective: keras.losses.Loss, **settings: Any) -> keras.losses.Loss:
    """The same loss with other settings."""
    return type(objective).from_config(objective.get_config() | settings)


def columns(replay: Replay) -> int:
    """How many columns the outputs have; 0 where they are not of the shape (batch, columns)."""
    shape = getattr(replay.model, "output_shape", None)
    return shape[1] if isinstance(shape, tuple) and len(shape) == 2 and isinstance(shape[1], int) else 0


def categorical(replay: Replay) -> bool:
    """Whether the loss is one of classes that exclude each other, on outputs (batch, classes)."""
    return isinstance(replay.objective, CATEGORICAL) and columns(replay) > 1


def one_hot(replay: Replay, y: tf.Tensor) -> tf.Tensor:
    """Targets of the compiled loss as (batch, classes); labels (batch,) or (batch, 1) become rows with a one."""
    if isinstance(replay.objective, keras.losses.SparseCategoricalCrossentropy):
        return tf.one_hot(tf.cast(tf.reshape(y, [-1]), tf.int32), columns(replay))
    return tf.cast(y, tf.float32)


def on_outputs(change: Callable[[tf.Tensor], tf.Tensor]) -> Callable[[Any, tf.Tensor, tf.Tensor], tf.Tensor]:
    """The part ``loss``, of outputs that were changed before."""
    return lambda self, y, outputs: example_losses(self.objective, y, change(outputs))


def squash(replay: Replay) -> Callable[[tf.Tensor], tf.Tensor]:
    """What makes probabilities of the outputs: softmax, or sigmoid where each column is for itself."""
    return tf.nn.softmax if isinstance(replay.objective, CATEGORICAL) else tf.nn.sigmoid


def of_logits(replay: Replay) -> bool | None:
    """Whether a loss of classes or binary labels expects logits; None for other losses."""
    known = isinstance(replay.objective, (*CATEGORICAL, keras.losses.BinaryCrossentropy))
    return bool(setting(replay, "from_logits")) if known else None


def ends_linear(replay: Replay) -> bool:
    """Whether the last layer has the activation ``linear``."""
    return getattr(replay.network.layers[-1], "activation", None) is keras.activations.linear


def places(replay: Replay, kind: type | tuple[type, ...]) -> Iterator[tuple[int, Any]]:
    """Numbers and layers of a kind, of those that are trained."""
    for at, layer in enumerate(replay.network.layers):
        if layer.trainable and isinstance(layer, kind):
            yield at, layer


def at_all(replay: Replay, kind: type | tuple[type, ...], name: str, value: Any) -> Mapping[str, Any]:
    """The parts that set an attribute of all layers of a kind."""
    return {f"network.layers.{at}.{name}": value for at, _ in places(replay, kind)}
