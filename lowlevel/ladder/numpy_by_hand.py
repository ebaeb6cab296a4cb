"""A net by hand in NumPy (S2): forward with caches, backward by the chain rule, gradient descent. float64 throughout.

Columns are examples: X (n_x, m), W (units, inputs), b (units, 1), Z and A (units, m), Y (1, m) of 0 and 1. A gradient dA, dZ is
that of the *sum* of the examples' losses; dW and db divide by m, so they are those of the cost, which is the mean.
Draws come from a generator of their own, ``RandomState(seed)``: the numbers that ``np.random.seed(seed)`` would give.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from shared.data import load_file
from shared.spec import require

Array = np.ndarray
Parameters = dict[str, Array]  # "W1", "b1", "W2", ...

# ------------------------------------------------------------------------------------------------------- activations


def sigmoid(Z: Array) -> tuple[Array, Array]:
    """``1 / (1 + exp(-Z))``, and Z as the cache for the way back. Keras: ``keras.activations.sigmoid``."""
    e = np.exp(-np.abs(Z))  # exp(-Z) itself would overflow at Z = -1000
    return np.where(np.asarray(Z) >= 0, 1.0, e) / (1.0 + e), Z


def sigmoid_backward(dA: Array, cache: Array) -> Array:
    """dZ from dA: the slope of the sigmoid is ``s (1 - s)``."""
    s, _ = sigmoid(cache)
    return dA * s * (1 - s)


def relu(Z: Array) -> tuple[Array, Array]:
    """``max(0, Z)``, and Z as the cache. Keras: ``keras.activations.relu``."""
    return np.maximum(0, Z), Z


def relu_backward(dA: Array, cache: Array) -> Array:
    """dZ from dA: the slope is 1 where Z is above 0, else 0."""
    return np.where(cache > 0, dA, 0.0)


def tanh(Z: Array) -> tuple[Array, Array]:
    """The hyperbolic tangent, and Z as the cache. Keras: ``keras.activations.tanh``."""
    return np.tanh(Z), Z


def tanh_backward(dA: Array, cache: Array) -> Array:
    """dZ from dA: the slope is ``1 - tanh(Z)^2``."""
    return dA * (1 - np.tanh(cache) ** 2)


def identity(Z: Array) -> tuple[Array, Array]:
    """Z itself, which is what the activation called linear gives, and Z as the cache. Keras: ``keras.activations.linear``."""
    return Z, Z


def identity_backward(dA: Array, cache: Array) -> Array:
    """dZ from dA, which are the same."""
    return dA


ACTIVATIONS: dict[str, tuple[Callable[[Array], tuple[Array, Array]], Callable[[Array, Array], Array]]] = {
    "sigmoid": (sigmoid, sigmoid_backward),
    "relu": (relu, relu_backward),
    "tanh": (tanh, tanh_backward),
    "linear": (identity, identity_backward),
}


def my_softmax(z: Array, axis: int = 0) -> Array:
    """``exp(z) / sum(exp(z))`` (S4): of a vector (N,), or of each column of (N, m).

    Of examples in rows, as Keras keeps them, ask for ``axis=1``. Keras: ``keras.activations.softmax``.

    >>> my_softmax(np.array([1.0, 2.0, 3.0, 4.0])).round(2).tolist()
    [0.03, 0.09, 0.24, 0.64]
    """
    ez = np.exp(z - np.max(z, axis=axis, keepdims=True))  # a common factor cancels, and this one keeps exp from overflowing
    return ez / ez.sum(axis=axis, keepdims=True)


# ------------------------------------------------------------------------------------------------------ first weights


def initialize_parameters(n_x: int, n_h: int, n_y: int, seed: int = 1) -> Parameters:
    """W1 (n_h, n_x), b1 (n_h, 1), W2 (n_y, n_h), b2 (n_y, 1): normal draws times 0.01, and zeros."""
    return initialize_parameters_deep([n_x, n_h, n_y], seed=seed)


def initialize_parameters_deep(layer_dims: Sequence[int], seed: int = 3, scale: float | None = 0.01) -> Parameters:
    """W (units, inputs) of each layer, normal draws times ``scale``, and b (units, 1) of zeros.

    Args:
        layer_dims: columns of the input, then units layer by layer.
        scale: None divides by the root of the inputs instead, without which deep nets hardly learn.
    """
    generator = np.random.RandomState(seed)
    parameters = {}
    for layer, (inputs, units) in enumerate(pairwise(layer_dims), start=1):
        draws = generator.randn(units, inputs)
        parameters[f"W{layer}"] = draws / np.sqrt(inputs) if scale is None else draws * scale
        parameters[f"b{layer}"] = np.zeros((units, 1))
    return parameters


# ----------------------------------------------------------------------------------------------------------- forward


def linear_forward(A: Array, W: Array, b: Array) -> tuple[Array, tuple[Array, Array, Array]]:
    """``Z = W A + b`` (units, m), and (A, W, b) as the cache. Keras: ``keras.layers.Dense``, transposed."""
    return W @ A + b, (A, W, b)


def linear_activation_forward(A_prev: Array, W: Array, b: Array, activation: str) -> tuple[Array, tuple]:
    """A layer: A (units, m), and the caches of its linear part and of its activation.

    Raises:
        InputError: an activation that is none of "sigmoid", "relu", "tanh", "linear".
    """
    rule, remedy = "activation names a function.", f"Use one of: {', '.join(ACTIVATIONS)}."
    require(activation in ACTIVATIONS, rule, f"activation={activation!r}", remedy)
    Z, linear_cache = linear_forward(A_prev, W, b)
    A, activation_cache = ACTIVATIONS[activation][0](Z)
    return A, (linear_cache, activation_cache)


def L_model_forward(X: Array, parameters: Parameters, activations: Sequence[str] | None = None) -> tuple[Array, list[tuple]]:
    """All layers: AL (n_y, m) and the layers' caches. Without ``activations``: relu, and sigmoid last."""
    A, caches = X, []
    for layer, activation in enumerate(activations or _relu_then_sigmoid(len(parameters) // 2), start=1):
        A, cache = linear_activation_forward(A, parameters[f"W{layer}"], parameters[f"b{layer}"], activation)
        caches.append(cache)
    return A, caches


def _relu_then_sigmoid(layers: int) -> list[str]:
    return ["relu"] * (layers - 1) + ["sigmoid"]


def compute_cost(AL: Array, Y: Array) -> float:
    """Binary cross-entropy: ``-1/m sum(Y log AL + (1 - Y) log(1 - AL))``; AL and Y (1, m).

    Without 1/m the cost would grow with the number of examples. Keras: ``keras.losses.BinaryCrossentropy``.
    """
    m = Y.shape[1]
    return float(-np.sum(np.multiply(Y, np.log(AL)) + np.multiply(1 - Y, np.log(1 - AL))) / m)


# ---------------------------------------------------------------------------------------------------------- backward


def linear_backward(dZ: Array, cache: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
    """dA_prev (inputs, m), dW (units, inputs), db (units, 1) of a layer's linear part; dW and db are means over the examples."""
    A_prev, W, _ = cache
    m = A_prev.shape[1]
    return W.T @ dZ, dZ @ A_prev.T / m, dZ.sum(axis=1, keepdims=True) / m


def linear_activation_backward(dA: Array, cache: tuple, activation: str) -> tuple[Array, Array, Array]:
    """dA_prev, dW, db of a layer, from dA and the caches that its way forward left."""
    linear_cache, activation_cache = cache
    return linear_backward(ACTIVATIONS[activation][1](dA, activation_cache), linear_cache)


def backward(dA: Array, caches: list[tuple], activations: Sequence[str]) -> Parameters:
    """Gradients of all layers, from dA of the last one.

    Of layer l: "dW{l}", "db{l}", and in "dA{l}", as the course names it, what it hands on: the gradient of its *input*.
    """
    grads: Parameters = {}
    for layer in range(len(caches), 0, -1):
        dA, dW, db = linear_activation_backward(dA, caches[layer - 1], activations[layer - 1])
        grads |= {f"dA{layer}": dA, f"dW{layer}": dW, f"db{layer}": db}
    return grads


def L_model_backward(AL: Array, Y: Array, caches: list[tuple]) -> Parameters:
    """Gradients of ``compute_cost`` for relu layers with a sigmoid last: "dA1", "dW1", "db1", ...; see ``backward``."""
    Y = Y.reshape(AL.shape)
    dAL = -(np.divide(Y, AL) - np.divide(1 - Y, 1 - AL))
    return backward(dAL, caches, _relu_then_sigmoid(len(caches)))


def update_parameters(parameters: Parameters, grads: Parameters, learning_rate: float) -> Parameters:
    """Gradient descent: ``w - learning_rate dw`` for every W and b; a new dictionary. Keras: ``keras.optimizers.SGD``."""
    return {name: value - learning_rate * grads[f"d{name}"] for name, value in parameters.items()}


# ---------------------------------------------------------------------------------------------------------- training


def load_data(
    train: str | Path = "datasets/train_catvnoncat.h5", test: str | Path = "datasets/test_catvnoncat.h5"
) -> tuple[Array, Array, Array, Array, Array]:
    """Pictures and labels of two files of the course's layout: x (m, 64, 64, 3), y (1, m), x, y of the test, class names.

    ``x.reshape(m, -1).T / 255`` is what the models take.

    Raises:
        InputError: a file that is missing, damaged or of another layout.
    """
    data = load_file(train, test=test)
    assert data.x_test is not None
    assert data.y_test is not None
    return data.x_train, data.y_train.reshape(1, -1), data.x_test, data.y_test.reshape(1, -1), np.array(data.classes)


def two_layer_model(
    X: Array,
    Y: Array,
    layers_dims: Sequence[int],
    learning_rate: float = 0.0075,
    num_iterations: int = 3000,
    print_cost: bool = False,
) -> tuple[Parameters, list[float]]:
    """Train LINEAR, RELU, LINEAR, SIGMOID on all examples at once: parameters, and the cost every 100 iterations.

    Args:
        X, Y: (n_x, m) and (1, m).
        layers_dims: (n_x, n_h, n_y); the weights start as ``initialize_parameters`` draws them.
    """
    n_x, n_h, n_y = layers_dims
    return _descend(initialize_parameters(n_x, n_h, n_y), X, Y, learning_rate, num_iterations, print_cost)


def L_layer_model(
    X: Array,
    Y: Array,
    layers_dims: Sequence[int],
    learning_rate: float = 0.0075,
    num_iterations: int = 3000,
    print_cost: bool = False,
    *,
    seed: int = 1,
    scale: float | None = None,
) -> tuple[Parameters, list[float]]:
    """The same with any number of relu layers before the sigmoid; ``seed`` and ``scale`` as in ``initialize_parameters_deep``."""
    parameters = initialize_parameters_deep(layers_dims, seed, scale)
    return _descend(parameters, X, Y, learning_rate, num_iterations, print_cost)


def _descend(parameters, X, Y, learning_rate, num_iterations, print_cost):
    X, costs = np.asarray(X, np.float64), []
    for iteration in range(num_iterations):
        AL, caches = L_model_forward(X, parameters)
        if iteration % 100 == 0:
            costs.append(compute_cost(AL, Y))
            if print_cost:
                print(f"Cost after iteration {iteration}: {costs[-1]}")
        parameters = update_parameters(parameters, L_model_backward(AL, Y, caches), learning_rate)
    return parameters, costs


def predict(X: Array, y: Array | None, parameters: Parameters) -> Array:
    """1.0 for each column of X whose probability is above one half, else 0.0: (1, m). With y, the accuracy is printed."""
    probabilities, _ = L_model_forward(X, parameters)
    predictions = (probabilities > 0.5).astype(np.float64)
    if y is not None:
        print(f"Accuracy: {np.mean(predictions == y)}")
    return predictions
