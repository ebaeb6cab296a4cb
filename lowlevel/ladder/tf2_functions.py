"""Eager TensorFlow 2 (S0): ``tf.Variable`` for what changes, the gradient tape for the way back, one function an idea.

Columns are examples: X (n_x, m), logits and one-hot labels (n_y, m), W (units, inputs), b (units, 1). The functions work on
a stack of single columns (m, n, 1) as well, since they look at the last two axes only.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import tensorflow as tf

from lowlevel import activations as functions
from lowlevel import optimizers
from lowlevel.initializers import glorot_normal
from shared.spec import TrainSpec

Parameters = dict[str, tf.Variable]  # "W1", "b1", "W2", ...


def normalize(image: tf.Tensor, scale: float = 255.0) -> tf.Tensor:
    """A picture of any shape as a vector of float32, divided by ``scale``: 255 takes bytes to [0, 1]; S3 divides by 256."""
    return tf.reshape(tf.cast(image, tf.float32) / scale, [-1])


def linear_function() -> tf.Tensor:
    """``Y = W X + b`` (4, 1) in float64, with X (3, 1), W (4, 3), b (4, 1) drawn in this order from seed 1."""
    generator = np.random.RandomState(1)
    X = tf.constant(generator.randn(3, 1), name="X")
    W = tf.constant(generator.randn(4, 3), name="W")
    b = tf.constant(generator.randn(4, 1), name="b")
    return tf.matmul(W, X) + b


def sigmoid(z: tf.Tensor) -> tf.Tensor:
    """``1 / (1 + exp(-z))`` in float32, of a number or a tensor. Keras: ``keras.activations.sigmoid``."""
    return tf.sigmoid(tf.cast(z, tf.float32))


def one_hot_matrix(label: tf.Tensor, depth: int = 6) -> tf.Tensor:
    """The one-hot code of a single label: a vector (depth,) of float32."""
    return tf.reshape(tf.one_hot(label, depth, axis=0), [depth])


def initialize_parameters(layers_dims: Sequence[int] = (12288, 25, 12, 6)) -> Parameters:
    """Variables W1, b1, ..., all drawn Glorot-normal with seed 1. For the signs W1 (25, 12288), W2 (12, 25), W3 (6, 12).

    The numbers are those of Keras 3's ``GlorotNormal(seed=1)``. The biases are drawn too, as the course does.
    """
    parameters = {}
    for layer, (inputs, units) in enumerate(pairwise(layers_dims), start=1):
        parameters[f"W{layer}"] = tf.Variable(glorot_normal((units, inputs), seed=1))
        parameters[f"b{layer}"] = tf.Variable(glorot_normal((units, 1), seed=1))
    return parameters


def forward_propagation(X: tf.Tensor, parameters: Parameters, activations: Sequence[str] | None = None) -> tf.Tensor:
    """LINEAR and RELU layer by layer, and LINEAR last: logits (n_y, m). ``activations`` names others, layer by layer."""
    depth = len(parameters) // 2
    A = X
    for layer, activation in enumerate(activations or ["relu"] * (depth - 1) + ["linear"], start=1):
        Z = tf.linalg.matmul(parameters[f"W{layer}"], A) + parameters[f"b{layer}"]
        A = functions.get(activation)(Z)
    return A


def example_losses(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Categorical cross-entropy of each column, (m,); logits and one-hot labels (n_y, m).

    Keras: ``keras.losses.categorical_crossentropy(from_logits=True)``, which wants the classes in the last axis: columns
    handed to it as they are would be softmaxed over the examples.
    """
    turn = tf.linalg.matrix_transpose  # the operation reads rows as examples
    return tf.nn.softmax_cross_entropy_with_logits(turn(labels), turn(logits))


def compute_total_loss(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """The *sum* of the examples' losses, (); see ``example_losses``.

    Sums over all batches, divided by the number of examples, give the cost whatever the sizes of the batches; a mean of the
    batches' means does not, where the last batch is smaller.
    """
    return tf.reduce_sum(example_losses(logits, labels))


def columns(rows: tf.Tensor) -> tf.Tensor:
    """What a batched dataset gives, (m, n) or (m, n, 1), with the examples side by side: (n, m)."""
    return tf.transpose(tf.reshape(rows, [tf.shape(rows)[0], -1]))


def right_answers(logits: tf.Tensor, labels: tf.Tensor) -> int:
    """How many columns have their largest logit where the label has its 1."""
    return int(tf.reduce_sum(tf.cast(tf.argmax(logits, axis=0) == tf.argmax(labels, axis=0), tf.int32)))


def accuracy(minibatches: tf.data.Dataset, parameters: Parameters) -> float:
    """The share of right answers on a dataset of batches of pictures and one-hot labels."""
    right, m = 0, 0
    for minibatch_X, minibatch_Y in minibatches:
        X, Y = columns(minibatch_X), columns(minibatch_Y)
        right += right_answers(forward_propagation(X, parameters), Y)
        m += X.shape[1]
    return right / m


def model(
    X_train: tf.data.Dataset,
    Y_train: tf.data.Dataset,
    X_test: tf.data.Dataset,
    Y_test: tf.data.Dataset,
    learning_rate: float = 0.0001,
    num_epochs: int = 1500,
    minibatch_size: int = 32,
    print_cost: bool = True,
) -> tuple[Parameters, list[float], list[float], list[float]]:
    """Train LINEAR, RELU, LINEAR, RELU, LINEAR, SOFTMAX with 25 and 12 hidden units by Adam.

    Args:
        X_train, Y_train, X_test, Y_test: datasets of single examples: normalised pictures and one-hot labels.

    Returns:
        parameters, costs, train_acc, test_acc; the lists have an entry every 10 epochs, beginning with the first.
    """
    dataset = tf.data.Dataset.zip((X_train, Y_train))
    n_x, n_y = (int(np.prod(spec.shape)) for spec in dataset.element_spec)
    minibatches = dataset.batch(minibatch_size).prefetch(8)  # while one batch is trained on, the next ones are made ready
    test_minibatches = tf.data.Dataset.zip((X_test, Y_test)).batch(minibatch_size).prefetch(8)
    parameters = initialize_parameters((n_x, 25, 12, n_y))
    variables = list(parameters.values())
    optimizer = optimizers.get(TrainSpec(optimizer="adam", learning_rate=learning_rate))
    optimizer.build(variables)
    costs: list[float] = []
    train_acc: list[float] = []
    test_acc: list[float] = []
    for epoch in range(num_epochs):
        total_loss, right, m = 0.0, 0, 0
        for minibatch_X, minibatch_Y in minibatches:
            X, Y = columns(minibatch_X), columns(minibatch_Y)
            with tf.GradientTape() as tape:
                Z3 = forward_propagation(X, parameters)
                minibatch_total_loss = compute_total_loss(Z3, Y)
            optimizer.apply(tape.gradient(minibatch_total_loss, variables), variables)
            total_loss += float(minibatch_total_loss)
            right += right_answers(Z3, Y)
            m += X.shape[1]
        if epoch % 10 == 0:
            costs.append(total_loss / m)
            train_acc.append(right / m)
            test_acc.append(accuracy(test_minibatches, parameters))
            if print_cost:
                print(f"Cost after epoch {epoch}: {costs[-1]:f}")
                print(f"Train accuracy: {train_acc[-1]}\nTest accuracy: {test_acc[-1]}")
    return parameters, costs, train_acc, test_acc
