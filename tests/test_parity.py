"""Both wings, every case, every step: 0 ULP. Three low-level forms against ``fit``, without XLA and with XLA on both sides."""

import pytest
from cases import EPOCHS, LONG, QUICK, ROWS, Case
from conftest import small_data

import lockstep
from shared import ModelSpec, TrainSpec
from shared.spec import ACTIVATIONS, DTYPES, INITIALIZERS, LOSSES, OPTIMIZERS

SIDES = {"plain": ("eager", "graph", "epoch", "keras"), "xla": ("graph-xla", "epoch-xla", "keras-xla")}


def run(case: Case, arithmetic: str) -> None:
    x, y, x_test, y_test = small_data(ROWS)
    from shared.data import Dataset

    data = Dataset(
        x_train=x, y_train=y, x_test=x_test, y_test=y_test, classes=tuple("abcde"), source="random rows", name="random"
    )
    report = lockstep.compare(case.model, case.train, data, sides=SIDES[arithmetic])
    steps = -(-ROWS // case.batch) * EPOCHS
    for pair in report.pairs:
        assert (pair.steps, pair.epochs) == (steps, EPOCHS)
        assert pair.verdict == "identical", f"{pair.left}: {pair.first}"
        assert pair.max_ulp == 0
        assert pair.max_abs == 0
        # Counted by hand: per step the batch, logits, losses, loss, gradients, optimiser, weights and two running means ...
        parameters = case.model.parameters
        slots = len(case.train.slots) * parameters + 2
        a_step = 1 + 2 * parameters + slots + 2
        targets = 5 if case.loss == "rows" else 1
        an_epoch = ROWS * (12 + targets + 5 + 1) + 2 + 2 + 20 * 5  # ... and per epoch the rows, four means and the predictions
        assert pair.numbers == steps * a_step + EPOCHS * an_epoch + parameters + slots


@pytest.mark.parametrize("arithmetic", SIDES)
@pytest.mark.parametrize("case", QUICK, ids=str)
def test_every_form_equals_fit(case, arithmetic):
    run(case, arithmetic)


@pytest.mark.long
@pytest.mark.parametrize("arithmetic", SIDES)
@pytest.mark.parametrize("case", LONG, ids=str)
def test_full_table(case, arithmetic):
    run(case, arithmetic)


def test_every_component_has_a_case():
    """A public activation, initialiser, loss, optimiser or dtype without a parity case fails the run."""
    assert {case.activation for case in QUICK if case.depth > 1} | {"linear"} == set(ACTIVATIONS)
    assert {case.initializer for case in QUICK} == set(INITIALIZERS)
    assert {case.train.loss for case in QUICK} == set(LOSSES)
    assert {case.train.optimizer for case in QUICK} == set(OPTIMIZERS)
    assert {(case.train.momentum > 0, case.train.nesterov) for case in QUICK if case.train.optimizer == "sgd"} == {
        (False, False),
        (True, False),
        (True, True),
    }
    assert {case.dtype for case in QUICK} == set(DTYPES)
    assert {case.depth for case in QUICK} == {1, 2, 3}
    assert {case.batch for case in QUICK} == {1, 7, 10, 64}


def test_keras_forms_equal_fit(data):
    """The high-level wing's own forms: run eagerly, and a whole epoch in one execution, end in the bits of plain ``fit``."""
    import highlevel

    x, y, *_ = data
    model, train = ModelSpec.mlp(12, 6, 5), TrainSpec(epochs=3, batch_size=7, seed=5)
    plain = highlevel.Trainer(model, train)
    plain.fit((x, y))
    for execution in ("eager", "epoch"):
        other = highlevel.Trainer(model, train, execution=execution)
        history = other.fit((x, y))
        assert len(history.loss) == 3
        assert [a.tobytes() for a in other.weights()] == [b.tobytes() for b in plain.weights()]
