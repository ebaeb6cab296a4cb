"""Twin: lowlevel/initializers.py. First values of the weights, drawn by Keras's initialisers.

Each random one is given its seed: an unseeded initialiser would draw one from Python's global generator and so change it.
"""

import keras

__all__ = [
    "get",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "lecun_normal",
    "lecun_uniform",
    "zeros",
]


def zeros(seed: None = None) -> keras.initializers.Initializer:
    """All zeros; there is nothing to seed."""
    return keras.initializers.Zeros()


glorot_uniform = keras.initializers.GlorotUniform
glorot_normal = keras.initializers.GlorotNormal
he_uniform = keras.initializers.HeUniform
he_normal = keras.initializers.HeNormal
lecun_uniform = keras.initializers.LecunUniform
lecun_normal = keras.initializers.LecunNormal


def get(name: str):
    """The initialiser of that name: a function of the seed."""
    return {
        "zeros": zeros,
        "glorot_uniform": glorot_uniform,
        "glorot_normal": glorot_normal,
        "he_uniform": he_uniform,
        "he_normal": he_normal,
        "lecun_uniform": lecun_uniform,
        "lecun_normal": lecun_normal,
    }[name]
