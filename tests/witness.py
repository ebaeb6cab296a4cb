"""A third witness: the same training in float64 NumPy, by hand. It imports nothing of the project.

Forward and backward are written from the textbook (rows are examples), the update rules from their papers. Where TensorFlow
rounds a constant through float32 on its way to a float64 net, the caller passes the rounded constant.
"""

import numpy as np


def forward(x, weights, activation):
    """Logits and what the backward pass needs."""
    value, kept = x, []
    last = len(weights) // 2 - 1
    for layer in range(last + 1):
        kernel, bias = weights[2 * layer], weights[2 * layer + 1]
        z = value @ kernel + bias
        kept.append((value, z))
        value = z if layer == last else ACTIVATION[activation](z)
    return value, kept


def softmax(logits):
    """Rows that sum to 1."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def loss_and_gradients(x, labels, weights, activation):
    """Mean cross-entropy of the batch and its gradient, by the chain rule: dZ of the last layer is (A - Y) / m."""
    logits, kept = forward(x, weights, activation)
    chosen = softmax(logits)
    m = len(x)
    loss = -np.log(chosen[np.arange(m), labels]).mean()
    dz = chosen.copy()
    dz[np.arange(m), labels] -= 1
    dz /= m
    gradients = [np.zeros(0)] * len(weights)
    for layer in reversed(range(len(weights) // 2)):
        value, _ = kept[layer]
        gradients[2 * layer], gradients[2 * layer + 1] = value.T @ dz, dz.sum(axis=0)
        if layer:
            dz = (dz @ weights[2 * layer].T) * SLOPE[activation](kept[layer - 1][1])
    return loss, gradients


def sigmoid(z):
    """1 / (1 + exp(-z))"""
    return 1 / (1 + np.exp(-z))


ACTIVATION = {"relu": lambda z: np.maximum(z, 0), "sigmoid": sigmoid, "tanh": np.tanh, "linear": lambda z: z}
SLOPE = {
    "relu": lambda z: (z > 0) * 1.0,
    "sigmoid": lambda z: sigmoid(z) * (1 - sigmoid(z)),
    "tanh": lambda z: 1 - np.tanh(z) ** 2,
    "linear": np.ones_like,
}


class Descent:
    """Gradient descent with optional momentum: v = mu v - lr g; w += v, or w += mu v - lr g (Nesterov)."""

    def __init__(self, rate, mu=0.0, nesterov=False):
        self.rate, self.mu, self.nesterov, self.v = rate, mu, nesterov, None

    def update(self, weights, gradients):
        """New weights."""
        self.v = self.v or [np.zeros_like(w) for w in weights]
        self.v = [self.mu * v - self.rate * g for v, g in zip(self.v, gradients, strict=True)]
        ahead = [self.mu * v - self.rate * g if self.nesterov else v for v, g in zip(self.v, gradients, strict=True)]
        return [w + step for w, step in zip(weights, ahead, strict=True)]


class Adam:
    """Kingma and Ba's Algorithm 1 with both moments corrected explicitly; epsilon is scaled to mean what it means in Keras."""

    def __init__(self, rate, beta_1, beta_2, epsilon, power_1, power_2):
        self.rate, self.b1, self.b2, self.epsilon = rate, beta_1, beta_2, epsilon
        self.power_1, self.power_2 = power_1, power_2
        self.t, self.m, self.v = 0, None, None

    def update(self, weights, gradients):
        """New weights."""
        self.m = self.m or [np.zeros_like(w) for w in weights]
        self.v = self.v or [np.zeros_like(w) for w in weights]
        self.t += 1
        self.m = [self.b1 * m + (1 - self.b1) * g for m, g in zip(self.m, gradients, strict=True)]
        self.v = [self.b2 * v + (1 - self.b2) * g * g for v, g in zip(self.v, gradients, strict=True)]
        one, two = 1 - self.power_1**self.t, 1 - self.power_2**self.t
        # lr mhat / (sqrt(vhat) + eps'), where Keras's epsilon is added to the uncorrected root: eps' = eps / sqrt(two)
        return [
            w - self.rate * (m / one) / (np.sqrt(v / two) + self.epsilon / np.sqrt(two))
            for w, m, v in zip(weights, self.m, self.v, strict=True)
        ]


def train(x, labels, weights, activation, optimizer, batches):
    """Weights after the batches (lists of row numbers), and the loss of each."""
    weights, losses = list(weights), []
    for rows in batches:
        loss, gradients = loss_and_gradients(x[rows], labels[rows], weights, activation)
        losses.append(loss)
        weights = optimizer.update(weights, gradients)
    return weights, losses
