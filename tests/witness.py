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


class RMSprop:
    """Graves (2013), eq. 38 to 41: n = rho n + (1 - rho) g^2, a likewise of g, step = rate g / sqrt(n - a^2 + epsilon)."""

    def __init__(self, rate, rho, epsilon, mu=0.0, centered=False):
        self.rate, self.rho, self.epsilon, self.mu, self.centered = rate, rho, epsilon, mu, centered
        self.past = []
        self.moved = None

    def update(self, weights, gradients):
        """New weights. The averages are sums over all gradients so far, with the weights that the recursion gives them."""
        self.past.append(gradients)
        self.moved = self.moved or [0.0] * len(weights)
        share = (1 - self.rho) * self.rho ** np.arange(len(self.past))[::-1]
        new = []
        for at, w in enumerate(weights):
            history = np.array([one[at] for one in self.past])
            square = np.tensordot(share, history**2, 1)
            mean = np.tensordot(share, history, 1) if self.centered else 0.0
            step = self.rate * gradients[at] / np.sqrt(square - mean**2 + self.epsilon)
            self.moved[at] = self.mu * self.moved[at] + step
            new.append(w - self.moved[at])
        return new


class Adagrad:
    """Duchi et al. (2011): each number is divided by the length of all gradients that it has had."""

    def __init__(self, rate, start, epsilon):
        self.rate, self.start, self.epsilon, self.past = rate, start, epsilon, []

    def update(self, weights, gradients):
        """New weights."""
        self.past.append(gradients)
        squares = [sum(one[at] ** 2 for one in self.past) for at in range(len(weights))]
        return [
            w - self.rate * g / np.sqrt(self.start + square + self.epsilon)
            for w, g, square in zip(weights, gradients, squares, strict=True)
        ]


class Lion:
    """Chen et al. (2023), Algorithm 2 without decay: the sign of one average, while another is kept."""

    def __init__(self, rate, beta_1, beta_2):
        self.rate, self.b1, self.b2, self.m = rate, beta_1, beta_2, None

    def update(self, weights, gradients):
        """New weights."""
        self.m = self.m or [np.zeros_like(w) for w in weights]
        directions = [np.sign(self.b1 * m + (1 - self.b1) * g) for m, g in zip(self.m, gradients, strict=True)]
        self.m = [self.b2 * m + (1 - self.b2) * g for m, g in zip(self.m, gradients, strict=True)]
        return [w - self.rate * direction for w, direction in zip(weights, directions, strict=True)]


class Nadam:
    """Dozat (2016), Algorithm 2 with a momentum of beta_1 (1 - 0.96^t / 2) at step t.

    ``kept`` are beta_1 and 0.96 as they go into the product of all momenta, ``beta_1`` and ``base`` as they go into the rest.
    """

    def __init__(self, rate, beta_1, beta_2, epsilon, base, kept):
        self.rate, self.b1, self.b2, self.epsilon, self.base, self.kept = rate, beta_1, beta_2, epsilon, base, kept
        self.t, self.m, self.n = 0, None, None

    def update(self, weights, gradients):
        """New weights."""
        self.m = self.m or [np.zeros_like(w) for w in weights]
        self.n = self.n or [np.zeros_like(w) for w in weights]
        self.t += 1
        beta, base = self.kept
        product = np.prod([beta * (1 - base**step / 2) for step in range(1, self.t + 1)])
        now, following = (self.b1 * (1 - self.base**step / 2) for step in (self.t, self.t + 1))
        self.m = [self.b1 * m + (1 - self.b1) * g for m, g in zip(self.m, gradients, strict=True)]
        self.n = [self.b2 * n + (1 - self.b2) * g * g for n, g in zip(self.n, gradients, strict=True)]
        ahead = [
            following * m / (1 - product * following) + (1 - now) * g / (1 - product)
            for m, g in zip(self.m, gradients, strict=True)
        ]
        spread = [np.sqrt(n / (1 - self.b2**self.t)) + self.epsilon for n in self.n]
        return [w - self.rate * a / s for w, a, s in zip(weights, ahead, spread, strict=True)]


class Around:
    """Around a rule: gradients averaged over ``gather`` steps and clipped, weights shrunk by ``decay`` and averaged."""

    def __init__(self, rule, decay=0.0, clip=None, gather=1, momentum=None, overwrite=None):
        self.rule, self.decay, self.clip, self.gather = rule, decay, clip, gather
        self.momentum, self.overwrite = momentum, overwrite
        self.gathered, self.average, self.steps = [], None, 0

    def update(self, weights, gradients):
        """New weights, and in ``average`` their moving average."""
        self.gathered.append(gradients)
        updates, self.steps = self.steps // self.gather, self.steps + 1
        if len(self.gathered) == self.gather:
            gradients = [np.mean(ones, axis=0) for ones in zip(*self.gathered, strict=True)]
            gradients = self.clip(gradients) if self.clip else gradients
            weights = self.rule.update([w * (1 - self.rule.rate * self.decay) for w in weights], gradients)
            self.gathered = []
        if self.momentum is not None:
            old = self.average if updates else weights
            self.average = [self.momentum * a + (1 - self.momentum) * w for a, w in zip(old, weights, strict=True)]
            if self.overwrite and (updates + 1) % self.overwrite == 0:
                weights = self.average
        return weights


def clip_each(most):
    """No gradient longer than ``most``."""
    return lambda gradients: [g * min(1.0, most / np.linalg.norm(g)) for g in gradients]


def clip_together(most):
    """All gradients as one vector no longer than ``most``."""
    return lambda gradients: [
        g * min(1.0, most / np.linalg.norm(np.concatenate([g.ravel() for g in gradients]))) for g in gradients
    ]


def clip_numbers(most):
    """No number beyond ``most`` on either side."""
    return lambda gradients: [np.clip(g, -most, most) for g in gradients]


def train(x, labels, weights, activation, optimizer, batches):
    """Weights after the batches (lists of row numbers), and the loss of each."""
    weights, losses = list(weights), []
    for rows in batches:
        loss, gradients = loss_and_gradients(x[rows], labels[rows], weights, activation)
        losses.append(loss)
        weights = optimizer.update(weights, gradients)
    return weights, losses
