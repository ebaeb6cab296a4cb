"""Twin: lowlevel/loss_scaling.py. Loss scaling: how float16 keeps gradients that are too small for it."""

import keras

__all__ = ["LossScaleOptimizer"]

LossScaleOptimizer = keras.optimizers.LossScaleOptimizer
