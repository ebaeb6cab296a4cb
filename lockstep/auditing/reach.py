"""What a person's function can reach: variables to be put back after an audit, and counters that cannot be.

A function reaches what stands in its closure, in the globals that it names, in its defaults and in the object that it is a
method of; from there, what attributes and containers hold. Objects of TensorFlow and Keras are asked for their variables.
"""

import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from lockstep.auditing.variables import as_array, assign

LIBRARIES = ("tensorflow", "keras", "numpy", "torch", "jax", "builtins", "collections", "functools", "logging", "threading")
DEPTH = 6
MOST = 5000  # objects


class Reach:
    """Everything found from one function.

    Attributes:
        variables: every ``tf.Variable``, once.
        numbers: ``name -> value`` of plain Python numbers that stand in a closure, in a global or in an attribute.
    """

    def __init__(self, step: Any) -> None:
        self.variables: list[tf.Variable] = []
        self.numbers: dict[str, int | float] = {}
        self._seen: set[int] = set()
        self._alive: list[Any] = []  # so that no number of an object is given to another one
        self._walk(step, "", 0)

    def _walk(self, found: Any, name: str, depth: int) -> None:
        if isinstance(found, bool) or found is None or isinstance(found, str | bytes | np.ndarray | types.ModuleType):
            return
        if isinstance(found, int | float):
            if name:
                self.numbers[name] = found
            return
        if id(found) in self._seen or depth > DEPTH or len(self._seen) > MOST:
            return
        self._seen.add(id(found))
        self._alive.append(found)
        if isinstance(found, tf.Variable):
            self.variables.append(found)
            return
        if isinstance(found, keras.Variable):
            self._walk(found.value, name, depth)
            return
        for key, value in _parts(found):
            self._walk(value, key if not name or not key else f"{name}.{key}", depth + 1)


def _parts(found: Any) -> Iterator[tuple[str, Any]]:
    """(name, value) of what an object holds."""
    if isinstance(found, dict):
        yield from ((str(key), value) for key, value in list(found.items()))
    elif isinstance(found, list | tuple | set | frozenset):
        yield from ((str(at), value) for at, value in enumerate(found))
    elif isinstance(found, partial):
        yield from (("", found.func), ("", found.args), ("", found.keywords))
    elif isinstance(found, types.MethodType):
        yield from (("", found.__self__), ("", found.__func__))
    elif hasattr(found, "python_function"):  # a tf.function
        yield "", found.python_function
        wrapped = getattr(found, "_list_all_concrete_functions", None)
        yield from (("", one.graph.variables) for one in (wrapped() if wrapped else ()))
    elif isinstance(found, types.FunctionType):
        yield from _function(found)
    elif isinstance(found, keras.layers.Layer | keras.optimizers.Optimizer | keras.metrics.Metric):
        yield "", list(found.variables)
        if isinstance(found, keras.Model) and getattr(found, "optimizer", None) is not None:
            yield "", found.optimizer
    elif isinstance(found, type) or type(found).__module__.split(".")[0] in LIBRARIES:
        if isinstance(found, tf.Module):
            yield from vars(found).items()
    else:
        yield from vars(found).items() if hasattr(found, "__dict__") else ()


def _function(found: types.FunctionType) -> Iterator[tuple[str, Any]]:
    code = found.__code__
    for name, cell in zip(code.co_freevars, found.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:  # not assigned yet
            continue
    names = set(code.co_names)
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            names |= set(inner.co_names)
    yield from ((name, found.__globals__[name]) for name in sorted(names) if name in found.__globals__)
    yield "", found.__defaults__ or ()
    yield "", found.__kwdefaults__ or {}


@contextmanager
def put_back(step: Callable, arrays: list[Any], notes: list[str]) -> Iterator[Callable[[], list[Any]]]:
    """Gives a function that lists the variables of ``step`` and the arrays that have moved so far.

    Afterwards every variable that ``step`` reaches and every one of ``arrays`` has the value that it has now.

    ``notes`` gets a line for each counter that moved meanwhile, since it cannot be put back, and for variables made anew.
    """
    before = Reach(step)
    variables = [*before.variables, *arrays]
    values = [as_array(variable) for variable in variables]

    def moved_so_far() -> list[Any]:
        return [one for one, value in zip(variables, values, strict=True) if not _same(as_array(one), value)]

    try:
        yield moved_so_far
    finally:
        for variable, value in zip(variables, values, strict=True):
            if getattr(variable.shape, "rank", 0) is None or tuple(variable.shape) == value.shape:
                assign(variable, value)
        after = Reach(step)
        known = {id(variable) for variable in before.variables}
        made = [variable.name for variable in after.variables if id(variable) not in known]
        if made:
            notes.append(f"made by the step, and not put back: {_few(made)}")
        moved = [name for name, value in after.numbers.items() if before.numbers.get(name, value) != value]
        if moved:
            notes.append(f"Python numbers that moved, and were not put back: {_few(moved)}")


def _same(left: np.ndarray, right: np.ndarray) -> bool:
    return left.shape == right.shape and left.tobytes() == right.tobytes()


def _few(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
