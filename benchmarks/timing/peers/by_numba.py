"""numba by hand, float32: three dense layers, an epoch in one compiled function; BLAS for the products, one loop for Adam."""

import numba
import numpy as np

from timing.jobs import Job

_compiled = numba.njit(error_model="numpy")  # a division that may raise an error is not vectorised


@_compiled
def _forward(x, w, b, relu):
    z = np.dot(x, w)
    for i in range(z.shape[0]):
        for j in range(z.shape[1]):
            value = z[i, j] + b[j]
            z[i, j] = max(value, np.float32(0)) if relu else value
    return z


@_compiled
def _columns(d, out):
    out[:] = 0
    for i in range(d.shape[0]):
        for j in range(d.shape[1]):
            out[j] += d[i, j]


@_compiled
def _back(d, w, h):
    back = np.dot(d, w.T)
    for i in range(back.shape[0]):
        for j in range(back.shape[1]):
            if h[i, j] <= 0:
                back[i, j] = 0
    return back


@_compiled
def _loss(z, y):
    """Softmax cross-entropy; ``z`` becomes the gradient of its mean."""
    loss, right = np.float32(0), 0
    rows = np.float32(z.shape[0])
    for i in range(z.shape[0]):
        most = 0
        for j in range(z.shape[1]):
            if z[i, j] > z[i, most]:
                most = j
        right += most == y[i]
        top, picked, total = z[i, most], z[i, y[i]], np.float32(0)
        for j in range(z.shape[1]):
            z[i, j] = np.exp(z[i, j] - top)
            total += z[i, j]
        loss += np.log(total) - (picked - top)
        for j in range(z.shape[1]):
            z[i, j] = (z[i, j] / total - np.float32(j == y[i])) / rows
    return loss, right


@_compiled
def adam(flat, g, m, v, alpha):
    """Keras's Adam over whole vectors, in place; one pass."""
    for i in range(flat.size):
        m[i] += (g[i] - m[i]) * np.float32(0.1)
        v[i] += (g[i] * g[i] - v[i]) * np.float32(1e-3)
        flat[i] -= m[i] * alpha / (np.sqrt(v[i]) + np.float32(1e-7))


@_compiled
def _epoch(x, y, order, batch, flat, gradient, m, v, weights, gradients, t, rate):
    w1, b1, w2, b2, w3, b3 = weights
    g1, c1, g2, c2, g3, c3 = gradients
    loss, right = 0.0, 0
    for start in range(0, order.size, batch):
        rows = order[start : start + batch]
        part = np.empty((rows.size, x.shape[1]), np.float32)
        goal = np.empty(rows.size, np.int64)
        for i in range(rows.size):
            part[i] = x[rows[i]]
            goal[i] = y[rows[i]]
        h1 = _forward(part, w1, b1, True)
        h2 = _forward(h1, w2, b2, True)
        z = _forward(h2, w3, b3, False)
        a, b = _loss(z, goal)
        loss, right = loss + a, right + b
        np.dot(h2.T, z, g3)
        _columns(z, c3)
        d = _back(z, w3, h2)
        np.dot(h1.T, d, g2)
        _columns(d, c2)
        d = _back(d, w2, h1)
        np.dot(part.T, d, g1)
        _columns(d, c1)
        t += 1
        alpha = rate * np.sqrt(np.float32(1) - np.float32(0.999) ** np.float32(t))
        alpha /= np.float32(1) - np.float32(0.9) ** np.float32(t)
        adam(flat, gradient, m, v, np.float32(alpha))
    return loss, right


class Net:
    """The net and its training; arguments as of ``by_numpy.Net``."""

    def __init__(self, job: Job, x: np.ndarray, y: np.ndarray, weights: list[np.ndarray] | None = None):
        self.job, self.x, self.y = job, np.ascontiguousarray(x), y
        first = job.weights() if weights is None else weights
        self.flat = np.concatenate([one.ravel() for one in first]).astype(np.float32)
        self.gradient, self.m, self.v = (np.zeros_like(self.flat) for _ in range(3))
        ends = np.cumsum([one.size for one in first])[:-1]
        self.weights, self.gradients = (
            tuple(part.reshape(one.shape) for part, one in zip(np.split(vector, ends), first, strict=True))
            for vector in (self.flat, self.gradient)
        )
        self.t = 0
        self.generator = np.random.default_rng(2)
        self.loss = self.accuracy = 0.0

    def fit(self, epochs: int) -> None:
        """Train on."""
        vectors = (self.flat, self.gradient, self.m, self.v)
        for _ in range(epochs):
            order = self.generator.permutation(len(self.x))
            loss, right = _epoch(
                self.x, self.y, order, self.job.batch, *vectors, self.weights, self.gradients, self.t, np.float32(self.job.rate)
            )
            self.t += self.job.steps
            self.loss, self.accuracy = loss / len(order), right / len(order)


def make(job: Job, x, y):
    """A ``fit``."""
    return Net(job, x, y).fit
