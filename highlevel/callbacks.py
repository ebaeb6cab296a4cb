"""Twin: lowlevel/callbacks.py. What may happen between epochs: Keras's callbacks, which ``fit`` calls."""

import os

import keras

from shared.extras import need_tensorboard

__all__ = ["EarlyStopping", "TensorBoard"]

EarlyStopping = keras.callbacks.EarlyStopping


class TensorBoard(keras.callbacks.TensorBoard):
    """Writes the curves for TensorBoard, epoch by epoch. Keras: ``keras.callbacks.TensorBoard`` itself, without the graph.

    Tags, steps and values are those of the low-level twin, to the bit: see there.

    Args:
        log_dir: the folder of the runs ``train`` and ``validation``.

    Raises:
        InputError: TensorBoard is not installed. Keras would say so only after the first batch.
    """

    def __init__(self, log_dir: str | os.PathLike[str] = "logs"):
        need_tensorboard()
        super().__init__(log_dir, write_graph=False)
