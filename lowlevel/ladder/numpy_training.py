"""The net by hand, taken further (S2.7): softmax over classes, minibatches, and the optimisers that came after gradient descent.

Layers and their way back are those of ``numpy_by_hand.py``. Columns are examples; labels are whole numbers (m,), not one-hot.
Update rules are pure functions of one weight w, its gradient g and its slots; they return the new weight and slots.
"""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from lowlevel.ladder.numpy_by_hand import (
    Array,
    L_model_forward,
    Parameters,
    backward,
    initialize_parameters_deep,
    my_softmax,
)
from shared.batches import BatchPlan
from shared.spec import require

# ------------------------------------------------------------------------------------------------------ softmax loss


def softmax_cross_entropy(ZL: Array, labels: Array) -> Array:
    """``-log softmax(z)[label]`` of each column: ZL (C, m), labels (m,) -> (m,).

    Keras: ``keras.losses.SparseCategoricalCrossentropy(from_logits=True)``.
    """
    shifted = ZL - ZL.max(axis=0)  # of a probability that rounds to 0 the logarithm would be infinite
    return np.log(np.exp(shifted).sum(axis=0)) - shifted[labels, np.arange(len(labels))]


def softmax_backward(ZL: Array, labels: Array) -> Array:
    """The gradient of the losses' sum by ZL: softmax minus one-hot, ``A - Y`` (C, m)."""
    dZ = my_softmax(ZL)
    dZ[labels, np.arange(len(labels))] -= 1.0
    return dZ


def losses_and_gradients(
    X: Array, labels: Array, parameters: Parameters, activations: Sequence[str]
) -> tuple[Array, Array, Parameters]:
    """Forward and backward of one batch: ZL (C, m), the examples' losses (m,), and the gradients of their mean.

    X (n_x, m), labels (m,); ``activations`` layer by layer, the last one "linear" where ZL are plain logits.
    """
    ZL, caches = L_model_forward(X, parameters, activations)
    return ZL, softmax_cross_entropy(ZL, labels), backward(softmax_backward(ZL, labels), caches, activations)


# ------------------------------------------------------------------------------------------------------ update rules


def gradient_descent(w: Array, g: Array, *, learning_rate: float) -> tuple[Array]:
    """``w - lr g``. Keras: ``keras.optimizers.SGD``."""
    return (w - learning_rate * g,)


def momentum(w: Array, g: Array, m: Array, *, learning_rate: float, mu: float) -> tuple[Array, Array]:
    """``m' = mu m - lr g``, ``w + m'``. Source: Polyak (1964). Keras: ``SGD(momentum=mu)``."""
    m = mu * m - learning_rate * g
    return w + m, m


def nesterov(w: Array, g: Array, m: Array, *, learning_rate: float, mu: float) -> tuple[Array, Array]:
    """``m' = mu m - lr g``, ``w + (mu m' - lr g)``: one step ahead. Source: Sutskever et al. (2013). Keras: ``nesterov=True``."""
    m = mu * m - learning_rate * g
    return w + (mu * m - learning_rate * g), m


def rmsprop(w: Array, g: Array, v: Array, *, learning_rate: float, rho: float, epsilon: float) -> tuple[Array, Array]:
    """``v' = rho v + (1 - rho) g^2``, ``w - lr g / sqrt(v' + epsilon)``. Source: Tieleman and Hinton (2012).

    Keras: ``keras.optimizers.RMSprop``, which has epsilon under the root too.
    """
    v = rho * v + (1 - rho) * g**2
    return w - learning_rate * g / np.sqrt(v + epsilon), v


def adam_rate(t: int, *, learning_rate: float, beta1: float, beta2: float) -> float:
    """``lr sqrt(1 - beta2^t) / (1 - beta1^t)``, t counted from 1: both bias corrections of Adam in one number."""
    return learning_rate * np.sqrt(1 - beta2**t) / (1 - beta1**t)


def adam(
    w: Array, g: Array, m: Array, v: Array, *, rate: float, beta1: float, beta2: float, epsilon: float
) -> tuple[Array, Array, Array]:
    """``m' = b1 m + (1-b1) g``, ``v' = b2 v + (1-b2) g^2``, ``w - rate m' / (sqrt(v') + epsilon)``; rate from ``adam_rate``.

    Source: Kingma and Ba (2015), the efficient form at the end of section 2. Keras: ``keras.optimizers.Adam``.
    """
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    return w - rate * m / (np.sqrt(v) + epsilon), m, v


SLOTS = {"sgd": 0, "momentum": 1, "nesterov": 1, "rmsprop": 1, "adam": 2}  # arrays beside each weight
Slots = dict[str, tuple[Array, ...]]
Rule = Callable[..., tuple[Array, ...]]


def rule_of(optimizer: str, *, rate: float, beta: float, beta1: float, beta2: float, epsilon: float) -> Rule:
    """The rule of that name with its constants: a function of w, g and the slots.

    Args:
        rate: the learning rate; for Adam that of ``adam_rate``, which changes with every step.
        beta: mu of momentum, rho of RMSprop.

    Raises:
        InputError: no such rule.
    """
    _check(optimizer)
    rules: dict[str, Rule] = {
        "sgd": partial(gradient_descent, learning_rate=rate),
        "momentum": partial(momentum, learning_rate=rate, mu=beta),
        "nesterov": partial(nesterov, learning_rate=rate, mu=beta),
        "rmsprop": partial(rmsprop, learning_rate=rate, rho=beta, epsilon=epsilon),
        "adam": partial(adam, rate=rate, beta1=beta1, beta2=beta2, epsilon=epsilon),
    }
    return rules[optimizer]


def _check(optimizer: str) -> None:
    rule, remedy = "optimizer names an update rule.", f"Use one of: {', '.join(SLOTS)}."
    require(optimizer in SLOTS, rule, f"optimizer={optimizer!r}", remedy)


def initialize_slots(parameters: Parameters, optimizer: str) -> Slots:
    """For every W and b as many zero arrays of its shape as the optimiser keeps.

    Raises:
        InputError: no such optimiser.
    """
    _check(optimizer)
    return {name: tuple(np.zeros_like(value) for _ in range(SLOTS[optimizer])) for name, value in parameters.items()}


def apply_rule(parameters: Parameters, grads: Parameters, slots: Slots, rule: Rule) -> tuple[Parameters, Slots]:
    """One step: the rule applied to every W and b; new parameters and new slots."""
    changed = {name: rule(value, grads[f"d{name}"], *slots[name]) for name, value in parameters.items()}
    return {name: new[0] for name, new in changed.items()}, {name: new[1:] for name, new in changed.items()}


# ---------------------------------------------------------------------------------------------------------- training


def model(
    X_train: Array,
    labels: Array,
    layers_dims: Sequence[int],
    optimizer: str = "adam",
    learning_rate: float = 0.001,
    num_epochs: int = 10,
    mini_batch_size: int = 32,
    *,
    beta: float = 0.9,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-7,
    seed: int = 1,
    print_cost: bool = False,
) -> tuple[Parameters, list[float]]:
    """Train relu layers with softmax at the end: parameters, and the cost of every epoch, which is the mean over all examples.

    Args:
        X_train, labels: (n_x, m) and whole numbers (m,).
        layers_dims: n_x, then units layer by layer, the last one the number of classes.
        optimizer: "sgd", "momentum", "nesterov", "rmsprop" or "adam".
        beta: mu of momentum, rho of RMSprop; beta1, beta2 are Adam's, epsilon is RMSprop's and Adam's.
        seed: of the weights (divided by the root of their inputs) and of the order of the examples.

    Raises:
        InputError: no such optimiser.
    """
    parameters = initialize_parameters_deep(layers_dims, seed, scale=None)
    slots, steps, costs = initialize_slots(parameters, optimizer), 0, []
    activations = ["relu"] * (len(layers_dims) - 2) + ["linear"]
    plan = BatchPlan(X_train.shape[1], mini_batch_size, seed)
    for epoch in range(num_epochs):
        total = 0.0
        for columns in plan.batches(epoch):
            _, losses, grads = losses_and_gradients(X_train[:, columns], labels[columns], parameters, activations)
            total += losses.sum()
            steps += 1
            rate = learning_rate
            if optimizer == "adam":
                rate = adam_rate(steps, learning_rate=learning_rate, beta1=beta1, beta2=beta2)
            rule = rule_of(optimizer, rate=rate, beta=beta, beta1=beta1, beta2=beta2, epsilon=epsilon)
            parameters, slots = apply_rule(parameters, grads, slots, rule)
        costs.append(float(total / X_train.shape[1]))
        if print_cost:
            print(f"Cost after epoch {epoch}: {costs[-1]}")
    return parameters, costs
