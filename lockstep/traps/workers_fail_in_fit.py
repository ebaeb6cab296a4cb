"""`fit` is run under `MultiWorkerMirroredStrategy`, as TensorFlow's tutorials do.

Keras 3 fails before the first step: it tries to make one tensor of the values of several workers. It is the same with two
processes on one machine. A loop of one's own works with the same model and the same optimiser.

Instead: build the optimiser in the scope of the strategy and apply gradients in `strategy.run`.

Seen: ValueError about `PerReplica`, before the first step.
"""

import json
import socket
from concurrent.futures import ThreadPoolExecutor

from lockstep.traps import Effect, Trap
from lockstep.traps._apart import apart


def wrong(strategy, model, data) -> None:
    """Train one epoch."""
    model.fit(data, verbose=0)


def right(strategy, model, data) -> None:
    """Train one epoch; batches have four rows in all."""
    import tensorflow as tf

    with strategy.scope():
        model.optimizer.build(model.trainable_variables)

    @tf.function
    def step(x: tf.Tensor, y: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(model(x) - y)) / 4
        model.optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)

    for x, y in strategy.experimental_distribute_dataset(data):
        strategy.run(step, (x, y))


def worker() -> dict[str, float]:
    """One of two workers; in a process of its own, whose ``TF_CONFIG`` says which."""
    import tensorflow as tf

    strategy = tf.distribute.MultiWorkerMirroredStrategy()  # must be the first use of TensorFlow
    import keras

    data = tf.data.Dataset.from_tensor_slices((tf.eye(8, 3), tf.ones((8, 1)))).batch(4)
    found = {}
    for name, half in (("wrong", wrong), ("right", right)):
        with strategy.scope():
            model = keras.Sequential([keras.Input((3,), name="input"), keras.layers.Dense(1, kernel_initializer="zeros")])
            model.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=False)
        try:
            half(strategy, model, data)
            found[f"{name} trained"] = 1.0
        except ValueError as error:
            found[f"{name} trained"] = 0.0
            found[f"{name} PerReplica"] = float("PerReplica" in str(error))
        found[f"{name} bias"] = float(model.get_weights()[1][0])
    return found


def measure() -> Effect:
    """Two processes on this machine, two batches of four rows: whether they train, and the bias they end with."""
    with socket.socket() as first, socket.socket() as second:  # two ports that are free
        for one in (first, second):
            one.bind(("127.0.0.1", 0))
        cluster = {"worker": [f"127.0.0.1:{one.getsockname()[1]}" for one in (first, second)]}
    tasks = [json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}}) for index in (0, 1)]
    with ThreadPoolExecutor(2) as threads:
        numbers, other = threads.map(lambda task: apart(worker, TF_CONFIG=task), tasks)
    numbers["difference"] = abs(numbers["right bias"] - other["right bias"])
    return Effect(
        "two workers: fit trains: {wrong trained:.0f}, the loop: {right trained:.0f}; its bias is {right bias:.4f} on both "
        "(difference {difference:.0f})".format(**numbers),
        numbers,
    )


TRAP = Trap(
    name="workers-fail-in-fit",
    text=__doc__,
    source="Keras 3",
    met="keras-team/keras#20585",
    kind="framework",
    wrong=wrong,
    right=right,
    measure=measure,
)
