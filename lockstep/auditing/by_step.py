"""``lockstep.audit``: a person's own step against the ``fit`` of their own compiled model."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from lockstep.auditing.analysis import Comparison, analyse
from lockstep.auditing.finding import Finding
from lockstep.auditing.observe import observe
from lockstep.auditing.probes import told_apart
from lockstep.auditing.reach import put_back
from lockstep.auditing.reference import Batch, Reference, compiled
from lockstep.auditing.variables import Held, kind_of
from shared.batches import BatchPlan
from shared.errors import InputError

INITIAL = ("model", "as-is")


def audit(
    step: Callable[[Any, Any], Any],
    variables: Sequence[Any],
    model: keras.Model,
    x: Any,
    y: Any,
    *,
    batch_size: int = 32,
    steps: int = 20,
    shuffle: bool = False,
    seed: int = 0,
    initial: str = "model",
    state: Sequence[Any] = (),
    transpose: bool = False,
    make: Callable[[], tuple[Callable, Sequence[Any]]] | None = None,
) -> Finding:
    """Where, by how much and why a training loop parts from Keras.

    The model's weights are copied into ``variables``, and ``step`` is called ``steps`` times. Then the model takes the same
    batches with its own ``fit``, once from its own weights and once from those that the loop had before each step, so that
    a mistake at one step does not hide another one later. At the end the model, ``variables`` and all variables that
    ``step`` reaches have their former values.

    Args:
        step: ``step(x, y) -> loss``; updates ``variables`` in place. Called with a batch each of x and y: tensors where
            ``variables`` are TensorFlow's or PyTorch's, else arrays. May be a ``tf.function``.
        variables: ``tf.Variable``, ``keras.Variable``, NumPy arrays or PyTorch tensors, in the order of
            ``model.trainable_variables`` or of ``model.weights``: kernel, bias, layer by layer.
        model: compiled; the reference.
        x: array (rows, ...); numbers that are not integers are cast to the type of the model's weights.
        y: array (rows, ...), as ``fit`` takes it.
        batch_size: rows a step; the last batch of an epoch may be smaller.
        steps: how many; a new epoch begins after the last row.
        shuffle: True draws an order for each epoch from ``seed``, the same for both sides.
        initial: ``"as-is"`` leaves the first values of ``variables`` as they are.
        state: other arrays that the loop changes, to be put back too.
        transpose: kernels lie (out, in), as PyTorch's do.
        make: returns a fresh ``(step, variables)``; lets the audit try batches of its own where the given ones cannot
            tell two causes apart.

    Raises:
        InputError: variables that are not the model's, a model that is not compiled, or data that do not fit.

    >>> import tensorflow as tf
    >>> model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(3)])
    >>> model.compile(keras.optimizers.SGD(0.1), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    >>> kernel, bias = tf.Variable(tf.zeros((6, 3))), tf.Variable(tf.zeros(3))
    >>> def step(x, y):
    ...     with tf.GradientTape() as tape:
    ...         logits = tf.nn.bias_add(x @ kernel, bias)
    ...         loss = tf.reduce_sum(tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits))
    ...     for variable, gradient in zip((kernel, bias), tape.gradient(loss, (kernel, bias))):
    ...         variable.assign_sub(0.1 * gradient)
    ...     return loss
    >>> x, y = np.random.default_rng(0).normal(size=(64, 6)).astype("float32"), np.arange(64) % 3
    >>> audit(step, [kernel, bias], model, x, y, steps=4).causes[0].code
    'loss-sum-not-mean'
    """
    given, batches = prepared(model, x, y, batch_size, steps, shuffle, seed)
    if not callable(step):
        raise InputError(f"step is a function of a batch (x, y) that returns the loss. Received: {type(step).__name__}.")
    if initial not in INITIAL:
        raise InputError(f"initial is 'model' or 'as-is'. Received: {initial!r}. Leave it out to start from the model's weights.")
    held = Held.of(variables, model, transpose)
    for array in state:
        kind_of(array)
    reference = Reference(model, held.weights)
    notes: list[str] = []
    try:
        with put_back(step, [*held.variables, *state], notes) as moved:
            if initial == "model":
                held.write(reference.start[0])
                reference.begin(held.read())  # the same numbers, also where the variables are of a narrower type
            seen = observe(step, held, batches)
            if seen.still:
                mine = {id(one.value if isinstance(one, keras.Variable) else one) for one in held.variables}
                seen.elsewhere = [str(getattr(one, "name", "an array")) for one in moved() if id(one) not in mine]
        seen.notes += notes
        comparison = Comparison(seen, reference, held.names, batch_size, given)
        finding = analyse(comparison)
        return told_apart(finding, comparison, make, transpose) if len(comparison.rivals) > 1 else finding
    finally:
        reference.end()


def assert_lockstep(
    step: Callable[[Any, Any], Any],
    variables: Sequence[Any],
    model: keras.Model,
    x: Any,
    y: Any,
    *,
    require: str = "round-off",
    **options: Any,
) -> Finding:
    """``audit`` for test suites: returns the finding, or raises with its text.

    Args:
        require: the worst verdict that passes.
        options: those of ``audit``.

    Raises:
        AssertionError: the verdict is worse than ``require``.
        InputError: as ``audit``.
    """
    return in_lockstep(audit(step, variables, model, x, y, **options), require)


def in_lockstep(finding: Finding, require: str) -> Finding:
    """The finding, if its verdict is ``require`` or better.

    Raises:
        AssertionError: it is worse.
    """
    if not finding.meets(require):
        raise AssertionError(f"the loop is not in lockstep with Keras\n{finding}")
    return finding


def prepared(
    model: Any, x: Any, y: Any, batch_size: int, steps: int | None, shuffle: bool, seed: int, epochs: int = 1
) -> tuple[tuple[np.ndarray, np.ndarray], list[Batch]]:
    """Checked data, and the batches of the first ``steps`` steps, or of ``epochs`` epochs.

    Raises:
        InputError: no compiled model, no data, or counts that are none.
    """
    compiled(model)
    x, y = np.asarray(x), np.asarray(y)
    if x.ndim < 1 or y.ndim < 1 or len(x) != len(y) or not len(x):
        raise InputError(f"x and y have a row for each example. Received: shapes {x.shape} and {y.shape}. Give equal lengths.")
    for part, name in ((x, "x"), (y, "y")):
        if part.dtype.kind not in "fiub":
            raise InputError(f"{name} holds numbers. Received: an array of {part.dtype}. Give float or integer arrays.")
    dtype = next((weight.dtype for weight in model.weights), keras.config.floatx())
    x, y = (part.astype(dtype) if part.dtype.kind == "f" else part for part in (x, y))
    if steps is not None and (isinstance(steps, bool) or not isinstance(steps, int | np.integer) or steps < 1):
        raise InputError(f"steps counts the steps that are compared, at least 1. Received: {steps!r}. Use steps=20.")
    plan = BatchPlan(len(x), batch_size, seed, shuffle)
    batches = []
    for number in range(plan.steps * epochs if steps is None else steps):
        epoch, at = divmod(number, plan.steps)
        rows = plan.order(epoch)[at * batch_size : (at + 1) * batch_size]
        batches.append(Batch(epoch + 1, rows, x[rows], y[rows]))
    return (x, y), batches
