"""TensorFlow 1 style: printed values of the course, sessions that are closed, and the SIGNS net."""

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow.compat.v1 as tf1

import lowlevel
from lowlevel.ladder import tf1_session as rung
from lowlevel.ladder import tf2_functions
from lowlevel.ladder.tf1_session import session
from shared import InputError, ModelSpec, TrainSpec
from shared.plots import curves, save
from shared.records import History

SHAPE = (8, 8, 3)


def signs(folder):
    """Two small files of the signs' layout: six classes, each bright in rows of its own."""
    generator = np.random.default_rng(5)
    for part, rows in (("train", 90), ("test", 30)):
        y = np.arange(rows) % 6
        x = generator.integers(0, 90, (rows, *SHAPE))
        x[np.arange(rows), y] += 150
        with h5py.File(folder / f"{part}_signs.h5", "w") as file:
            file[f"{part}_set_x"], file[f"{part}_set_y"] = x.astype(np.uint8), y
            file["list_classes"] = np.arange(6)
    return folder / "train_signs.h5", folder / "test_signs.h5"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """X_train, Y_train, X_test, Y_test as the model takes them: columns, and one-hot columns."""
    X_train, Y_train, X_test, Y_test, _ = rung.load_dataset(*signs(tmp_path_factory.mktemp("signs")))
    X_train, X_test = (X.reshape(len(X), -1).T / 255.0 for X in (X_train, X_test))
    return X_train, rung.convert_to_one_hot(Y_train, 6), X_test, rung.convert_to_one_hot(Y_test, 6)


@pytest.fixture
def sessions(monkeypatch):
    """All sessions that are opened."""
    opened = []

    class Spy(tf1.Session):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            opened.append(self)

    monkeypatch.setattr(tf1, "Session", Spy)
    return opened


def test_S1_07_minimum_of_the_quadratic():
    path = rung.minimize_quadratic()
    assert len(path) == 1002
    assert path[0] == 0.0
    assert path[1] == pytest.approx(0.1, abs=1e-7)
    assert path[-1] == pytest.approx(4.99999, abs=1e-5)
    assert path[-1] == pytest.approx(5 - 5 * 0.98**1001, abs=1e-4)  # w - 5 shrinks by 1 - 2 * 0.01 each step
    assert rung.minimize_quadratic(coefficients=[1.0, -10.0, 25.0]) == pytest.approx(path, abs=1e-6)
    elsewhere = rung.minimize_quadratic(coefficients=[1.0, -20.0, 100.0])
    assert elsewhere[1] == pytest.approx(0.2, abs=1e-7)
    assert elsewhere[-1] == pytest.approx(10, abs=1e-4)


def test_S1_08_sessions_compute_what_was_laid_out():
    assert rung.squared_error() == 9
    assert rung.squared_error(3, 7) == 16
    assert rung.multiply() == 20
    assert rung.double() == 6
    assert rung.double(-4) == -8


def test_S1_08_graph_and_session_are_closed_after_use(sessions):
    for call in (
        rung.minimize_quadratic,
        rung.squared_error,
        rung.multiply,
        rung.double,
        rung.linear_function,
        lambda: rung.sigmoid(0),
        lambda: rung.cost([0.0], [1.0]),
        lambda: rung.one_hot_matrix([0, 1], 2),
        lambda: rung.ones([2]),
        lambda: rung.predict(np.ones((3, 2)), {"W1": np.ones((2, 3), np.float32), "b1": np.zeros((2, 1), np.float32)}),
    ):
        call()
    assert len(sessions) == 10
    assert len({id(one.graph) for one in sessions} | {id(tf1.get_default_graph())}) == 11
    for one in sessions:
        with pytest.raises(RuntimeError, match="closed"):
            one.run(one.graph.get_operations()[0])


def test_S1_08_it_runs_beside_eager_code():
    assert tf.executing_eagerly()
    x = tf.Variable(3.0)
    with tf.GradientTape() as tape:
        y = x * x + float(rung.multiply(2, 10))
    assert float(tape.gradient(y, x)) == 6.0
    assert not tf1.get_default_graph().get_operations()
    with pytest.raises(InputError, match="with session"):
        rung.initialize_parameters()
    with pytest.raises(InputError, match="with session"):
        rung.create_placeholders(3, 2)
    assert tf.executing_eagerly()


def test_S1_08_it_changes_no_generator():
    np.random.seed(5)
    tf.random.set_seed(6)
    expected = [np.random.random(), float(tf.random.uniform(()))]
    np.random.seed(5)
    tf.random.set_seed(6)
    with session() as sess:
        rung.initialize_parameters((3, 2))
        sess.run(tf1.global_variables_initializer())
    rung.linear_function()
    rung.random_mini_batches(np.ones((2, 5)), np.ones((1, 5)), 2, 0)
    assert [np.random.random(), float(tf.random.uniform(()))] == expected


def test_S1_09_values_of_the_small_functions():
    expected = [[-2.15657382], [2.95891446], [-1.08926781], [-0.84538042]]
    assert rung.linear_function() == pytest.approx(np.array(expected), abs=5e-9)
    assert rung.sigmoid(0) == 0.5
    assert rung.sigmoid(12) == pytest.approx(0.999994, abs=5e-7)
    assert rung.sigmoid(np.array([-1e4, 1e4])).tolist() == [0.0, 1.0]
    logits, labels = np.array([0.2, 0.4, 0.7, 0.9]), np.array([0.0, 0.0, 1.0, 1.0])
    a = 1 / (1 + np.exp(-logits))
    by_hand = -(labels * np.log(a) + (1 - labels) * np.log(1 - a))
    assert rung.cost(logits, labels) == pytest.approx(by_hand, abs=1e-6)
    keras_says = keras.losses.BinaryCrossentropy(from_logits=True)(labels.astype("float32"), logits.astype("float32"))
    assert rung.cost(logits, labels).mean() == pytest.approx(float(keras_says), abs=1e-6)
    one_hot = rung.one_hot_matrix(np.array([1, 2, 3, 0, 2, 1]), C=4)
    assert one_hot.tolist() == [[0, 0, 0, 1, 0, 0], [1, 0, 0, 0, 0, 1], [0, 1, 0, 0, 1, 0], [0, 0, 1, 0, 0, 0]]
    assert one_hot.dtype == np.float32
    assert rung.ones([3]).tolist() == [1.0, 1.0, 1.0]
    assert rung.ones((2, 3)).shape == (2, 3)


def test_S1_10_mini_batches_hold_every_example_once():
    X, Y = np.arange(2 * 11).reshape(2, 11), np.arange(11)[None]
    batches = rung.random_mini_batches(X, Y, 4, 7)
    assert [x.shape for x, _ in batches] == [(2, 4), (2, 4), (2, 3)]
    seen = np.concatenate([y[0] for _, y in batches])
    assert sorted(seen) == list(range(11))
    assert all((x == X[:, y[0]]).all() for x, y in batches)
    np.random.seed(7)
    assert (seen == np.random.permutation(11)).all()
    again = rung.random_mini_batches(X, Y, mini_batch_size=4, seed=7)
    assert all((a == b).all() for pair, other in zip(batches, again, strict=True) for a, b in zip(pair, other, strict=True))
    other = np.concatenate([y[0] for _, y in rung.random_mini_batches(X, Y, 4, 8)])
    assert (other != seen).any()
    assert len(rung.random_mini_batches(X, Y)) == 1  # 64, where nothing is said


def test_S1_10_load_dataset_and_one_hot(tmp_path):
    X_train, Y_train, X_test, Y_test, classes = rung.load_dataset(*signs(tmp_path))
    assert (X_train.shape, X_train.dtype, X_test.shape) == ((90, *SHAPE), np.uint8, (30, *SHAPE))
    assert (Y_train.shape, Y_test.shape) == ((1, 90), (1, 30))
    assert list(classes) == ["0", "1", "2", "3", "4", "5"]
    one_hot = rung.convert_to_one_hot(Y_train, 6)
    assert one_hot.shape == (6, 90)
    assert (one_hot.argmax(axis=0) == Y_train[0]).all()
    assert (one_hot.sum(axis=0) == 1).all()
    with pytest.raises(InputError, match=r"absent\.h5"):
        rung.load_dataset(tmp_path / "absent.h5")


def test_S1_10_predict_gives_the_class_of_each_column():
    """A net whose logits are its inputs: the class is the row of the largest number."""
    parameters = {"W1": np.eye(3, dtype=np.float32), "b1": np.zeros((3, 1), np.float32)}
    X = np.array([[1.0, 0.0, 5.0], [2.0, 0.5, 0.0], [0.0, 9.0, 1.0]])
    assert rung.predict(X, parameters).tolist() == [1, 2, 0]
    assert rung.predict(X[:, :1], parameters).tolist() == [1]


def test_S1_11_pieces_of_the_graph():
    with session() as sess:
        X, Y = rung.create_placeholders(12288, 6)
        assert (X.shape.as_list(), Y.shape.as_list(), X.dtype) == ([12288, None], [6, None], tf.float32)
        parameters = rung.initialize_parameters()
        shapes = {"W1": (25, 12288), "b1": (25, 1), "W2": (12, 25), "b2": (12, 1), "W3": (6, 12), "b3": (6, 1)}
        assert {name: tuple(variable.shape) for name, variable in parameters.items()} == shapes
        sess.run(tf1.global_variables_initializer())
        first = sess.run(parameters)
        logits = np.array([[1.0, 2.0], [0.0, -1.0], [3.0, 0.0]])
        labels = np.eye(3)[[2, 0]].T
        cost = sess.run(rung.compute_cost(tf1.constant(logits), tf1.constant(labels)))
    limit = np.sqrt(6 / (12288 + 25))
    assert 0.999 * limit < np.abs(first["W1"]).max() <= limit
    assert first["W1"].std() == pytest.approx(limit / np.sqrt(3), rel=0.01)
    assert not first["b1"].any()
    a = np.exp(logits) / np.exp(logits).sum(axis=0)
    assert cost == pytest.approx(-np.log([a[2, 0], a[0, 1]]).mean(), rel=1e-12)  # classes down, examples across
    with session() as sess:
        again = rung.initialize_parameters((12288, 25))
        sess.run(tf1.global_variables_initializer())
        assert (sess.run(again["W1"]) == first["W1"]).all()  # same seed, same numbers


def test_S1_11_the_signs_net_trains(dataset, capsys, sessions, tmp_path):
    X_train, Y_train, *_ = dataset
    history = History()
    parameters = rung.model(*dataset, learning_rate=0.003, num_epochs=101, history=history)
    printed = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in printed] == [
        "Cost after epoch 0",
        "Cost after epoch 100",
        "Train Accuracy",
        "Test Accuracy",
    ]
    assert len(history.loss) == 101
    assert history.loss[-1] < 0.1 * history.loss[0]
    assert history.accuracy[0] > 0.95
    assert history.val_accuracy[0] > 0.9
    assert (rung.predict(X_train, parameters) == Y_train.argmax(axis=0)).mean() == pytest.approx(history.accuracy[0])
    assert all(isinstance(value, np.ndarray) for value in parameters.values())
    for one in sessions:
        with pytest.raises(RuntimeError, match="closed"):
            one.run(one.graph.get_operations()[0])
    figure = curves({"cost": history}, title="Learning rate = 0.003")
    assert figure.axes[0].lines[0].get_ydata().tolist() == history.loss
    save(figure, tmp_path / "cost.png")
    assert (tmp_path / "cost.png").stat().st_size > 1000


def test_S1_11_cost_of_an_epoch_is_the_mean_over_all_examples(dataset, capsys):
    """90 examples in batches of 32 leave one of 26. At a rate of almost 0 the cost is that of the first weights."""
    X_train, Y_train, *_ = dataset
    history = History()
    start = rung.model(*dataset, learning_rate=1e-20, num_epochs=1, print_cost=False, history=history)
    assert capsys.readouterr().out == ""
    logits = tf2_functions.forward_propagation(X_train.astype("float32"), start).numpy().astype(np.float64)
    a = np.exp(logits) / np.exp(logits).sum(axis=0)
    assert history.loss == pytest.approx([-np.log((a * Y_train).sum(axis=0)).mean()], rel=1e-6)


def test_S1_11_same_weights_give_the_logits_of_the_other_rungs(dataset):
    """Against S0.9, and against the low-level wing, whose examples are rows and whose kernels are W transposed."""
    X_train, *_ = dataset
    X = X_train.astype(np.float32)
    with session() as sess:
        parameters = rung.initialize_parameters((192, 25, 12, 6))
        Z3 = rung.forward_propagation(tf1.constant(X), parameters)
        sess.run(tf1.global_variables_initializer())
        logits, values = sess.run((Z3, parameters))
    assert logits.shape == (6, 90)
    assert logits == pytest.approx(tf2_functions.forward_propagation(X, values).numpy(), abs=2e-6)
    trainer = lowlevel.Trainer(ModelSpec.mlp(192, 25, 12, 6), TrainSpec())
    trainer.load([value.T if value.shape[1] > 1 else value[:, 0] for value in values.values()])
    assert logits == pytest.approx(trainer.predict(X.T).T, abs=2e-6)
