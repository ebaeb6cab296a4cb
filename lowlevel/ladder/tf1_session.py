"""TensorFlow 1 style (S1): first a graph of placeholders, variables and operations is laid out, then a session runs it.

Everything goes through ``tf.compat.v1``. Each function makes a graph and a session of its own and closes them, so it runs
beside eager code and leaves nothing behind; only ``create_placeholders``, ``initialize_parameters``, ``forward_propagation``,
``example_losses`` and ``compute_cost`` are pieces of a graph, to be called inside ``with session():``.
Columns are examples: X (n_x, m), Y one-hot (n_y, m), W (units, inputs), b (units, 1).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow.compat.v1 as tf

from lowlevel import activations as functions
from shared.data import load_file
from shared.records import History
from shared.spec import require


@contextmanager
def session() -> Iterator[tf.Session]:
    """A session on a new graph, which is the default one inside the ``with``; closed at its end."""
    with tf.Graph().as_default(), tf.Session() as sess:
        yield sess


def _inside_a_graph(what: str) -> None:
    # In eager code tf.set_random_seed would set the seed of the whole process.
    require(
        not tf.executing_eagerly(), f"{what} is a piece of a graph.", "a call in eager code", "Call it inside: with session():"
    )


# ------------------------------------------------------------------------------------------- first steps with sessions


def minimize_quadratic(
    steps: int = 1001, learning_rate: float = 0.01, coefficients: Sequence[float] | None = None
) -> list[np.float32]:
    """Gradient descent on ``w^2 - 10 w + 25`` from w = 0: w at the start and after every step.

    With ``coefficients`` (three numbers) the graph holds a placeholder (3, 1) in their place, and they are fed at each step.
    """
    with session() as sess:
        w = tf.Variable(0, dtype=tf.float32)
        x = tf.placeholder(tf.float32, (3, 1))
        cost = w**2 - 10 * w + 25 if coefficients is None else x[0][0] * w**2 + x[1][0] * w + x[2][0]
        train = tf.train.GradientDescentOptimizer(learning_rate).minimize(cost)
        feed = {} if coefficients is None else {x: np.reshape(coefficients, (3, 1))}
        sess.run(tf.global_variables_initializer())
        path = [sess.run(w)]
        for _ in range(steps):
            sess.run(train, feed_dict=feed)
            path.append(sess.run(w))
        return path


def squared_error(y_hat: int = 36, y: int = 39) -> int:
    """``(y - y_hat)^2``, kept in a variable: it has its value only once the initialiser has run."""
    with session() as sess:
        loss = tf.Variable((tf.constant(y, name="y") - tf.constant(y_hat, name="y_hat")) ** 2, name="loss")
        sess.run(tf.global_variables_initializer())
        return sess.run(loss)


def multiply(a: int = 2, b: int = 10) -> int:
    """``a b``: an operation in the graph, until the session runs it."""
    with session() as sess:
        return sess.run(tf.multiply(tf.constant(a), tf.constant(b)))


def double(value: int = 3) -> int:
    """``2 x``, where x is a placeholder that gets ``value`` when the session runs."""
    with session() as sess:
        x = tf.placeholder(tf.int64, name="x")
        return sess.run(2 * x, feed_dict={x: value})


def linear_function() -> np.ndarray:
    """``Y = W X + b`` (4, 1) in float64, with X (3, 1), W (4, 3), b (4, 1) drawn in this order from seed 1."""
    generator = np.random.RandomState(1)
    with session() as sess:
        X = tf.constant(generator.randn(3, 1), name="X")
        W = tf.constant(generator.randn(4, 3), name="W")
        b = tf.constant(generator.randn(4, 1), name="b")
        return sess.run(tf.add(tf.matmul(W, X), b))


def sigmoid(z: Any) -> np.ndarray:
    """``1 / (1 + exp(-z))`` in float32, of a number or an array."""
    with session() as sess:
        x = tf.placeholder(tf.float32, name="x")
        return sess.run(tf.sigmoid(x), feed_dict={x: z})


def cost(logits: Any, labels: Any) -> np.ndarray:
    """Sigmoid cross-entropy of each logit against its label (0 or 1), float32.

    Keras: ``keras.losses.BinaryCrossentropy(from_logits=True)``, which also takes the mean.
    """
    with session() as sess:
        z = tf.placeholder(tf.float32, name="logits")
        y = tf.placeholder(tf.float32, name="labels")
        return sess.run(tf.nn.sigmoid_cross_entropy_with_logits(logits=z, labels=y), feed_dict={z: logits, y: labels})


def one_hot_matrix(labels: Any, C: int) -> np.ndarray:
    """(C, m) float32: column j is 1 in the row of label j, else 0. ``labels`` (m,)."""
    with session() as sess:
        return sess.run(tf.one_hot(labels, tf.constant(C, name="C"), axis=0))


def ones(shape: Any) -> np.ndarray:
    """An array of ones, float32."""
    with session() as sess:
        return sess.run(tf.ones(shape))


# ---------------------------------------------------------------------------------------------------------------- data


def load_dataset(
    train: str | Path = "datasets/train_signs.h5", test: str | Path = "datasets/test_signs.h5"
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Pictures and labels of two files of the course's layout: X (m, 64, 64, 3), Y (1, m), X, Y of the test, class names.

    Raises:
        InputError: a file that is missing, damaged or of another layout.
    """
    data = load_file(train, test=test)
    assert data.x_test is not None
    assert data.y_test is not None
    return data.x_train, data.y_train.reshape(1, -1), data.x_test, data.y_test.reshape(1, -1), np.array(data.classes)


def convert_to_one_hot(Y: np.ndarray, C: int) -> np.ndarray:
    """(C, m) float64 from labels of any shape that holds m of them."""
    return np.eye(C)[np.reshape(Y, -1)].T


def random_mini_batches(
    X: np.ndarray, Y: np.ndarray, mini_batch_size: int = 64, seed: int = 0
) -> list[tuple[np.ndarray, np.ndarray]]:
    """The columns of X (n_x, m) and Y (n_y, m) shuffled alike and cut into batches; the last one may be smaller.

    Equal seeds give equal orders: those that ``np.random.seed(seed)`` and ``np.random.permutation(m)`` would give.
    """
    m = X.shape[1]
    order = np.random.RandomState(seed).permutation(m)
    pieces = [order[start : start + mini_batch_size] for start in range(0, m, mini_batch_size)]
    return [(X[:, piece], Y[:, piece]) for piece in pieces]


# ------------------------------------------------------------------------------------------------- pieces of the graph


def create_placeholders(n_x: int, n_y: int, dtype: Any = tf.float32) -> tuple[tf.Tensor, tf.Tensor]:
    """X (n_x, any number of examples) and Y (n_y, the same number).

    Raises:
        InputError: outside of a graph.
    """
    _inside_a_graph("create_placeholders")
    return tf.placeholder(dtype, (n_x, None), name="X"), tf.placeholder(dtype, (n_y, None), name="Y")


def xavier_initializer(seed: int):
    """Uniform with variance ``2 / (inputs + outputs)``: what ``tf.contrib.layers`` had under this name, before ``contrib`` went.

    Keras: ``keras.initializers.GlorotUniform``.
    """

    def draw(shape, dtype=tf.float32, partition_info=None):
        limit = np.sqrt(6.0 / (shape[0] + shape[1]))
        return tf.random_uniform(shape, -limit, limit, dtype, seed=seed)

    return draw


def initialize_parameters(layers_dims: Sequence[int] = (12288, 25, 12, 6), dtype: Any = tf.float32) -> dict[str, tf.Variable]:
    """Variables W1, b1, ...: Xavier draws with seed 1, and zeros. For the signs W1 (25, 12288), W2 (12, 25), W3 (6, 12).

    Raises:
        InputError: outside of a graph.
    """
    _inside_a_graph("initialize_parameters")
    tf.set_random_seed(1)  # the graph's own seed
    parameters = {}
    for layer, (inputs, units) in enumerate(pairwise(layers_dims), start=1):
        W, b = f"W{layer}", f"b{layer}"
        parameters[W] = tf.get_variable(W, [units, inputs], dtype, initializer=xavier_initializer(seed=1))
        parameters[b] = tf.get_variable(b, [units, 1], dtype, initializer=tf.zeros_initializer())
    return parameters


def forward_propagation(X: Any, parameters: dict[str, Any], activations: Sequence[str] | None = None) -> tf.Tensor:
    """LINEAR and RELU layer by layer, and LINEAR last: logits (n_y, m). ``activations`` names others, layer by layer."""
    depth = len(parameters) // 2
    A = X
    for layer, activation in enumerate(activations or ["relu"] * (depth - 1) + ["linear"], start=1):
        Z = tf.add(tf.matmul(parameters[f"W{layer}"], A), parameters[f"b{layer}"])
        A = functions.get(activation)(Z)
    return A


def example_losses(Z3: tf.Tensor, Y: tf.Tensor) -> tf.Tensor:
    """Softmax cross-entropy of each column, (m,); Z3 and Y (n_y, m)."""
    # The operation reads rows as examples, so both are turned.
    return tf.nn.softmax_cross_entropy_with_logits_v2(logits=tf.transpose(Z3), labels=tf.transpose(Y))


def compute_cost(Z3: tf.Tensor, Y: tf.Tensor) -> tf.Tensor:
    """The mean of ``example_losses``. Keras: ``keras.losses.CategoricalCrossentropy(from_logits=True)``."""
    return tf.reduce_mean(example_losses(Z3, Y))


# ------------------------------------------------------------------------------------------------------------ training


def model(
    X_train: np.ndarray,
    Y_train: np.ndarray,
    X_test: np.ndarray,
    Y_test: np.ndarray,
    learning_rate: float = 0.0001,
    num_epochs: int = 1500,
    minibatch_size: int = 32,
    print_cost: bool = True,
    *,
    history: History | None = None,
) -> dict[str, np.ndarray]:
    """Train LINEAR, RELU, LINEAR, RELU, LINEAR, SOFTMAX with 25 and 12 hidden units by Adam: the parameters as arrays.

    Args:
        X_train, Y_train, X_test, Y_test: columns (n_x, m) and one-hot columns (n_y, m).
        print_cost: prints the cost every 100 epochs, and both accuracies at the end.
        history: takes the cost of every epoch as ``loss``, for ``shared.plots.curves``, and at the end ``accuracy`` and
            ``val_accuracy`` on the training and the test set.

    The cost of an epoch is the mean over all examples: the last, smaller batch counts by its size.
    """
    (n_x, m), n_y = X_train.shape, Y_train.shape[0]
    history = History() if history is None else history
    with session() as sess:
        X, Y = create_placeholders(n_x, n_y)
        parameters = initialize_parameters((n_x, 25, 12, n_y))
        Z3 = forward_propagation(X, parameters)
        cost = compute_cost(Z3, Y)
        optimizer = tf.train.AdamOptimizer(learning_rate).minimize(cost)
        correct = tf.equal(tf.argmax(Z3), tf.argmax(Y))
        accuracy = tf.reduce_mean(tf.cast(correct, tf.float32))
        sess.run(tf.global_variables_initializer())
        for epoch in range(num_epochs):
            epoch_cost = 0.0
            for minibatch_X, minibatch_Y in random_mini_batches(X_train, Y_train, minibatch_size, seed=4 + epoch):
                _, minibatch_cost = sess.run([optimizer, cost], feed_dict={X: minibatch_X, Y: minibatch_Y})
                epoch_cost += minibatch_cost * minibatch_X.shape[1] / m
            history.loss.append(float(epoch_cost))
            if print_cost and epoch % 100 == 0:
                print(f"Cost after epoch {epoch}: {epoch_cost:f}")
        history.accuracy.append(float(sess.run(accuracy, {X: X_train, Y: Y_train})))
        history.val_accuracy.append(float(sess.run(accuracy, {X: X_test, Y: Y_test})))
        if print_cost:
            print(f"Train Accuracy: {history.accuracy[-1]}\nTest Accuracy: {history.val_accuracy[-1]}")
        return sess.run(parameters)


def predict(X: np.ndarray, parameters: dict[str, np.ndarray]) -> np.ndarray:
    """The class of each column of X (n_x, m): int64 (m,)."""
    with session() as sess:
        x = tf.placeholder(tf.float32, X.shape, name="x")
        trained = {name: tf.convert_to_tensor(value) for name, value in parameters.items()}
        return sess.run(tf.argmax(forward_propagation(x, trained)), feed_dict={x: X})
