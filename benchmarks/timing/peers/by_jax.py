"""JAX: a step under ``jit``, or all full batches of an epoch in one ``lax.scan``, and the smaller last one as a step."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from timing.jobs import Job


def _objective(weights, x, y):
    h = x
    for at in range(0, len(weights), 2):
        h = h @ weights[at] + weights[at + 1]
        if at + 2 < len(weights):
            h = jax.nn.relu(h)
    losses = -jnp.take_along_axis(jax.nn.log_softmax(h), y[:, None], axis=1)[:, 0]
    return losses.mean(), (losses.sum(), (h.argmax(axis=1) == y).sum())


def _step(rate, state, x, y, rows):
    """One batch; state: weights, both slots, counter, and the sums of the epoch."""
    weights, ms, vs, t, loss, right = state
    (_, (a, b)), gradients = jax.value_and_grad(_objective, has_aux=True)(weights, x[rows], y[rows])
    t = t + 1
    time = t.astype(jnp.float32)
    alpha = rate * jnp.sqrt(1 - 0.999**time) / (1 - 0.9**time)
    ms = [m + (g - m) * 0.1 for m, g in zip(ms, gradients, strict=True)]
    vs = [v + (g * g - v) * 1e-3 for v, g in zip(vs, gradients, strict=True)]
    weights = [w - m * alpha / (jnp.sqrt(v) + 1e-7) for w, m, v in zip(weights, ms, vs, strict=True)]
    return weights, ms, vs, t, loss + a, right + b


def _scan(rate, state, x, y, order):
    return jax.lax.scan(lambda state, rows: (_step(rate, state, x, y, rows), None), state, order)[0]


class Net:
    """The net and its training; arguments as of ``by_numpy.Net``, and whether an epoch is one ``scan``."""

    def __init__(self, job: Job, x, y, weights: list[np.ndarray] | None = None, scan: bool = False):
        self.job, self.x, self.y, self.scan = job, jnp.asarray(x), jnp.asarray(y, jnp.int32), scan
        self.weights = [jnp.asarray(one) for one in (job.weights() if weights is None else weights)]
        zeros = [jnp.zeros_like(one) for one in self.weights]
        self.slots = zeros, list(zeros), jnp.int32(0)
        self.step, self.steps = (jax.jit(partial(one, job.rate)) for one in (_step, _scan))
        self.generator = np.random.default_rng(2)
        self.loss = self.accuracy = 0.0

    def fit(self, epochs: int) -> None:
        """Train on."""
        size = self.job.batch
        full = len(self.x) // size
        for _ in range(epochs):
            order = self.generator.permutation(len(self.x)).astype(np.int32)
            batches, rest = order[: full * size].reshape(full, size), order[full * size :]
            state = (self.weights, *self.slots, jnp.float32(0), jnp.int32(0))
            if self.scan and full:
                state = self.steps(state, self.x, self.y, batches)
            else:
                for rows in batches:
                    state = self.step(state, self.x, self.y, rows)
            if len(rest):
                state = self.step(state, self.x, self.y, rest)
            self.weights, *self.slots, loss, right = state
            self.loss, self.accuracy = float(loss) / len(order), float(right) / len(order)


def make(job: Job, x, y, scan: bool):
    """A ``fit``."""
    return Net(job, x, y, scan=scan).fit
