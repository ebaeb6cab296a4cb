"""One integer seed for every random initialiser and every Dropout, the same in both wings and in plain Keras.

``keras.utils.set_random_seed(s)`` seeds Python's generator, from which every layer without a seed of its own then draws
``randint(1, 10**9)`` when it is constructed. Drawing the same integers here, from a generator of our own, gives the same
initial weights and the same masks without touching anyone's global state.
Source: keras/src/random/seed_generator.py, ``make_default_seed``.
"""

import random

from shared.spec import DenseSpec, DropoutSpec, ModelSpec


def layer_seeds(model: ModelSpec, seed: int) -> list[tuple[int | None, ...]]:
    """For each layer its seeds: of kernel and bias of a Dense, None where the initialiser draws nothing; of a Dropout's masks."""
    generator = random.Random(seed)

    def draw(initializer: str) -> int | None:
        return None if initializer == "zeros" else generator.randint(1, 10**9)

    seeds: list[tuple[int | None, ...]] = []
    for layer in model.layers:
        if isinstance(layer, DenseSpec):
            seeds.append((draw(layer.kernel_initializer), draw(layer.bias_initializer)))
        else:
            seeds.append((generator.randint(1, 10**9),) if isinstance(layer, DropoutSpec) else ())
    return seeds
