"""TensorFlow's first import without Keras: for the wing that does not use it, and for commands that train in that wing alone.

The last thing that ``import tensorflow`` does is to import ``keras.src.optimizers``, which brings the whole of Keras, inside a
``try`` that takes an ImportError. ``tf.keras`` and its like load Keras by themselves when they are first used.
"""

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

DOOR = "keras.src.optimizers"


def keras_later() -> AbstractContextManager[None]:
    """Around the first import of TensorFlow: Keras stays unloaded until somebody asks for it.

    Does nothing where TensorFlow or Keras has been imported, and touches no environment variable.
    """
    return nullcontext() if "tensorflow" in sys.modules or "keras" in sys.modules else absent(DOOR)


@contextmanager
def absent(*names: str) -> Iterator[None]:
    """Around an import: those of the modules ``names`` that have not been imported yet are as if they were not installed.

    Python raises ModuleNotFoundError for a name that stands in ``sys.modules`` as None, and it does so before it imports the
    packages that the name lies in, so that nothing half-loaded stays behind. That holds for all threads.
    """
    modules: dict[str, Any] = sys.modules
    hidden = [name for name in names if name not in modules]
    modules.update(dict.fromkeys(hidden))
    try:
        yield
    finally:
        for name in hidden:
            modules.pop(name, None)
