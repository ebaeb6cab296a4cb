"""Twin: highlevel/initializers.py. First values of the weights, drawn by stateless operations.

A stateless draw depends on its seed alone, so no global generator is read or changed. All six random ones scale with the
layer's fan: Glorot and Bengio (2010) divide by the mean of inputs and outputs, He et al. (2015) and LeCun et al. (1998) by
the inputs.
"""

import math

import tensorflow as tf

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

# Standard deviation of a unit normal cut off at two standard deviations; dividing by it restores the variance.
_TRUNCATED_DEVIATION = 0.87962566103423978


def _key(seed: int) -> list[int]:
    return [seed % (tf.int32.max - 1), 0]


def _uniform(shape, seed, dtype, variance):
    limit = tf.cast(math.sqrt(3.0 * variance), dtype)  # by way of float32, as Keras does, in float64 nets too
    return tf.random.stateless_uniform(shape, _key(seed), -limit, limit, dtype)


def _normal(shape, seed, dtype, variance):
    deviation = math.sqrt(variance) / _TRUNCATED_DEVIATION
    return tf.random.stateless_truncated_normal(shape, _key(seed), 0.0, deviation, dtype)


def _fans(shape) -> tuple[int, int]:
    """Inputs and outputs of a kernel (inputs, units) or of a bias (units,), which has units of both."""
    return (shape[0], shape[-1])


def zeros(shape, seed=None, dtype="float32") -> tf.Tensor:
    """All zeros. Keras: ``keras.initializers.Zeros``."""
    return tf.zeros(shape, dtype)


def glorot_uniform(shape, seed, dtype="float32") -> tf.Tensor:
    """Uniform with variance ``2 / (inputs + units)``. Keras: ``GlorotUniform``."""
    inputs, units = _fans(shape)
    return _uniform(shape, seed, dtype, 1.0 / ((inputs + units) / 2.0))


def glorot_normal(shape, seed, dtype="float32") -> tf.Tensor:
    """Truncated normal with variance ``2 / (inputs + units)``. Keras: ``GlorotNormal``."""
    inputs, units = _fans(shape)
    return _normal(shape, seed, dtype, 1.0 / ((inputs + units) / 2.0))


def he_uniform(shape, seed, dtype="float32") -> tf.Tensor:
    """Uniform with variance ``2 / inputs``. Keras: ``HeUniform``."""
    return _uniform(shape, seed, dtype, 2.0 / _fans(shape)[0])


def he_normal(shape, seed, dtype="float32") -> tf.Tensor:
    """Truncated normal with variance ``2 / inputs``. Keras: ``HeNormal``."""
    return _normal(shape, seed, dtype, 2.0 / _fans(shape)[0])


def lecun_uniform(shape, seed, dtype="float32") -> tf.Tensor:
    """Uniform with variance ``1 / inputs``. Keras: ``LecunUniform``."""
    return _uniform(shape, seed, dtype, 1.0 / _fans(shape)[0])


def lecun_normal(shape, seed, dtype="float32") -> tf.Tensor:
    """Truncated normal with variance ``1 / inputs``. Keras: ``LecunNormal``."""
    return _normal(shape, seed, dtype, 1.0 / _fans(shape)[0])


def get(name: str):
    """The initialiser of that name: a function of shape, seed and dtype."""
    return {
        "zeros": zeros,
        "glorot_uniform": glorot_uniform,
        "glorot_normal": glorot_normal,
        "he_uniform": he_uniform,
        "he_normal": he_normal,
        "lecun_uniform": lecun_uniform,
        "lecun_normal": lecun_normal,
    }[name]
