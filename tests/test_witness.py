"""Each wing against mathematics that shares nothing with it: NumPy in float64, finite differences, numbers worked by hand."""

import numpy as np
import pytest
import witness
from cases import OPTIMIZERS
from conftest import small_data

import highlevel
import lowlevel
from shared import BatchPlan, ModelSpec, TrainSpec

WINGS = [lowlevel.Trainer, highlevel.Trainer]


def through_float32(value: float) -> float:
    """TensorFlow casts a Python number to float32 before it reaches a float64 net."""
    return float(np.float32(value))


def rule(name: str):
    settings = OPTIMIZERS[name]
    rate = through_float32(settings["learning_rate"])
    if name == "adam":
        return witness.Adam(rate, 0.9, 0.999, 1e-7, through_float32(0.9), through_float32(0.999))
    return witness.Descent(rate, through_float32(settings.get("momentum", 0.0)), settings.get("nesterov", False))


@pytest.mark.parametrize(
    "activation", ["relu", "tanh", *(pytest.param(one, marks=pytest.mark.long) for one in ("sigmoid", "linear"))]
)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("trainer", WINGS, ids=["low", "high"])
def test_numpy_in_float64(trainer, optimizer, activation):
    """Below 1e-13 after an epoch of 7 steps, the last of them partial; float64 throughout."""
    x, y, *_ = small_data(45)
    model = ModelSpec.mlp(12, 8, 6, 5, activation=activation, dtype="float64")
    train = TrainSpec(epochs=1, batch_size=7, seed=2, **OPTIMIZERS[optimizer])
    net = trainer(model, train)
    plan = BatchPlan(45, 7, seed=2)
    expected, losses = witness.train(x, y, net.weights(), activation, rule(optimizer), list(plan.batches(0)))
    history = net.fit((x, y), record=True)
    for want, got in zip(expected, net.weights(), strict=True):
        assert got.dtype == np.float64
        assert np.abs(want - got).max() < 1e-13
    steps = [record for record in history.trace if hasattr(record, "step")]
    assert np.abs([step.loss for step in steps] - np.array(losses)).max() < 1e-6  # fit reports losses in float32
    sizes = [len(rows) for rows in plan.batches(0)]
    assert history.loss == pytest.approx([np.dot(losses, sizes) / 45], abs=1e-6)


@pytest.mark.parametrize("trainer", WINGS, ids=["low", "high"])
def test_gradients_by_finite_differences(trainer):
    """The gradient that a step used, against (loss(w + h) - loss(w - h)) / 2h of its own net."""
    x, y, *_ = small_data(9)
    model = ModelSpec.mlp(12, 6, 5, activation="tanh", dtype="float64")
    net = trainer(model, TrainSpec(optimizer="sgd", learning_rate=1e-9, batch_size=9, seed=4))
    weights = net.weights()
    step = net.train_on_batch(x, y)

    def loss(moved):
        logits, _ = witness.forward(x, moved, "tanh")
        return -np.log(witness.softmax(logits)[np.arange(9), y]).mean()

    h = 1e-6
    for at, gradient in enumerate(step.gradients):
        for place in [0, gradient.size // 2, gradient.size - 1]:
            up, down = ([w.copy() for w in weights] for _ in range(2))
            up[at].flat[place] += h
            down[at].flat[place] -= h
            numeric = (loss(up) - loss(down)) / (2 * h)
            assert gradient.flat[place] == pytest.approx(numeric, abs=1e-9)


@pytest.mark.parametrize("trainer", WINGS, ids=["low", "high"])
def test_one_step_worked_by_hand(trainer):
    """x = (1, 2), two classes, all weights 0: logits 0, loss ln 2, dZ = (-1/2, 1/2); SGD at rate 0.5."""
    model = ModelSpec.mlp(2, 2, dtype="float64")
    net = trainer(model, TrainSpec(optimizer="sgd", learning_rate=0.5, batch_size=1))
    net.load([np.zeros((2, 2)), np.zeros(2)])
    step = net.train_on_batch(np.array([[1.0, 2.0]]), np.array([0]))
    assert step.loss == pytest.approx(np.log(2), abs=1e-7)
    assert step.gradients[0].tolist() == [[-0.5, 0.5], [-1.0, 1.0]]
    assert step.gradients[1].tolist() == [-0.5, 0.5]
    assert step.weights[0].tolist() == [[0.25, -0.25], [0.5, -0.5]]
    assert step.weights[1].tolist() == [0.25, -0.25]


@pytest.mark.parametrize("trainer", WINGS, ids=["low", "high"])
def test_adam_first_step_worked_by_hand(trainer):
    """m = 0.1 g, v = 0.001 g^2, so the first step is lr g / (|g| + eps / sqrt(0.001)): it shows where epsilon stands.

    The gradients are 0.5 and 1 of the step above scaled down to the size of epsilon, where its place matters.
    """
    scale = 2e-7
    model = ModelSpec.mlp(2, 2, dtype="float64")
    net = trainer(model, TrainSpec(learning_rate=0.5, batch_size=1))
    net.load([np.zeros((2, 2)), np.zeros(2)])
    step = net.train_on_batch(np.array([[1.0, 2.0]]) * scale, np.array([0]))
    g = np.array([[-0.5, 0.5], [-1.0, 1.0]]) * scale
    expected = -0.5 * g / (np.abs(g) + 1e-7 / np.sqrt(0.001))
    # beta ** t passes through float32 in Keras, an error of 1e-8 / 0.1 and 1e-8 / 0.001 in the two corrections
    assert np.abs(step.weights[0] / expected - 1).max() < 5e-5
    inside = -0.5 * (g / 1) / np.sqrt(g**2 + (1e-7) ** 2 / 0.001)
    assert np.abs(step.weights[0] / inside - 1).max() > 1e-2
