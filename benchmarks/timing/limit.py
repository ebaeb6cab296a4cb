"""Part ``limit``: the least that a step can cost. Every matrix product of the step at the job's shapes, and one fused pass of
Adam over the parameters, each timed by itself by several libraries; the best of each is taken, and they are added up. So are
those that XLA makes, which whatever has the bits of a compiled ``fit`` must use.
"""

import time
from collections.abc import Callable
from importlib import util
from typing import Any

import numpy as np

from timing.jobs import JOBS, Job

Shape = tuple[int, int, int]


def products(job: Job) -> list[tuple[str, Shape, bool, bool]]:
    """The products of a step: (what it is, (rows, inner, columns), whether the left and the right factor are transposed)."""
    found = []
    for at, (a, b) in enumerate(zip(job.sizes, job.sizes[1:], strict=False), 1):
        found += [(f"forward {at}", (job.batch, a, b), False, False), (f"kernel {at}", (a, job.batch, b), True, False)]
        if at > 1:
            found.append((f"back {at}", (job.batch, b, a), False, True))
    return found


def _seconds(repeat: Callable[[int], object], quick: bool) -> float:
    """Seconds of one of the things that ``repeat(n)`` does n times: the least of several."""
    target, rounds = (0.002, 2) if quick else (0.05, 7)
    repeat(1)
    count = 1
    while True:
        began = time.perf_counter()
        repeat(count)
        took = time.perf_counter() - began
        if took > target / 2:
            break
        count *= 4
    best = took / count
    for _ in range(rounds):
        began = time.perf_counter()
        repeat(count)
        best = min(best, (time.perf_counter() - began) / count)
    return best


def _looped(call: Callable[[], object]) -> Callable[[int], None]:
    def repeat(count: int) -> None:
        for _ in range(count):
            call()

    return repeat


def _in_graph(work: Callable[[], Any] | None) -> Callable[[int], object]:
    """n times inside of a ``tf.while_loop``; None is the bare loop.

    The loop carries the last result, since TensorFlow leaves out what nobody needs.
    """
    import tensorflow as tf

    def body(step, last):
        return step + 1, last if work is None else work()

    def loop(count):
        start = tf.constant(0), tf.zeros(()) if work is None else tf.zeros_like(work())
        return tf.while_loop(lambda step, _: step < count, body, start, parallel_iterations=1)

    function = tf.function(loop, input_signature=[tf.TensorSpec((), tf.int32)], autograph=False)
    return lambda count: function(tf.constant(count))[1].numpy()


def _in_xla(step: Callable[..., tuple], state: tuple) -> Callable[[int], object]:
    """n times inside of a loop that XLA compiles. A step changes the state, so that nothing can be done once, before the loop."""
    import tensorflow as tf

    def loop(count, *state):
        return tf.while_loop(lambda at, *_: at < count, lambda at, *now: (at + 1, *step(*now)), (tf.constant(0), *state))[1:]

    function = tf.function(loop, jit_compile=True, autograph=False)
    return lambda count: function(tf.constant(count), *state)[0].numpy()  # all is returned: XLA leaves out what is not


def _by_library(quick: bool, numpy_call, tensors, tf_work, torch_call) -> dict[str, float]:
    """Seconds of one thing, by each library that is installed."""
    found = {} if numpy_call is None else {"NumPy": _seconds(_looped(numpy_call), quick)}
    bare = _seconds(_in_graph(None), quick)
    in_graph = _seconds(_in_graph(lambda: tf_work(*tensors)), quick) - bare
    if in_graph > bare / 10 or not found:  # else the loop, which was taken off, is all that was measured
        found["TensorFlow"] = max(in_graph, 1e-9)
    if torch_call is not None and util.find_spec("torch"):
        found["PyTorch"] = _seconds(_looped(torch_call()), quick)
    return found


def product(shape: Shape, left: bool, right: bool, quick: bool) -> dict[str, float]:
    """Seconds of one product by each library."""
    import tensorflow as tf

    rows, inner, columns = shape
    generator = np.random.default_rng(0)
    a = generator.random((inner, rows) if left else (rows, inner), np.float32)
    b = generator.random((columns, inner) if right else (inner, columns), np.float32)
    out = np.empty((rows, columns), np.float32)
    p, q = a.T if left else a, b.T if right else b

    def in_torch():
        import torch

        made, u, w = torch.from_numpy(out), torch.from_numpy(p), torch.from_numpy(q)
        return lambda: torch.mm(u, w, out=made)

    # variables, since the product of two constants would be computed once, before the loop
    tensors = tf.Variable(a), tf.Variable(b)
    work = lambda a, b: tf.matmul(a, b, transpose_a=left, transpose_b=right)  # noqa: E731
    found = _by_library(quick, lambda: np.matmul(p, q, out=out), tensors, work, in_torch)

    def touched(made, a, b):
        return made, a, tf.tensor_scatter_nd_update(b, [[0, 0]], [b[0, 0] + 1e-30 * made[0, 0]])

    def compiled(work, out) -> float:
        state = tuple(tf.constant(part) for part in (out, a, b))
        bare = _seconds(_in_xla(touched, state), quick)
        took = _seconds(_in_xla(lambda _, a, b: touched(work(a, b), a, b), state), quick) - bare
        return took if took > bare / 10 else 0.0

    orders = [compiled(work, out)]
    if left:  # the gradient of a kernel, which is multiplied either way around
        orders.append(compiled(lambda a, b: tf.matmul(b, a, transpose_a=True), out.T.copy()))
    return found | ({"XLA": min(orders)} if all(orders) else {})


def update(parameters: int, quick: bool) -> dict[str, float]:
    """Seconds of one pass of Adam over a vector: TensorFlow's fused kernel, XLA from the formula, numba where it is installed."""
    import tensorflow as tf

    start = np.full(parameters, 0.1, np.float32)
    w, m, v = (tf.Variable(start) for _ in range(3))
    g = tf.constant(start)

    constants = {"beta1_power": 0.5, "beta2_power": 0.5, "lr": 1e-6, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-7}

    def adam(w, m, v):
        done = tf.raw_ops.ResourceApplyAdam(var=w.handle, m=m.handle, v=v.handle, grad=g, **constants)
        with tf.control_dependencies([done]):
            return tf.zeros(())

    def formula(w, m, v, g):
        m, v = m + (g - m) * 0.1, v + (tf.square(g) - v) * 0.001
        return w - m * 1e-6 / (tf.sqrt(v) + 1e-7), m, v, g

    found = _by_library(quick, None, (w, m, v), adam, None)
    found["XLA"] = _seconds(_in_xla(formula, (g, g, g, g)), quick)
    if util.find_spec("numba"):
        from timing.peers.by_numba import adam as by_numba

        vectors = [start.copy() for _ in range(4)]
        found["numba"] = _seconds(_looped(lambda: by_numba(*vectors, np.float32(1e-6))), quick)
    return found


def measure(rounds: int, quick: bool) -> dict:
    """For each job the products and the update, seconds by library."""
    found = {}
    for job in JOBS.values():
        parts = [
            {"name": name, "shape": shape, "seconds": product(shape, left, right, quick)}
            for name, shape, left, right in products(job)
        ]
        parts.append({"name": "Adam", "shape": [job.parameters], "seconds": update(job.parameters, quick)})
        found[job.name] = parts
        print(f"  {job.name}: {1e6 * sum(min(part['seconds'].values()) for part in parts):.1f} µs", flush=True)
    return found
