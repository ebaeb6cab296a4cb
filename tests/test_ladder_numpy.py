"""The net by hand: the course's printed values, finite differences, and the other frameworks as witnesses."""

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from cases import OPTIMIZERS
from conftest import small_data

import highlevel
import lowlevel
from lockstep.divergence import Names, distances
from lowlevel.ladder import numpy_by_hand as by_hand
from lowlevel.ladder import numpy_training as training
from lowlevel.ladder.trainers import NumpyTrainer
from shared import InputError, ModelSpec, TrainSpec

# ------------------------------------------------------------------------------------------------ the course's test cases


def draws(seed, *shapes):
    """Arrays as the course's ``testCases`` draw them: one after the other from ``np.random.seed(seed)``."""
    generator = np.random.RandomState(seed)
    return [generator.randn(*shape) for shape in shapes]


def printed(*values):
    """Equal to all printed digits, which are eight after the point."""
    return pytest.approx(np.array(values), abs=5.1e-9)


def layer_caches(A, W, b, Z):
    return (A, W, b), Z


def L_model_case():
    """AL, Y and the caches of two layers, as the notes' backward pass takes them."""
    AL, *arrays = draws(3, (1, 2), (4, 2), (3, 4), (3, 1), (3, 2), (3, 2), (1, 3), (1, 1), (1, 2))
    return AL, np.array([[1, 0]]), [layer_caches(*arrays[:4]), layer_caches(*arrays[4:])]


def gradient_check(cost, parameters, grads, h=1e-6):
    """Relative distance of the gradients from (cost(w + h) - cost(w - h)) / 2h, over all weights together."""
    exact, numeric = [], []
    for name, value in parameters.items():
        for place in range(value.size):
            moved = [{key: array.copy() for key, array in parameters.items()} for _ in range(2)]
            for one, step in zip(moved, (h, -h), strict=True):
                one[name].flat[place] += step
            numeric.append((cost(moved[0]) - cost(moved[1])) / (2 * h))
            exact.append(grads[f"d{name}"].flat[place])
    exact, numeric = np.array(exact), np.array(numeric)
    return np.linalg.norm(exact - numeric) / (np.linalg.norm(exact) + np.linalg.norm(numeric))


@pytest.mark.parametrize("name", ["sigmoid", "relu", "tanh", "linear"])
def test_S2_01_activations_and_their_way_back(name):
    forward, backward = by_hand.ACTIVATIONS[name]
    Z = np.array([[-30.0, -2.0, -0.3], [0.2, 1.5, 30.0]])
    dA = np.array([[1.0, 2.0, -3.0], [0.5, -1.0, 4.0]])
    A, cache = forward(Z)
    formula = {"sigmoid": 1 / (1 + np.exp(-Z)), "relu": np.maximum(Z, 0), "tanh": np.tanh(Z), "linear": Z}
    assert pytest.approx(formula[name], rel=1e-15) == A
    assert cache is Z
    h = 1e-6
    slope = (forward(Z + h)[0] - forward(Z - h)[0]) / (2 * h)
    assert backward(dA, cache) == pytest.approx(dA * slope, abs=1e-7)


def test_S2_01_far_out_nothing_overflows():
    far = np.array([-1e4, -800.0, 0.0, 800.0, 1e4])
    assert by_hand.sigmoid(far)[0].tolist() == [0.0, 0.0, 0.5, 1.0, 1.0]  # warnings are errors here
    assert by_hand.sigmoid_backward(np.ones(5), far).tolist() == [0.0, 0.0, 0.25, 0.0, 0.0]
    assert by_hand.relu_backward(np.ones(3), np.array([-1.0, 0.0, 1.0])).tolist() == [0.0, 0.0, 1.0]
    with pytest.raises(InputError, match="softplus"):
        by_hand.linear_activation_forward(np.ones((1, 1)), np.ones((1, 1)), np.ones((1, 1)), "softplus")


def test_S2_02_first_weights_are_the_printed_ones():
    parameters = by_hand.initialize_parameters(3, 2, 1)
    assert list(parameters) == ["W1", "b1", "W2", "b2"]
    assert parameters["W1"] == printed([0.01624345, -0.00611756, -0.00528172], [-0.01072969, 0.00865408, -0.02301539])
    assert parameters["W2"] == printed([0.01744812, -0.00761207])
    assert parameters["b1"].tolist() == [[0.0], [0.0]]
    assert parameters["b2"].tolist() == [[0.0]]

    parameters = by_hand.initialize_parameters_deep([5, 4, 3])
    assert parameters["W1"] == printed(
        [0.01788628, 0.0043651, 0.00096497, -0.01863493, -0.00277388],
        [-0.00354759, -0.00082741, -0.00627001, -0.00043818, -0.00477218],
        [-0.01313865, 0.00884622, 0.00881318, 0.01709573, 0.00050034],
        [-0.00404677, -0.0054536, -0.01546477, 0.00982367, -0.01101068],
    )
    assert parameters["W2"] == printed(
        [-0.01185047, -0.0020565, 0.01486148, 0.00236716],
        [-0.01023785, -0.00712993, 0.00625245, -0.00160513],
        [-0.00768836, -0.00230031, 0.00745056, 0.01976111],
    )
    assert not parameters["b1"].any()
    assert parameters["b2"].shape == (3, 1)
    # and divided by the root of the inputs, from the same draws
    by_root = by_hand.initialize_parameters_deep([5, 4, 3], scale=None)
    assert by_root["W2"] == pytest.approx(parameters["W2"] * 100 / 2, rel=1e-14)


def test_S2_02_no_global_generator_is_touched():
    np.random.seed(5)
    before = np.random.get_state()[1].copy()
    by_hand.initialize_parameters(3, 2, 1)
    training.model(np.ones((3, 4)), np.array([0, 1, 0, 1]), [3, 2], num_epochs=1)
    assert (np.random.get_state()[1] == before).all()


def test_S2_03_forward_gives_the_printed_values():
    A, W, b = draws(1, (3, 2), (1, 3), (1, 1))
    Z, cache = by_hand.linear_forward(A, W, b)
    assert printed([3.26295337, -1.23429987]) == Z
    assert all(kept is given for kept, given in zip(cache, (A, W, b), strict=True))
    A, W, b = draws(2, (3, 2), (1, 3), (1, 1))
    assert by_hand.linear_activation_forward(A, W, b, "sigmoid")[0] == printed([0.96890023, 0.11013289])
    assert by_hand.linear_activation_forward(A, W, b, activation="relu")[0] == printed([3.43896131, 0.0])
    X, *values = draws(6, (5, 4), (4, 5), (4, 1), (3, 4), (3, 1), (1, 3), (1, 1))
    AL, caches = by_hand.L_model_forward(X, dict(zip(["W1", "b1", "W2", "b2", "W3", "b3"], values, strict=True)))
    assert printed([0.03921668, 0.70498921, 0.19734387, 0.04728177]) == AL
    assert len(caches) == 3


def test_S2_04_cost_is_divided_by_m():
    AL, Y = np.array([[0.8, 0.9, 0.4]]), np.array([[1, 1, 0]])
    by_example = -np.log([0.8, 0.9, 0.6])
    assert by_hand.compute_cost(AL, Y) == pytest.approx(by_example.mean(), rel=1e-15)
    assert by_hand.compute_cost(np.tile(AL, 5), np.tile(Y, 5)) == pytest.approx(by_example.mean(), rel=1e-14)
    assert abs(by_hand.compute_cost(AL, Y) - by_example.sum()) > 0.5  # the notes' sum is three times as much
    keras_says = keras.losses.BinaryCrossentropy()(Y.astype("float32"), AL.astype("float32"))
    assert by_hand.compute_cost(AL, Y) == pytest.approx(float(keras_says), abs=1e-6)


def test_S2_05_linear_backward_gives_the_printed_values_and_half_the_printed_db():
    dZ, *cache = draws(1, (1, 2), (3, 2), (1, 3), (1, 1))
    dA_prev, dW, db = by_hand.linear_backward(dZ, tuple(cache))
    assert dA_prev == printed([0.51822968, -0.19517421], [-0.40506361, 0.15255393], [2.37496825, -0.89445391])
    assert dW == printed([-0.10076895, 1.40685096, 1.64992505])
    assert 2 * db == printed([1.01258895])  # m = 2: what is printed is the sum, without 1/m


@pytest.mark.parametrize(
    ("activation", "dA_printed", "dW_printed", "db_printed"),
    [
        (
            "sigmoid",
            [[0.11017994, 0.01105339], [0.09466817, 0.00949723], [-0.05743092, -0.00576154]],
            [0.10266786, 0.09778551, -0.01968084],
            -0.11459244,
        ),
        ("relu", [[0.44090989, 0], [0.37883606, 0], [-0.2298228, 0]], [0.44513824, 0.37371418, -0.10478989], -0.41675785),
    ],
)
def test_S2_05_activation_backward_gives_the_printed_values(activation, dA_printed, dW_printed, db_printed):
    dA, *arrays = draws(2, (1, 2), (3, 2), (1, 3), (1, 1), (1, 2))
    dA_prev, dW, db = by_hand.linear_activation_backward(dA, layer_caches(*arrays), activation)
    assert dA_prev == printed(*dA_printed)
    assert dW == printed(dW_printed)
    assert 2 * db == printed([db_printed])


def test_S2_05_model_backward_gives_the_printed_values():
    grads = by_hand.L_model_backward(*L_model_case())
    assert grads["dW1"] == printed(
        [0.41010002, 0.07807203, 0.13798444, 0.10502167], [0, 0, 0, 0], [0.05283652, 0.01005865, 0.01777766, 0.0135308]
    )
    assert 2 * grads["db1"] == printed([-0.44014127], [0.0], [-0.05670698])
    # the notes print this as dA1: what layer 2 hands on is named after layer 2
    assert grads["dA2"] == printed([0.12913162, -0.44014127], [-0.14175655, 0.48317296], [0.01663708, -0.05670698])
    assert grads["dA1"].shape == (4, 2)


def test_S2_05_updated_values_are_the_printed_ones():
    shapes = {"W1": (3, 4), "b1": (3, 1), "W2": (1, 3), "b2": (1, 1)}
    parameters = dict(zip(shapes, draws(2, *shapes.values()), strict=True))
    grads = dict(zip([f"d{name}" for name in shapes], draws(3, *shapes.values()), strict=True))
    kept = {name: value.copy() for name, value in parameters.items()}
    updated = by_hand.update_parameters(parameters, grads, 0.1)
    assert updated["W1"] == printed(
        [-0.59562069, -0.09991781, -2.14584584, 1.82662008],
        [-1.76569676, -0.80627147, 0.51115557, -1.18258802],
        [-1.0535704, -0.86128581, 0.68284052, 2.20374577],
    )
    assert updated["b1"] == printed([-0.04659241], [-1.28888275], [0.53405496])
    assert updated["W2"] == printed([-0.55569196, 0.0354055, 1.32964895])
    assert updated["b2"] == printed([-0.84610769])
    assert all((parameters[name] == kept[name]).all() for name in kept)


def test_S2_05_gradients_pass_the_gradient_check():
    """The true db, which the notes print twice as large, is the derivative of the cost."""
    X = np.random.RandomState(0).randn(5, 7)
    Y = np.array([[1, 0, 1, 1, 0, 0, 1]])
    parameters = by_hand.initialize_parameters_deep([5, 4, 3, 1], seed=1, scale=None)
    AL, caches = by_hand.L_model_forward(X, parameters)
    grads = by_hand.L_model_backward(AL, Y, caches)

    def cost(moved):
        return by_hand.compute_cost(by_hand.L_model_forward(X, moved)[0], Y)

    assert gradient_check(cost, parameters, grads) < 1e-7
    summed = grads | {name: 7 * value for name, value in grads.items() if name.startswith("db")}
    assert gradient_check(cost, parameters, summed) > 0.1


# ------------------------------------------------------------------------------------------------- cats and their models


def cats(folder, shape=(12, 12, 3)):
    """Two files of the cats' layout: pictures whose label is whether they are bright in the middle."""
    generator = np.random.default_rng(3)
    for part, rows in (("train", 60), ("test", 20)):
        y = np.arange(rows) % 2
        x = generator.integers(0, 120, (rows, *shape)) + 110 * y[:, None, None, None]
        with h5py.File(folder / f"{part}_catvnoncat.h5", "w") as file:
            file[f"{part}_set_x"], file[f"{part}_set_y"] = x.astype(np.uint8), y
            file["list_classes"] = np.array([b"non-cat", b"cat"])
    return folder / "train_catvnoncat.h5", folder / "test_catvnoncat.h5"


def columns(x):
    return x.reshape(len(x), -1).T / 255.0


def by_rows(x, y, weights, rate, iterations):
    """The same training from the textbook, examples in rows and the sigmoid's dZ written as a - y: the costs."""
    weights, costs = [w.copy() for w in weights], []
    for _ in range(iterations):
        values = [x]
        for at in range(0, len(weights), 2):
            z = values[-1] @ weights[at] + weights[at + 1]
            values.append(np.maximum(z, 0) if at < len(weights) - 2 else 1 / (1 + np.exp(-z)))
        a = values.pop()[:, 0]
        costs.append(-np.mean(y * np.log(a) + (1 - y) * np.log(1 - a)))
        dz = (a - y)[:, None] / len(x)
        for at in range(len(weights) - 2, -1, -2):
            below = (dz @ weights[at].T) * (values[at // 2] > 0)
            weights[at] -= rate * values[at // 2].T @ dz
            weights[at + 1] -= rate * dz.sum(axis=0)
            dz = below
    return costs


def test_S2_06_two_layer_model_learns_cats(tmp_path, capsys):
    x, y, x_test, y_test, classes = by_hand.load_data(*cats(tmp_path))
    assert (x.shape, y.shape, x_test.shape, y_test.shape) == ((60, 12, 12, 3), (1, 60), (20, 12, 12, 3), (1, 20))
    assert classes.tolist() == ["non-cat", "cat"]
    dims = (432, 7, 1)
    parameters, costs = by_hand.two_layer_model(columns(x), y, dims, learning_rate=0.02, num_iterations=401, print_cost=True)
    assert capsys.readouterr().out.count("Cost after iteration") == 5
    assert costs[0] == pytest.approx(np.log(2), abs=1e-2)
    assert sorted(costs, reverse=True) == costs
    assert all(value.dtype == np.float64 for value in parameters.values())
    start = [value.T for value in by_hand.initialize_parameters(*dims).values()]
    expected = by_rows(columns(x).T, y[0], start, 0.02, 401)
    assert costs == pytest.approx(expected[::100], rel=1e-10)  # nine digits and more
    predictions = by_hand.predict(columns(x_test), y_test, parameters)
    assert capsys.readouterr().out == "Accuracy: 1.0\n"
    assert (predictions == y_test).all()
    assert (by_hand.predict(columns(x_test), None, parameters) == predictions).all()


def test_S2_06_deep_model_learns_cats(tmp_path, capsys):
    x, y, *_ = by_hand.load_data(*cats(tmp_path))
    dims = [432, 8, 5, 1]
    _, costs = by_hand.L_layer_model(columns(x), y, dims, learning_rate=0.02, num_iterations=301)
    assert capsys.readouterr().out == ""
    assert costs[-1] < 0.5 * costs[0]
    start = [value.T for value in by_hand.initialize_parameters_deep(dims, seed=1, scale=None).values()]
    assert costs == pytest.approx(by_rows(columns(x).T, y[0], start, 0.02, 301)[::100], rel=1e-10)
    # times 0.01 the signal dies out on its way through the layers: that net hardly moves
    _, small = by_hand.L_layer_model(columns(x), y, dims, learning_rate=0.02, num_iterations=301, scale=0.01)
    assert small[-1] > 0.95 * small[0]


# --------------------------------------------------------------------------------------- softmax, minibatches, optimisers


def test_S1_06_gradient_of_the_softmax_loss_is_A_minus_Y():
    """By hand, by TensorFlow's automatic differentiation, and by finite differences."""
    Z = np.random.RandomState(4).randn(4, 6) * 3
    labels = np.array([0, 3, 1, 1, 2, 0])
    Y = np.eye(4)[labels].T
    A = np.exp(Z) / np.exp(Z).sum(axis=0)
    assert training.softmax_cross_entropy(Z, labels) == pytest.approx(-np.log(A[labels, np.arange(6)]), rel=1e-14)
    assert training.softmax_backward(Z, labels) == pytest.approx(A - Y, abs=1e-15)
    variable = tf.Variable(Z)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(-tf.reduce_sum(Y * tf.math.log(tf.nn.softmax(variable, axis=0)), axis=0))
    assert tape.gradient(loss, variable).numpy() == pytest.approx(A - Y, abs=1e-14)
    h = 1e-6
    for place in range(Z.size):
        up, down = (Z.copy() for _ in range(2))
        up.flat[place] += h
        down.flat[place] -= h
        slope = (training.softmax_cross_entropy(up, labels) - training.softmax_cross_entropy(down, labels)).sum() / (2 * h)
        assert (A - Y).flat[place] == pytest.approx(slope, abs=1e-9)


@pytest.mark.parametrize("hidden", ["relu", "sigmoid", "tanh", "linear"])
def test_S2_07_gradients_of_the_softmax_net_pass_the_gradient_check(hidden):
    X, labels = np.random.RandomState(0).randn(5, 9), np.arange(9) % 3
    parameters = by_hand.initialize_parameters_deep([5, 4, 3], seed=1, scale=None)
    _, _, grads = training.losses_and_gradients(X, labels, parameters, [hidden, "linear"])

    def cost(moved):
        return training.losses_and_gradients(X, labels, moved, [hidden, "linear"])[1].mean()

    assert gradient_check(cost, parameters, grads) < 1e-7


def test_S2_07_no_probability_is_too_small():
    Z = np.array([[2000.0, -2000.0], [0.0, 0.0]])
    assert training.softmax_cross_entropy(Z, np.array([1, 0])).tolist() == [2000.0, 2000.0]
    assert training.softmax_backward(Z, np.array([1, 0])).tolist() == [[1.0, -1.0], [-1.0, 1.0]]


@pytest.mark.parametrize("optimizer", [*OPTIMIZERS, "rmsprop"])
@pytest.mark.parametrize("wing", [lowlevel.Trainer, highlevel.Trainer], ids=["low", "high"])
def test_S2_07_by_hand_agrees_with_both_wings_in_float64(wing, optimizer):
    """Below 1e-13 after an epoch of 7 steps, the last one partial: weights, slots, losses."""
    x, y, x_test, y_test = small_data(45)
    model = ModelSpec.mlp(12, 8, 6, 5, dtype="float64")
    train = TrainSpec(epochs=1, batch_size=7, seed=2, **OPTIMIZERS.get(optimizer, {"optimizer": "rmsprop", "rho": 0.8}))
    ours, theirs = NumpyTrainer(model, train), wing(model, train)
    assert all((a == b).all() for a, b in zip(ours.weights(), theirs.weights(), strict=True))
    histories = [one.fit((x, y), record=True, validation_data=(x_test, y_test)) for one in (ours, theirs)]
    names = Names.of(model, train)
    for mine, other in zip(*(history.trace for history in histories), strict=True):
        for (stage, tensor), gap in distances(mine, other, names).items():  # another shape or dtype is infinitely far
            single = stage in ("loss", "running metric", "epoch loss", "metrics", "evaluation")  # float32, as in fit
            assert gap.distance <= (3e-7 if single else 1e-13), (stage, tensor)


KERAS_OPTIMIZERS = {
    "sgd": lambda: keras.optimizers.SGD(0.1),
    "momentum": lambda: keras.optimizers.SGD(0.1, momentum=0.8),
    "nesterov": lambda: keras.optimizers.SGD(0.1, momentum=0.8, nesterov=True),
    "rmsprop": lambda: keras.optimizers.RMSprop(0.1, rho=0.8, epsilon=1e-5),
    "adam": lambda: keras.optimizers.Adam(0.1, epsilon=1e-5),
}


@pytest.mark.parametrize("optimizer", KERAS_OPTIMIZERS)
def test_S2_07_update_rules_against_keras_itself(optimizer):
    """Five steps on the same gradients, some of the size of epsilon, where its place shows."""

    def single(value):
        return float(np.float32(value))  # as TensorFlow sends a Python number to a float64 net

    generator = np.random.RandomState(1)
    start, gradients = generator.randn(4, 3), [generator.randn(4, 3) * scale for scale in (1, 1e-3, 1e-5, 1e-6, 1)]
    variable = keras.Variable(start, dtype="float64")
    reference = KERAS_OPTIMIZERS[optimizer]()
    reference.build([variable])
    parameters, slots = {"W1": start}, training.initialize_slots({"W1": start}, optimizer)
    for t, gradient in enumerate(gradients, start=1):
        reference.apply([tf.constant(gradient)], [variable])
        rate = single(0.1)
        if optimizer == "adam":
            rate = training.adam_rate(t, learning_rate=rate, beta1=single(0.9), beta2=single(0.999))
        beta = 0.8 if optimizer == "rmsprop" else single(0.8)
        rule = training.rule_of(optimizer, rate=rate, beta=beta, beta1=0.9, beta2=0.999, epsilon=1e-5)
        parameters, slots = training.apply_rule(parameters, {"dW1": gradient}, slots, rule)
        assert np.abs(parameters["W1"] - variable.numpy()).max() < 1e-13
    assert len(slots["W1"]) == training.SLOTS[optimizer]


@pytest.mark.parametrize("optimizer", training.SLOTS)
def test_S2_07_the_model_learns_with_every_optimiser(optimizer, capsys):
    generator = np.random.default_rng(0)
    labels = np.arange(70) % 3
    X = generator.normal(size=(5, 70)) + 3 * np.eye(5)[:, :3][:, labels]
    options = {"optimizer": optimizer, "learning_rate": 0.01 if optimizer in ("adam", "rmsprop") else 0.1}
    parameters, costs = training.model(X, labels, [5, 8, 3], num_epochs=12, print_cost=True, **options)
    assert capsys.readouterr().out.count("Cost after epoch") == 12
    assert costs[-1] < 0.6 * costs[0]
    ZL, _ = by_hand.L_model_forward(X, parameters, ["relu", "linear"])
    assert (ZL.argmax(axis=0) == labels).mean() > 0.8
    again, _ = training.model(X, labels, [5, 8, 3], num_epochs=12, **options)
    assert all((again[name] == value).all() for name, value in parameters.items())


def test_S2_07_unknown_optimiser_is_refused():
    with pytest.raises(InputError, match="adagrad"):
        training.model(np.ones((2, 4)), np.zeros(4, int), [2, 2], optimizer="adagrad")


# -------------------------------------------------------------------------------------------------------------- softmax


def test_S4_02_my_softmax():
    z = np.array([1.0, 2.0, 3.0, 4.0])
    a = by_hand.my_softmax(z)
    assert np.round(a, 2).tolist() == [0.03, 0.09, 0.24, 0.64]
    assert a == pytest.approx(np.exp(z) / np.exp(z).sum(), rel=1e-15)
    assert a == pytest.approx(tf.nn.softmax(z).numpy(), rel=1e-14)
    assert a.sum() == pytest.approx(1, abs=1e-15)
    assert by_hand.my_softmax(np.array([1000.0, 0.0, -1000.0])).tolist() == [1.0, 0.0, 0.0]
    pictures = np.random.RandomState(0).randn(3, 5)
    assert by_hand.my_softmax(pictures).sum(axis=0) == pytest.approx(np.ones(5))
    assert by_hand.my_softmax(pictures, axis=1).sum(axis=1) == pytest.approx(np.ones(3))
