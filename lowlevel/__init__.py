"""The low-level wing: networks from ``tf.Variable``, ``tf.function`` and the gradient tape, without Keras.

May import: tensorflow, numpy, ``shared``; besides, ``storage.py`` h5py and ``trainer.py`` tqdm.
May not import: ``highlevel``, ``lockstep``,
or keras by any door; TensorFlow's own names for its losses, optimisers, metrics and initialisers are such doors.
Its twin is ``highlevel``: same files, same names, same order. ``tests/test_house.py`` reads the source and enforces this.
"""

from typing import TYPE_CHECKING, Any

import shared

if getattr(shared, "PROJECT", None) != "keras-lockstep":
    raise ImportError(
        "lowlevel stands on the package 'shared' of keras-lockstep. "
        f"Received: another 'shared' at {getattr(shared, '__file__', None) or list(shared.__path__)}. "
        "Put keras-lockstep before it on sys.path, or install it into an environment of its own."
    )

from shared.keras_later import keras_later

with keras_later():  # TensorFlow would import Keras
    from lowlevel.network import Network, build, spec_of, summary
    from lowlevel.trainer import Trainer, load_model

if TYPE_CHECKING:
    from lowlevel.estimator import LowLevelClassifier, LowLevelRegressor

__all__ = ["LowLevelClassifier", "LowLevelRegressor", "Network", "Trainer", "build", "load_model", "spec_of", "summary"]


def __getattr__(name: str) -> Any:
    """The estimators, for which scikit-learn is imported only when somebody asks for one."""
    if name in ("LowLevelClassifier", "LowLevelRegressor"):
        from lowlevel import estimator

        return getattr(estimator, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
