"""scikit-learn: ``MLPClassifier``, which goes on where it stood (``warm_start``) and never stops early. It has no accuracy."""

import warnings

from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from timing.jobs import Job


def make(job: Job, x, y):
    """A ``fit``."""
    net = MLPClassifier(
        job.sizes[1:-1],
        alpha=0.0,
        batch_size=job.batch,
        learning_rate_init=job.rate,
        epsilon=1e-7,
        n_iter_no_change=10**9,
        warm_start=True,
    )

    def fit(epochs: int) -> None:
        net.max_iter = epochs
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # that it was told to end
            net.fit(x, y)

    return fit
