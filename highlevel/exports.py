"""Twin: lowlevel/exports.py. Nets for use elsewhere: SavedModel and LiteRT by Keras's ``Model.export``.

Keras's own export to ONNX goes through tf2onnx, puts an attribute into NumPy and resets TensorFlow's default graph. So ONNX files
are written from the spec in this wing too, as safetensors are (``shared/formats``).
"""

from pathlib import Path

import keras

from shared.data.card import DataCard
from shared.files import write_together
from shared.formats.targets import aside, content, loggers_kept, target_of
from shared.weights import descriptions

__all__ = ["litert", "saved_model", "write"]


def write(path: str | Path, trainer, card: DataCard) -> None:
    """Write the net in the format that the path's name asks for.

    Raises:
        InputError: as for ``shared.formats.targets.target_of``.
    """
    target = target_of(path, trainer.model)
    if target == "SavedModel":
        saved_model(path, trainer)
    elif target == "LiteRT":
        litert(path, trainer)
    else:
        texts = descriptions(trainer.model, trainer.train, card)
        write_together({Path(path): content(target, trainer.model, trainer.weights(), texts)})


def saved_model(path: str | Path, trainer) -> None:
    """A folder: ``net = tf.saved_model.load(path)``, then ``net.serve(x)``: the logits, in the type in which the net computes."""
    with aside(path) as unfinished, loggers_kept():
        trainer.network.export(unfinished, format="tf_saved_model", verbose=False, input_signature=_rows(trainer))


def litert(path: str | Path, trainer) -> None:
    """A ``.tflite`` file: one function, ``x`` to the logits, with the weights as constants."""
    with aside(path) as unfinished, loggers_kept():
        trainer.network.export(unfinished, format="litert", verbose=False, input_signature=_rows(trainer))


def _rows(trainer) -> list[keras.InputSpec]:
    """What goes in; named, since Keras's exports take no name that begins with an underscore, as the net's own input does."""
    return [keras.InputSpec(shape=(None, trainer.model.inputs), dtype=trainer.model.variable_dtype, name="x")]
