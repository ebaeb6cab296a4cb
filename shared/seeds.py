"""One integer seed for every random initialiser, the same in both wings and in plain Keras.

``keras.utils.set_random_seed(s)`` seeds Python's generator, from which every layer without a seed of its own then draws
``randint(1, 10**9)`` when it is constructed. Drawing the same integers here, from a generator of our own, gives the same
initial weights without touching anyone's global state.
Source: keras/src/random/seed_generator.py, ``make_default_seed``.
"""

import random

from shared.spec import ModelSpec


def initializer_seeds(model: ModelSpec, seed: int) -> list[tuple[int | None, int | None]]:
    """For each layer the seeds of kernel and bias; None where the initialiser draws nothing."""
    generator = random.Random(seed)

    def draw(initializer: str) -> int | None:
        return None if initializer == "zeros" else generator.randint(1, 10**9)

    return [(draw(layer.kernel_initializer), draw(layer.bias_initializer)) for layer in model.layers]
