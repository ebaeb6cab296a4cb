"""A search on many machines: the points go to the workers of a Dask scheduler, wherever these run.

Dask is the engine: it gives each worker its next point, and the points of a worker that is lost to another one. The rows go
to the workers once, as the result of a task and not as data that are scattered: scattered data are gone with the last worker
that holds them, while a task is run again. That is also why the points are not handed over by joblib's Dask backend, which
scatters what is large, or else sends it with every point.
"""

import os
import re
import warnings
from collections.abc import Generator, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import numpy as np

from lockstep.environment import versions
from lockstep.tuning.worker import Threads, threads, trained_in_worker
from shared.errors import InputError
from shared.extras import needed
from shared.records import History
from shared.spec import ModelSpec, TrainSpec

WAIT = 20  # seconds that the scheduler, and then a first worker, may take to answer


def check_address(address: Any) -> None:
    """Raise ``InputError`` for what is no scheduler's address."""
    if not (isinstance(address, str) and re.fullmatch(r"(tcp|tls)://[^\s/]+:\d{1,5}", address)):
        raise InputError(
            f"A scheduler's address is tcp:// or tls://, a host and a port. Received: {address!r:.80}. "
            "Use the one that 'dask scheduler' prints, such as tcp://127.0.0.1:8786."
        )


def count_workers(address: str) -> int:
    """How many workers the scheduler has; one at least.

    Raises:
        InputError: Dask is missing, no scheduler or no worker answers in time, or one of them has no keras-lockstep.
    """
    with _connected(address) as client:
        try:
            client.wait_for_workers(1, timeout=WAIT)
        except TimeoutError:
            raise InputError(
                f"A scheduler needs workers. Received: none within {WAIT} seconds at {address}. "
                f"Start some with 'dask worker {address} --nthreads 1'."
            ) from None
        # asked beforehand, with a function that all have: a worker that cannot read a task ends, and Dask waits for another
        found = {address: client.run_on_scheduler(find_spec, "lockstep"), **client.run(find_spec, "lockstep")}
        without = [where for where, spec in found.items() if spec is None]
        if without:
            raise InputError(
                f"Scheduler and workers need keras-lockstep. Received: none at {without[0]:.80}. "
                "Install the same version everywhere."
            )
        return len(found) - 1


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    """A client of the scheduler."""
    with needed("dask[distributed]", "search", "A search on many machines"):
        from distributed import Client
    try:
        client = Client(address, timeout=WAIT, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InputError(
            f"A scheduler must answer within {WAIT} seconds. Received: {error!s:.120}. "
            "Start one with 'dask scheduler', and give the address that it prints."
        ) from None
    with client:
        yield client


def trained_there(
    address: str, tasks: list[tuple[str, ModelSpec, TrainSpec]], data: tuple[np.ndarray, ...]
) -> Generator[History, None, None]:
    """The curves of each task (wing, model, train), in order.

    Raises:
        InputError: workers that cannot compute as this process does, or that are lost again and again, or a scheduler that is.
    """
    with _connected(address) as client:
        from distributed import KilledWorker
        from distributed.comm import CommClosedError

        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Sending large graph")  # once, and the workers need them
            rows = client.submit(_rows, *data, pure=False)
        futures = [client.submit(_trained_alike, versions(), _threads(), *task, rows, pure=False) for task in tasks]
        try:
            for future in futures:
                yield future.result()
        except KilledWorker as error:
            raise InputError(
                "A lost worker's point is trained by another one, but not without end. Received: a point that was lost with "
                f"{error.allowed_failures + 1} workers, as where memory runs out and the system ends them. "
                "Give the workers more memory."
            ) from None
        except (CancelledError, CommClosedError):
            raise InputError(
                f"The scheduler must stay until the search ends. Received: a lost connection to {address}. Start both again."
            ) from None
        finally:
            client.cancel([rows, *futures])  # whatever goes wrong, workers end with the point that they are at


def _rows(*data: np.ndarray) -> tuple[np.ndarray, ...]:
    """The rows, on a worker."""
    return data


def _threads() -> Threads:
    """The threads of this process as numbers: TensorFlow's default counts the cores of the machine that it runs on."""
    cores = len(os.sched_getaffinity(0))
    between, inside = threads()
    return between or cores, inside or cores


def _trained_alike(wanted: dict[str, str], *task: Any) -> History:
    """``trained_in_worker``, on a worker that has the versions of the process that asks."""
    if versions() != wanted:
        raise InputError(
            "Workers need the versions of the process that searches, or bits could differ. "
            f"Received: {_listed(versions(), wanted)} at a worker, and {_listed(wanted, versions())} here. Install the same ones."
        )
    return trained_in_worker(*task)


def _listed(some: dict[str, str], others: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in some.items() if others.get(name) != version)
