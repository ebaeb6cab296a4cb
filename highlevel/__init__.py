"""The high-level wing: the same networks through Keras: ``Sequential``, ``compile``, ``fit``.

May import: keras, tensorflow (for ``tf.data`` and ``tf.distribute``), numpy, ``shared``; besides, ``storage.py`` h5py.
May not import: ``lowlevel`` or ``lockstep``. Its twin is ``lowlevel``: same files, same names, same order.
``tests/test_house.py`` reads the source and enforces this.
"""

from typing import TYPE_CHECKING, Any

import shared

if getattr(shared, "PROJECT", None) != "keras-lockstep":
    raise ImportError(
        "highlevel stands on the package 'shared' of keras-lockstep. "
        f"Received: another 'shared' at {getattr(shared, '__file__', None) or list(shared.__path__)}. "
        "Put keras-lockstep before it on sys.path, or install it into an environment of its own."
    )

from highlevel.network import Network, build, spec_of, summary
from highlevel.trainer import Trainer

if TYPE_CHECKING:
    from highlevel.estimator import HighLevelClassifier, HighLevelRegressor

__all__ = ["HighLevelClassifier", "HighLevelRegressor", "Network", "Trainer", "build", "spec_of", "summary"]


def __getattr__(name: str) -> Any:
    """The estimators, for which scikit-learn is imported only when somebody asks for one."""
    if name in ("HighLevelClassifier", "HighLevelRegressor"):
        from highlevel import estimator

        return getattr(estimator, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
