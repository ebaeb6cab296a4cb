"""NumPy by hand, float32: three dense layers. Parameters, gradients and each of Adam's slots lie in one vector."""

import numpy as np

from timing.jobs import Job


class Net:
    """The net and its training.

    Args:
        job: of three layers.
        x: float32 (rows, columns).
        y: int64 (rows,).
        weights: the first ones, kernel and bias layer by layer; the job's where None.
    """

    def __init__(self, job: Job, x: np.ndarray, y: np.ndarray, weights: list[np.ndarray] | None = None):
        self.job, self.x, self.y = job, x, y
        first = job.weights() if weights is None else weights
        self.flat = np.concatenate([one.ravel() for one in first]).astype(np.float32)
        self.gradient, self.a, self.b = (np.zeros_like(self.flat) for _ in range(3))
        self.m, self.v = np.zeros_like(self.flat), np.zeros_like(self.flat)
        ends = np.cumsum([one.size for one in first])[:-1]
        self.weights, self.gradients = (
            [part.reshape(one.shape) for part, one in zip(np.split(vector, ends), first, strict=True)]
            for vector in (self.flat, self.gradient)
        )
        self.t = 0
        self.generator = np.random.default_rng(2)
        self.loss = self.accuracy = 0.0

    def fit(self, epochs: int) -> None:
        """Train on."""
        for _ in range(epochs):
            order = self.generator.permutation(len(self.x))
            loss = right = 0.0
            for start in range(0, len(order), self.job.batch):
                rows = order[start : start + self.job.batch]
                a, b = self.step(self.x[rows], self.y[rows])
                loss, right = loss + a, right + b
            self.loss, self.accuracy = loss / len(order), right / len(order)

    def step(self, x: np.ndarray, y: np.ndarray) -> tuple[float, int]:
        """One batch; the sum of its losses, and how many answers are right."""
        w1, b1, w2, b2, w3, b3 = self.weights
        g1, c1, g2, c2, g3, c3 = self.gradients
        h1 = x @ w1
        h1 += b1
        np.maximum(h1, 0, out=h1)
        h2 = h1 @ w2
        h2 += b2
        np.maximum(h2, 0, out=h2)
        z = h2 @ w3
        z += b3
        all_rows = np.arange(len(y))
        right = int((z.argmax(axis=1) == y).sum())
        z -= z.max(axis=1, keepdims=True)
        picked = z[all_rows, y]
        np.exp(z, out=z)
        sums = z.sum(axis=1, keepdims=True)
        loss = float((np.log(sums[:, 0]) - picked).sum())
        z /= sums
        z[all_rows, y] -= 1
        z /= np.float32(len(y))
        np.matmul(h2.T, z, out=g3)
        z.sum(axis=0, out=c3)
        d = z @ w3.T
        d *= h2 > 0
        np.matmul(h1.T, d, out=g2)
        d.sum(axis=0, out=c2)
        d = d @ w2.T
        d *= h1 > 0
        np.matmul(x.T, d, out=g1)
        d.sum(axis=0, out=c1)
        self.update()
        return loss, right

    def update(self) -> None:
        """Keras's Adam over the whole vector, in place."""
        one, beta_1, beta_2 = np.float32(1), np.float32(0.9), np.float32(0.999)
        self.t += 1
        t = np.float32(self.t)
        alpha = np.float32(self.job.rate) * np.sqrt(one - beta_2**t) / (one - beta_1**t)
        g, m, v, a, b = self.gradient, self.m, self.v, self.a, self.b
        np.subtract(g, m, out=a)
        a *= np.float32(0.1)
        m += a
        np.multiply(g, g, out=a)
        a -= v
        a *= np.float32(1e-3)
        v += a
        np.multiply(m, alpha, out=a)
        np.sqrt(v, out=b)
        b += np.float32(1e-7)
        a /= b
        self.flat -= a


def make(job: Job, x, y):
    """A ``fit``."""
    return Net(job, x, y).fit
