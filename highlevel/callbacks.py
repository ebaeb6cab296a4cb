"""Twin: lowlevel/callbacks.py. What may happen between epochs: Keras's callbacks, which ``fit`` calls."""

import keras

__all__ = ["EarlyStopping"]

EarlyStopping = keras.callbacks.EarlyStopping
