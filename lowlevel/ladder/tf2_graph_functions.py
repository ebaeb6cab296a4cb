"""The functions of ``tf2_functions.py`` under ``@tf.function`` (S3): traced once for each signature, then run as a graph.

A signature is the shapes and dtypes of the tensors together with the values of everything else: ``sigmoid(tf.constant(0.0))``
serves every scalar of float32, while ``sigmoid(0)`` and ``sigmoid(1)`` are two traces. Layout as there: columns are examples.
"""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from lowlevel import activations as functions
from lowlevel import optimizers
from lowlevel.ladder.tf2_functions import Parameters, accuracy, columns, initialize_parameters, linear_function
from shared.records import History
from shared.spec import TrainSpec

__all__ = [
    "accuracy",
    "columns",
    "compute_cost",
    "compute_total_loss",
    "example_losses",
    "forward_propagation",
    "initialize_parameters",
    "linear_function",
    "model",
    "normalize",
    "one_hot_matrix",
    "sigmoid",
]


@tf.function
def normalize(image: tf.Tensor, scale: float = 256.0) -> tf.Tensor:
    """A picture of any shape as a column (n, 1) of float32, divided by ``scale``."""
    return tf.reshape(tf.cast(image, tf.float32) / scale, [-1, 1])


@tf.function
def sigmoid(z: tf.Tensor) -> tf.Tensor:
    """``1 / (1 + exp(-z))`` in float32, of a number or a tensor. Keras: ``keras.activations.sigmoid``."""
    return tf.sigmoid(tf.cast(z, tf.float32))


@tf.function
def one_hot_matrix(label: tf.Tensor, depth: int = 6) -> tf.Tensor:
    """The one-hot code of a single label: a column (depth, 1) of float32."""
    return tf.reshape(tf.one_hot(label, depth, axis=0), [depth, 1])


@tf.function
def forward_propagation(X: tf.Tensor, parameters: Parameters, activations: Sequence[str] | None = None) -> tf.Tensor:
    """LINEAR and RELU layer by layer, and LINEAR last: logits (n_y, m). ``activations`` names others, layer by layer."""
    depth = len(parameters) // 2
    A = X
    for layer, activation in enumerate(activations or ["relu"] * (depth - 1) + ["linear"], start=1):
        Z = tf.math.add(tf.linalg.matmul(parameters[f"W{layer}"], A), parameters[f"b{layer}"])
        A = functions.get(activation)(Z)
    return A


@tf.function
def example_losses(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Categorical cross-entropy of each column, (m,); logits and one-hot labels (n_y, m)."""
    turn = tf.linalg.matrix_transpose  # the operation reads rows as examples
    return tf.nn.softmax_cross_entropy_with_logits(turn(labels), turn(logits))


@tf.function
def compute_total_loss(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """The sum of the examples' losses, (): what ``model`` trains with, divided by the size of the batch."""
    return tf.reduce_sum(example_losses(logits, labels))


@tf.function
def compute_cost(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """The course's cost: the mean over all entries of their *binary* cross-entropy, each class a question of its own.

    For classes that exclude one another it is the wrong loss; ``compute_total_loss`` is the right one.
    Keras: ``keras.losses.BinaryCrossentropy(from_logits=True)``.
    """
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits))


def model(
    X_train: tf.data.Dataset,
    Y_train: tf.data.Dataset,
    X_test: tf.data.Dataset,
    Y_test: tf.data.Dataset,
    learning_rate: float = 0.0001,
    num_epochs: int = 1500,
    minibatch_size: int = 32,
    print_cost: bool = True,
    *,
    history: History | None = None,
) -> Parameters:
    """Train LINEAR, RELU, LINEAR, RELU, LINEAR, SOFTMAX with 25 and 12 hidden units by gradient descent: the parameters.

    Args:
        X_train, Y_train, X_test, Y_test: datasets of single examples: normalised pictures and one-hot labels.
        print_cost: prints the cost every 10 epochs.
        history: takes the cost of every epoch as ``loss``, for ``shared.plots.curves``, and at the end ``accuracy`` and
            ``val_accuracy`` on the training and the test set.

    Pictures and labels are zipped before they are cut into batches, the last, smaller batch is trained on too, and the cost of
    an epoch is the mean over all examples.
    """
    dataset = tf.data.Dataset.zip((X_train, Y_train))
    n_x, n_y = (int(np.prod(spec.shape)) for spec in dataset.element_spec)
    minibatches = dataset.batch(minibatch_size).prefetch(8)
    parameters = initialize_parameters((n_x, 25, 12, n_y))
    variables = list(parameters.values())
    optimizer = optimizers.get(TrainSpec(optimizer="sgd", learning_rate=learning_rate))
    optimizer.build(variables)
    history = History() if history is None else history

    @tf.function
    def step(X: tf.Tensor, Y: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            total_loss = compute_total_loss(forward_propagation(X, parameters), Y)
            cost = total_loss / tf.cast(tf.shape(X)[1], total_loss.dtype)
        optimizer.apply(tape.gradient(cost, variables), variables)
        return total_loss

    for epoch in range(num_epochs):
        epoch_total_loss, m = 0.0, 0
        for minibatch_X, minibatch_Y in minibatches:
            epoch_total_loss += float(step(columns(minibatch_X), columns(minibatch_Y)))
            m += len(minibatch_X)
        history.loss.append(epoch_total_loss / m)
        if print_cost and epoch % 10 == 0:
            print(f"Cost after epoch {epoch}: {history.loss[-1]:f}")
    history.accuracy.append(accuracy(minibatches, parameters))
    history.val_accuracy.append(accuracy(tf.data.Dataset.zip((X_test, Y_test)).batch(minibatch_size), parameters))
    return parameters
