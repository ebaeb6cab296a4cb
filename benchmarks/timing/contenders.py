"""Who is timed. A contender is made from a job and its data, and gives a ``fit`` of a number of epochs."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module, util
from typing import Any

from timing.jobs import Job
from timing.slopes import Fit


@dataclass(frozen=True)
class Contender:
    """What is shown of it, which module it needs, and how it is made from (job, x, y)."""

    label: str
    needs: str
    make: Callable[[Job, Any, Any], Fit]

    @property
    def installed(self) -> bool:
        """Whether its module can be imported."""
        return util.find_spec(self.needs) is not None


def keras_net(job: Job, **options: Any) -> Any:
    """The net as users of Keras write it, compiled."""
    import keras

    *hidden, last = job.sizes[1:]
    layers = [*(keras.layers.Dense(units, "relu") for units in hidden), keras.layers.Dense(last)]
    net = keras.Sequential([keras.Input((job.sizes[0],)), *layers])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    net.compile(keras.optimizers.Adam(job.rate), loss, metrics=["accuracy"], **options)
    return net


def _keras(job: Job, x, y, whole: bool = False, **options) -> Fit:
    net = keras_net(job, **options, **({"steps_per_execution": job.steps} if whole else {}))
    return lambda epochs: net.fit(x, y, batch_size=job.batch, epochs=epochs, verbose=0)


def trainer(wing: str, job: Job, **options: Any) -> Any:
    """One of our trainers."""
    return import_module(wing).Trainer(*job.specs(), **options)


def _ours(wing: str, job: Job, x, y, **options) -> Fit:
    made = trainer(wing, job, **options)
    return lambda epochs: made.fit((x, y), epochs=epochs)


def _peer(name: str, job: Job, x, y, **options) -> Fit:
    return import_module(f"timing.peers.{name}").make(job, x, y, **options)


def _wing(wing: str, **options: Any) -> Callable[[Job, Any, Any], Fit]:
    return partial(_ours, wing, **options)


REFERENCE = "keras-fit"
CONTENDERS = {
    REFERENCE: Contender("Keras `fit`, plain", "keras", _keras),
    "keras-fit-xla": Contender("Keras `fit`, XLA", "keras", partial(_keras, jit_compile=True)),
    "keras-fit-epoch": Contender("Keras `fit`, a whole epoch an execution", "keras", partial(_keras, whole=True)),
    "high-auto": Contender("high-level, `auto`", "keras", _wing("highlevel")),
    "high-epoch": Contender("high-level, `epoch`", "keras", _wing("highlevel", execution="epoch", jit_compile=False)),
    "high-epoch-xla": Contender("high-level, `epoch`, XLA", "keras", _wing("highlevel", execution="epoch", jit_compile=True)),
    "low-auto": Contender("low-level, `auto`", "tensorflow", _wing("lowlevel")),
    "low-graph": Contender("low-level, `graph`", "tensorflow", _wing("lowlevel", execution="graph", jit_compile=False)),
    "low-epoch": Contender("low-level, `epoch`", "tensorflow", _wing("lowlevel", execution="epoch", jit_compile=False)),
    "low-epoch-xla": Contender("low-level, `epoch`, XLA", "tensorflow", _wing("lowlevel", execution="epoch", jit_compile=True)),
    "low-fused": Contender("low-level, `fused`", "tensorflow", _wing("lowlevel", execution="fused")),
    "sklearn": Contender("scikit-learn `MLPClassifier`", "sklearn", partial(_peer, "by_sklearn")),
    "torch": Contender("PyTorch, eager, Adam", "torch", partial(_peer, "by_torch", fused=False)),
    "torch-fused": Contender("PyTorch, eager, fused Adam", "torch", partial(_peer, "by_torch", fused=True)),
    "jax-step": Contender("JAX, `jit` a step", "jax", partial(_peer, "by_jax", scan=False)),
    "jax-scan": Contender("JAX, `lax.scan` an epoch", "jax", partial(_peer, "by_jax", scan=True)),
    "numpy": Contender("NumPy by hand", "numpy", partial(_peer, "by_numpy")),
    "numba": Contender("numba by hand", "numba", partial(_peer, "by_numba")),
}
