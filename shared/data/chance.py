"""Random numbers for data sets, from the plainest call of NumPy's generator, whose numbers have never changed."""

import numpy as np

from shared.errors import InputError


class Chance:
    """Draws for ``count`` pictures at a time, fixed by ``seed`` and ``part`` (0 training, 1 test).

    Raises InputError for a seed that is no whole number of at least 0.
    """

    def __init__(self, seed: int, part: int) -> None:
        whole = isinstance(seed, int | np.integer) and not isinstance(seed, bool)
        if not whole or seed < 0:
            raise InputError(f"A seed is a whole number of at least 0. Received: seed={seed!r:.80}. Use seed=0.")
        self._generator = np.random.Generator(np.random.PCG64([int(seed), part]))
        self.count = 0

    def between(self, low: float, high: float, *shape: int) -> np.ndarray:
        """float64 (count, *shape), even between ``low`` and ``high``."""
        return low + (high - low) * self._generator.random((self.count, *shape))

    def shuffled(self, values: np.ndarray) -> np.ndarray:
        """``values`` in a random order."""
        return values[np.argsort(self._generator.random(len(values)), kind="stable")]
