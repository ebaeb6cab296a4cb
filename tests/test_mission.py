"""The rows of the course on digits (S4), and what the project was asked to be (C), on the real data."""

import numpy as np
import pytest

import highlevel
import lockstep
import lowlevel
from shared import ModelSpec, TrainSpec, load_digits

MODEL = ModelSpec.mlp(400, 25, 15, 10)


@pytest.fixture(scope="module")
def digits():
    return load_digits()


def wrong(trainer, digits):
    return int((trainer.predict(digits.x_train).argmax(axis=1) != digits.y_train[:, 0]).sum())


def test_S4_04_the_net_of_the_notes():
    shapes = {"L1": ((400, 25), (25,)), "L2": ((25, 15), (15,)), "L3": ((15, 10), (10,))}
    flat = [shape for pair in shapes.values() for shape in pair]
    for wing in (lowlevel, highlevel):
        assert [weight.shape for weight in wing.Trainer(MODEL, TrainSpec()).weights()] == flat
    assert [layer.name for layer in MODEL.layers] == list(shapes)
    assert [layer.activation for layer in MODEL.layers] == ["relu", "relu", "linear"]
    assert MODEL.parameters == 10_025 + 390 + 160 == 10_575


def test_S4_05_157_batches_an_epoch_and_equal_curves(digits):
    train = TrainSpec(epochs=2, seed=1234)
    low, high = lowlevel.Trainer(MODEL, train), highlevel.Trainer(MODEL, train)
    histories = [trainer.fit((digits.x_train, digits.y_train), record=True) for trainer in (low, high)]
    assert [len(history.trace) for history in histories] == [2 * 157 + 2] * 2
    assert histories[0].history == histories[1].history
    assert histories[0].loss[1] < histories[0].loss[0]
    assert wrong(low, digits) == wrong(high, digits) < 1000


def test_S4_06_softmax_on_the_outside(digits):
    train = TrainSpec(epochs=3, seed=1234)
    probabilities = []
    for wing in (lowlevel, highlevel):
        trainer = wing.Trainer(MODEL, train)
        trainer.fit((digits.x_train, digits.y_train))
        logits = trainer.predict(digits.x_train[:500])
        probabilities.append(trainer.predict_proba(digits.x_train[:500]))
        assert probabilities[-1].sum(axis=1) == pytest.approx(np.ones(500), abs=1e-6)
        assert (logits.argmax(axis=1) == probabilities[-1].argmax(axis=1)).all()
        shifted = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
        assert probabilities[-1] == pytest.approx(shifted / shifted.sum(axis=1, keepdims=True), abs=1e-6)
    assert probabilities[0].tobytes() == probabilities[1].tobytes()


def test_C_05_one_spec_and_one_data_set_converge_identically(digits):
    report = lockstep.compare(MODEL, TrainSpec(epochs=1, seed=1234), digits)
    assert report.verdict == "identical"
    assert report.outcomes["epoch"] == report.outcomes["keras"]


@pytest.mark.long
def test_S4_05_hardly_an_error_after_100_epochs(digits):
    """The notes: more epochs can remove the errors. Equal in both wings; how many stay is a matter of rounding."""
    train = TrainSpec(epochs=100, seed=1234)
    low, high = lowlevel.Trainer(MODEL, train), highlevel.Trainer(MODEL, train)
    data = (digits.x_train, digits.y_train)
    assert low.fit(data).loss == high.fit(data).loss
    assert all((a == b).all() for a, b in zip(low.weights(), high.weights(), strict=True))
    print(f"errors of 5,000 after 100 epochs: {wrong(low, digits)}")
    assert wrong(low, digits) == wrong(high, digits) <= 5


@pytest.mark.long
def test_S4_05_the_spread_over_ten_seeds(digits):
    """After 40 epochs the errors of ten seeds; the low-level wing, which the other tests show to equal ``fit``."""
    errors = []
    for seed in range(10):
        trainer = lowlevel.Trainer(MODEL, TrainSpec(epochs=40, seed=seed))
        trainer.fit((digits.x_train, digits.y_train))
        errors.append(wrong(trainer, digits))
    print(f"errors of 5,000 after 40 epochs, seeds 0 to 9: {errors}; the notes: 15")
    assert len(set(errors)) > 1
    assert max(errors) < 100  # another processor rounds otherwise, so the figures themselves are not asserted
