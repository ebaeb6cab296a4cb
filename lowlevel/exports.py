"""Twin: highlevel/exports.py. Nets for use elsewhere: a ``tf.Module`` with one function, saved or converted."""

from pathlib import Path

import tensorflow as tf

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
    module = _served(trainer)
    with aside(path) as unfinished, loggers_kept():
        tf.saved_model.save(module, str(unfinished), signatures={"serving_default": module.serve})


def litert(path: str | Path, trainer) -> None:
    """A ``.tflite`` file: one function, ``x`` to the logits, with the weights as constants."""
    module = _served(trainer)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([module.serve.get_concrete_function()], module)
    with loggers_kept():
        converted = converter.convert()
    write_together({Path(path): converted})


def _served(trainer) -> tf.Module:
    """A module that has the net's variables, since a SavedModel holds what hangs on one, and the function ``serve``."""
    module = tf.Module(name=trainer.model.name)
    module.weights = trainer.network.weights
    rows = tf.TensorSpec((None, trainer.model.inputs), trainer.model.variable_dtype, name="x")
    module.serve = tf.function(trainer.network, input_signature=[rows], autograph=False)
    return module
