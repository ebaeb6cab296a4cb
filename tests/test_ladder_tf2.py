"""Eager TensorFlow 2 and ``@tf.function``: the course's checks as tables, and training on small pictures."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import lowlevel
from lowlevel.ladder import tf2_functions as eager
from lowlevel.ladder import tf2_graph_functions as graph
from shared import ModelSpec, TrainSpec
from shared.plots import curves
from shared.records import History

BOTH = pytest.mark.parametrize("rung", [eager, graph], ids=["eager", "graph"])


def pictures(rung, rows, seed=1, shape=(6, 5, 3)):
    """Datasets of normalised pictures and one-hot labels, as the models take them: six classes, each bright in its own row."""
    generator = np.random.default_rng(seed)
    y = np.arange(rows) % 6
    x = generator.integers(0, 90, (rows, *shape))
    x[np.arange(rows), y] += 150
    X = tf.data.Dataset.from_tensor_slices(x.astype(np.uint8)).map(rung.normalize)
    return X, tf.data.Dataset.from_tensor_slices(y).map(rung.one_hot_matrix)


def as_columns(X, Y):
    return (np.stack([element.numpy().reshape(-1) for element in data], axis=1) for data in (X, Y))


def in_float64(parameters):
    return {name: value.numpy().astype(np.float64) for name, value in parameters.items()}


def cost_of(values, X, Y):
    """The mean categorical cross-entropy over all examples, in float64 NumPy."""
    A, Y = as_columns(X, Y)
    for layer in (1, 2, 3):
        A = values[f"W{layer}"] @ A + values[f"b{layer}"]
        A = np.maximum(A, 0) if layer < 3 else A
    probabilities = np.exp(A) / np.exp(A).sum(axis=0)
    return -np.log((probabilities * Y).sum(axis=0)).mean()


# ----------------------------------------------------------------------------------------------- the functions, eagerly


def test_S0_03_normalize_gives_exact_values():
    picture = np.array([[[0, 255], [51, 227]], [[220, 214], [1, 128]]], np.uint8)
    vector = eager.normalize(picture)
    assert (vector.dtype, vector.shape) == (tf.float32, (8,))
    assert (vector.numpy() == picture.reshape(-1).astype(np.float32) / np.float32(255)).all()
    assert vector.numpy()[1] == 1.0
    assert eager.normalize(np.zeros((64, 64, 3), np.uint8)).shape == (12288,)
    by_256 = np.array([0.88671875, 0.859375, 0.8359375])  # 227, 220 and 214, as S3 prints them
    assert eager.normalize(np.array([227, 220, 214]), scale=256.0).numpy().tolist() == by_256.tolist()
    column = graph.normalize(np.array([227, 220, 214]))
    assert column.shape == (3, 1)
    assert column.numpy()[:, 0].tolist() == by_256.tolist()
    # as a graph, 1/255 is worked out once and multiplied by: a unit in the last place may differ
    assert graph.normalize(picture, scale=255.0).numpy()[:, 0] == pytest.approx(vector.numpy(), rel=1.2e-7)
    mapped = tf.data.Dataset.from_tensors(picture).map(eager.normalize)
    assert mapped.element_spec == tf.TensorSpec((8,), tf.float32)


@BOTH
def test_S0_05_linear_function(rung):
    np.random.seed(9)
    before = np.random.get_state()[1].copy()
    Y = rung.linear_function()
    assert isinstance(Y, tf.Tensor)
    assert Y.dtype == tf.float64
    assert Y.numpy() == pytest.approx(np.array([[-2.15657382], [2.95891446], [-1.08926781], [-0.84538042]]), abs=5e-9)
    assert (np.random.get_state()[1] == before).all()


@BOTH
def test_S0_06_sigmoid(rung):
    assert rung.sigmoid(0).dtype == tf.float32
    assert float(rung.sigmoid(0)) == 0.5
    assert float(rung.sigmoid(-1)) == pytest.approx(0.26894143, abs=1e-7)
    assert float(rung.sigmoid(12)) == pytest.approx(0.9999939, abs=1e-7)
    assert rung.sigmoid(tf.constant([-1e4, 1e4], tf.float64)).numpy().tolist() == [0.0, 1.0]


@pytest.mark.parametrize(
    ("rung", "shape"), [(eager, lambda depth: (depth,)), (graph, lambda depth: (depth, 1))], ids=["vector", "column"]
)
def test_S0_07_one_hot_matrix(rung, shape):
    for label, depth in ((1, 4), (3, 4), (0, 6), (5, 6)):
        one_hot = rung.one_hot_matrix(tf.constant(label), depth)
        assert one_hot.dtype == tf.float32
        assert tuple(one_hot.shape) == shape(depth)
        assert one_hot.numpy().reshape(-1).tolist() == [float(at == label) for at in range(depth)]
    assert tuple(rung.one_hot_matrix(2).shape) == shape(6)
    mapped = tf.data.Dataset.range(6).map(rung.one_hot_matrix)
    assert mapped.element_spec == tf.TensorSpec(shape(6), tf.float32)
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError)):
        rung.one_hot_matrix(tf.constant([0, 1]))  # one label at a time: two would come out interleaved


def test_S0_08_first_parameters():
    parameters = eager.initialize_parameters()
    shapes = {"W1": (25, 12288), "b1": (25, 1), "W2": (12, 25), "b2": (12, 1), "W3": (6, 12), "b3": (6, 1)}
    assert {name: tuple(value.shape) for name, value in parameters.items()} == shapes
    for name, value in parameters.items():
        assert isinstance(value, tf.Variable)
        assert value.dtype == tf.float32
        # bit for bit what Keras draws; the biases are not zero here
        assert (value.numpy() == np.asarray(keras.initializers.GlorotNormal(seed=1)(shapes[name]))).all()
    W1 = parameters["W1"].numpy()
    deviation = np.sqrt(2 / (12288 + 25))
    assert abs(W1.mean()) < 0.01 * deviation
    assert W1.std() == pytest.approx(deviation, rel=0.01)
    assert np.abs(W1).max() <= 2.0 / 0.8796 * deviation  # cut off at two deviations of the uncut normal
    again = eager.initialize_parameters()
    assert all((again[name].numpy() == value.numpy()).all() for name, value in parameters.items())


@BOTH
def test_S0_09_forward_propagation_equals_the_net_of_rows(rung):
    """Against the low-level wing, whose kernels are W transposed, and against NumPy in float64."""
    parameters = eager.initialize_parameters((20, 25, 12, 6))
    X = np.random.default_rng(2).normal(size=(20, 9)).astype(np.float32)
    Z3 = rung.forward_propagation(X, parameters)
    assert Z3.shape == (6, 9)
    trainer = lowlevel.Trainer(ModelSpec.mlp(20, 25, 12, 6), TrainSpec())
    values = [value.numpy() for value in parameters.values()]
    trainer.load([value.T if value.shape[1] > 1 else value[:, 0] for value in values])
    assert pytest.approx(trainer.predict(X.T), abs=2e-6) == Z3.numpy().T
    W1, b1, W2, b2, W3, b3 = (value.astype(np.float64) for value in values)
    by_hand = W3 @ np.maximum(W2 @ np.maximum(W1 @ X + b1, 0) + b2, 0) + b3
    assert Z3.numpy() == pytest.approx(by_hand, abs=2e-6)
    assert (Z3.numpy() < 0).any()  # no relu at the end
    # a batch of single columns, as S3's dataset gives it
    assert pytest.approx(Z3.numpy(), abs=2e-6) == rung.forward_propagation(X.T[:, :, None], parameters).numpy()[..., 0].T


@BOTH
def test_S0_10_total_loss_is_a_sum(rung):
    """Five losses 0, 1, 2, 3, 4 in batches of 4 and 1: the sums give 2, the mean of means would give 2.75."""
    right = np.exp(-np.arange(5.0))  # probability of the true class, which is the first one
    with np.errstate(divide="ignore"):
        logits = np.stack([np.log(right), np.maximum(np.log1p(-right), -1e4)])
    labels = np.eye(2)[np.zeros(5, int)].T
    assert rung.example_losses(logits, labels).numpy() == pytest.approx([0, 1, 2, 3, 4], abs=1e-12)
    sums = [float(rung.compute_total_loss(logits[:, cut], labels[:, cut])) for cut in (slice(0, 4), slice(4, 5))]
    assert sum(sums) / 5 == pytest.approx(2.0, rel=1e-12)
    assert (sums[0] / 4 + sums[1]) / 2 == pytest.approx(2.75, rel=1e-12)


@BOTH
def test_S0_10_classes_stand_down_the_columns(rung):
    generator = np.random.default_rng(0)
    logits, answers = generator.normal(size=(6, 4)), np.array([1, 5, 0, 0])
    a = np.exp(logits) / np.exp(logits).sum(axis=0)
    labels = np.eye(6)[answers].T
    by_hand = -np.log(a[answers, np.arange(4)]).sum()
    assert float(rung.compute_total_loss(logits, labels)) == pytest.approx(by_hand, rel=1e-12)
    stacked = (logits.T[:, :, None], labels.T[:, :, None])  # single columns, one after the other
    assert float(rung.compute_total_loss(*stacked)) == pytest.approx(by_hand, rel=1e-12)
    keras_says = keras.losses.categorical_crossentropy(labels.T, logits.T, from_logits=True)
    assert float(rung.compute_total_loss(logits, labels)) == pytest.approx(float(tf.reduce_sum(keras_says)), rel=1e-6)


def test_S0_12_model_trains_and_reports_every_ten_epochs(capsys):
    train, test = pictures(eager, 70), pictures(eager, 20, seed=2)
    parameters, costs, train_acc, test_acc = eager.model(*train, *test, learning_rate=0.003, num_epochs=31)
    assert len(costs) == len(train_acc) == len(test_acc) == 4
    printed = capsys.readouterr().out
    assert [f"Cost after epoch {epoch}:" in printed for epoch in (0, 10, 30, 5)] == [True, True, True, False]
    assert sorted(costs, reverse=True) == costs
    assert train_acc[-1] > 0.9
    assert test_acc[-1] > 0.8
    assert train_acc[-1] > train_acc[0]
    X, Y = as_columns(*train)
    found = eager.forward_propagation(X, parameters).numpy().argmax(axis=0) == Y.argmax(axis=0)
    assert found.mean() == pytest.approx(train_acc[-1], abs=0.03)  # that was counted while the epoch still trained
    X, Y = as_columns(*test)
    found = eager.forward_propagation(X, parameters).numpy().argmax(axis=0) == Y.argmax(axis=0)
    assert found.mean() == pytest.approx(test_acc[-1])


def test_S0_12_cost_is_the_mean_over_all_examples(capsys):
    """70 examples in batches of 32 leave one of 6. At a rate of almost 0 the cost is that of the first parameters."""
    train = pictures(eager, 70)
    parameters, costs, train_acc, _ = eager.model(*train, *train, learning_rate=1e-20, num_epochs=1, print_cost=False)
    assert capsys.readouterr().out == ""
    assert costs == pytest.approx([cost_of(in_float64(parameters), *train)], rel=1e-6)
    assert train_acc[0] * 70 == pytest.approx(round(train_acc[0] * 70))


# ---------------------------------------------------------------------------------------------------------- as graphs


NUMBER, BYTES, SIX = tf.constant(0.0), tf.zeros((2, 3), tf.uint8), tf.ones((6, 4))
TRACES = [  # calls of one signature, and calls that each have another
    ("sigmoid", [(NUMBER,), (NUMBER + 1,), (NUMBER - 5,)], [(tf.constant([1.0, 2.0]),), (tf.constant(1),)]),
    ("normalize", [(BYTES,), (BYTES + 1,)], [(tf.zeros((4,), tf.uint8),), (tf.zeros((2, 3)),)]),
    ("one_hot_matrix", [(tf.constant(0),), (tf.constant(5),)], [(tf.constant(0), 4), (tf.constant(0, tf.int64),)]),
    ("compute_total_loss", [(SIX, SIX), (SIX * 2, SIX)], [(SIX[:, :3], SIX[:, :3])]),
    ("compute_cost", [(SIX, SIX), (SIX * 2, SIX)], [(tf.cast(SIX, tf.float64), tf.cast(SIX, tf.float64))]),
]


@pytest.mark.parametrize(("function", "same", "other"), TRACES, ids=[name for name, *_ in TRACES])
def test_S3_01_one_trace_for_a_signature(function, same, other):
    fresh = tf.function(getattr(graph, function).python_function)  # other tests have traced the module's own
    for arguments in same:
        fresh(*arguments)
    assert fresh.experimental_get_tracing_count() == 1
    for count, arguments in enumerate(other, start=2):
        fresh(*arguments)
        assert fresh.experimental_get_tracing_count() == count
    fresh(*same[0])
    fresh(*other[0])
    assert fresh.experimental_get_tracing_count() == 1 + len(other)


def test_S3_01_forward_propagation_is_traced_by_shape_and_dtype_not_by_parameters():
    fresh = tf.function(graph.forward_propagation.python_function)
    for seed in range(3):
        parameters = {"W1": tf.Variable(tf.fill((2, 3), float(seed))), "b1": tf.Variable(tf.zeros((2, 1)))}
        for columns in (4, 4, 5):
            Z = fresh(tf.ones((3, columns)), parameters)
            assert Z.numpy().tolist() == [[3.0 * seed] * columns] * 2  # the parameters' own values
    assert fresh.experimental_get_tracing_count() == 2
    wide = {name: tf.Variable(tf.cast(value, tf.float64)) for name, value in parameters.items()}
    assert fresh(tf.ones((3, 4), tf.float64), wide).dtype == tf.float64
    assert fresh.experimental_get_tracing_count() == 3


@pytest.mark.parametrize("name", ["normalize", "sigmoid", "one_hot_matrix", "forward_propagation", "compute_total_loss"])
def test_S3_01_every_function_is_a_graph_and_says_what_the_eager_one_says(name):
    assert hasattr(getattr(graph, name), "experimental_get_tracing_count")
    parameters = eager.initialize_parameters((7, 5, 6))
    X = np.random.default_rng(1).normal(size=(7, 4)).astype(np.float32)
    arguments = {
        "normalize": (np.arange(12, dtype=np.uint8), 255.0),
        "sigmoid": (X,),
        "one_hot_matrix": (3,),
        "forward_propagation": (X, parameters),
        "compute_total_loss": (X, np.eye(7, 4, dtype=np.float32)),
    }[name]
    one, other = (np.asarray(getattr(rung, name)(*arguments)) for rung in (eager, graph))
    assert one.reshape(-1) == pytest.approx(other.reshape(-1), abs=1e-6)


def test_S3_02_cost_of_the_printed_labels_and_logits():
    """The course's check holds for the course's cost, and names it: a binary question for each class."""
    labels = np.array([[0.0, 1.0], [0.0, 0.0], [1.0, 0.0]])
    logits = np.array([[0.6, 0.4], [0.4, 0.6], [0.4, 0.6]])
    cost = graph.compute_cost(logits, labels)
    assert isinstance(cost, tf.Tensor)
    assert float(cost) == pytest.approx(0.8419182681095858, abs=1e-15)
    assert abs(float(cost) - (0.7752516 + 0.9752516 + 0.7752516) / 3.0) < 1e-7
    a = np.exp(logits) / np.exp(logits).sum(axis=0)
    right = -np.log([a[2, 0], a[0, 1]])
    assert float(graph.compute_total_loss(logits, labels)) == pytest.approx(right.sum(), rel=1e-12)


def test_S3_02_model_has_the_right_half_of_the_three_traps():
    """Categorical cost, divided by the number of examples, over all of them though 70 is no multiple of 32."""
    train, history = pictures(graph, 70), History()
    parameters = graph.model(*train, *train, learning_rate=1e-20, num_epochs=1, print_cost=False, history=history)
    assert history.loss == pytest.approx([cost_of(in_float64(parameters), *train)], rel=1e-6)


def test_S3_03_cost_decreases_under_gradient_descent(capsys):
    train, test, history = pictures(graph, 70), pictures(graph, 20, seed=2), History()
    parameters = graph.model(*train, *test, learning_rate=0.02, num_epochs=41, history=history)
    assert set(parameters) == {"W1", "b1", "W2", "b2", "W3", "b3"}
    assert capsys.readouterr().out.count("Cost after epoch") == 5
    assert len(history.loss) == 41
    tens = history.loss[::10]
    assert sorted(tens, reverse=True) == tens
    assert tens[-1] < 0.9 * tens[0]
    assert cost_of(in_float64(parameters), *train) < history.loss[-1] * 1.05
    X, Y = as_columns(*test)
    found = graph.forward_propagation(X, parameters).numpy().argmax(axis=0) == Y.argmax(axis=0)
    assert history.val_accuracy == pytest.approx([found.mean()])
    assert history.accuracy[0] > 0.3
    assert curves({"SGD": history}).axes[0].lines[0].get_ydata().tolist() == history.loss


def test_S3_03_a_step_is_the_gradient_of_the_mean():
    """One batch of six: w - rate * gradient, the gradient taken by finite differences in float64."""
    train, rate = pictures(graph, 6), 0.5
    start = in_float64(eager.initialize_parameters((90, 25, 12, 6)))
    stepped = graph.model(*train, *train, learning_rate=rate, num_epochs=1, print_cost=False)
    for name, place in (("W3", 3), ("b3", 0), ("b2", 5), ("b1", 7), ("W1", 100)):
        costs = []
        for step in (1e-6, -1e-6):
            moved = start[name].copy()
            moved.flat[place] += step
            costs.append(cost_of(start | {name: moved}, *train))
        slope = (costs[0] - costs[1]) / 2e-6
        assert stepped[name].numpy().flat[place] == pytest.approx(start[name].flat[place] - rate * slope, abs=1e-6)
