"""Both wings, every case, every step: 0 ULP. Three low-level forms against ``fit``, without XLA and with XLA on both sides."""

import dataclasses
import math

import pytest
from cases import EPOCHS, GROWN, LONG, QUICK, ROWS, Case, Grown, data_for, small_data

import lockstep
from shared import DenseSpec, ModelSpec, TrainSpec
from shared.spec import ACTIVATIONS, DTYPES, INITIALIZERS, LAYERS, LOSSES, OPTIMIZERS, SCHEDULES

SIDES = {"plain": ("eager", "graph", "epoch", "keras"), "xla": ("graph-xla", "epoch-xla", "keras-xla")}


def run(case: Case, arithmetic: str) -> None:
    report = lockstep.compare(case.model, case.train, data_for(case.train), sides=SIDES[arithmetic])
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


MANY_STEPS = [case for case in QUICK if case.batch == 1 and case.depth > 1]


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=pytest.mark.long if case in MANY_STEPS else ()) for case in QUICK], ids=str
)
def test_every_form_equals_fit(case):
    run(case, "plain")


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=() if case in QUICK[::5] else pytest.mark.long) for case in QUICK], ids=str
)
def test_every_form_equals_fit_under_xla(case, elsewhere):
    elsewhere.submit(run, case, "xla").result(timeout=300)


def identical(case: Grown, sides: tuple[str, ...], data=None) -> None:
    """All sides equal the last one in every bit, and as many numbers were compared as there are."""
    data = data_for(case.train) if data is None else data
    report = lockstep.compare(case.model, case.train, data, sides=sides, **case.options)
    steps = -(-ROWS // case.train.batch_size) * case.train.epochs
    trained, kept = case.model.parameters, sum(math.prod(shape) for shape in case.model.weight_shapes.values())
    for pair in report.pairs:
        assert (pair.steps, pair.epochs) == (steps, case.train.epochs)
        assert pair.verdict == "identical", f"{pair.left}: {pair.first}"
        assert (pair.max_ulp, pair.max_abs) == (0, 0)
        assert pair.numbers > steps * (trained + kept + len(case.train.slots) * trained)
    last = report.histories[report.sides[-1]]
    assert last.loss[-1] < last.loss[0]


DEAR = ("accumulated", "float16", "everything-rmsprop", "weighed-classes", "adagrad-global-norm", "lion-decay")


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=pytest.mark.long if case.name in DEAR else ()) for case in GROWN], ids=str
)
def test_what_was_added_equals_fit(case):
    identical(case, SIDES["plain"])


@pytest.mark.long
@pytest.mark.parametrize("case", GROWN, ids=str)
def test_what_was_added_equals_fit_under_xla(case, elsewhere):
    elsewhere.submit(identical, case, SIDES["xla"]).result(timeout=300)


def test_a_single_unit_equals_fit_under_xla():
    """XLA computes the product of a first layer that is one column otherwise where a program takes the rows out by itself."""
    x, y, *_ = small_data()
    model, train = ModelSpec.mlp(12, 1), TrainSpec(epochs=3, batch_size=10, loss="binary_crossentropy", learning_rate=0.05)
    report = lockstep.compare(model, train, (x, y % 2), sides=SIDES["xla"])
    assert [(pair.verdict, pair.max_ulp, pair.steps) for pair in report.pairs] == [("identical", 0, 15)] * 2


@pytest.mark.long
@pytest.mark.parametrize("case", LONG, ids=str)
def test_full_table(case):
    run(case, "plain")


@pytest.mark.long
@pytest.mark.parametrize("case", LONG[::5], ids=str)
def test_full_table_under_xla(case, elsewhere):
    elsewhere.submit(run, case, "xla").result(timeout=300)


def test_every_component_has_a_case():
    """A public layer, activation, initialiser, loss, optimiser, schedule, dtype or setting without a case fails the run."""
    cases = [*QUICK, *GROWN]
    layers = [layer for case in cases for layer in case.model.layers]
    dense = [layer for layer in layers if isinstance(layer, DenseSpec)]
    trains = [case.train for case in cases]
    assert {type(layer) for layer in layers} == set(LAYERS)
    assert {layer.activation for layer in dense} == set(ACTIVATIONS)
    assert {layer.kernel_initializer for layer in dense} == set(INITIALIZERS)
    penalties = [layer.kernel_regularizer for layer in dense if layer.kernel_regularizer]
    assert {(penalty.l1 > 0, penalty.l2 > 0) for penalty in penalties} == {(True, False), (False, True), (True, True)}
    assert {train.loss for train in trains} == set(LOSSES)
    assert {train.optimizer for train in trains} == set(OPTIMIZERS)
    assert {type(train.learning_rate) for train in trains} == {float, *SCHEDULES}
    assert {(train.momentum > 0, train.nesterov) for train in trains if train.optimizer == "sgd"} == {
        (False, False),
        (True, False),
        (True, True),
    }
    untried = {field.name for field in dataclasses.fields(TrainSpec)} - {"epsilon", "rho", "initial_accumulator_value", "shuffle"}
    untried -= {"beta_1", "beta_2"}  # numbers in a formula that every case of their optimiser uses
    assert {name for name in untried if len({getattr(train, name) for train in trains}) > 1} == untried - {"epochs", "seed"}
    assert {name for case in GROWN for name in case.options} == {"sample_weight", "class_weight"}
    assert {case.model.dtype for case in cases} == set(DTYPES)
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
