"""No false alarm: the audit finds nothing wrong with loops that are right, however they are written.

The loops are those of ``loops.py``, 50 steps each, with a partial last batch in most: every optimiser, layer and loss that the
wings have, in raw TensorFlow, in NumPy, under Keras's own layers, with XLA and without, in other orders of summation, in textbook
forms of the update rules.
"""

import typing
from dataclasses import replace

import numpy as np
import pytest
from loops import NETS, OPTIMIZER_OF, WRITERS, Case

import lockstep
from lockstep.auditing import Finding
from lockstep.auditing.variables import as_array
from lowlevel import layers
from shared.spec import LOSSES, OPTIMIZERS
from shared.spec.schedules import SCHEDULES

STEPS = 50
SPARSE, CATEGORICAL, BINARY, SQUARED = (
    "sparse_categorical_crossentropy",
    "categorical_crossentropy",
    "binary_crossentropy",
    "mean_squared_error",
)
EXPONENTIAL = ("ExponentialDecay", {"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.9})
INVERSE = ("InverseTimeDecay", {"initial_learning_rate": 0.01, "decay_steps": 10, "decay_rate": 0.5})
COSINE = ("CosineDecay", {"initial_learning_rate": 0.02, "decay_steps": 40, "alpha": 0.1})
PIECEWISE = ("PiecewiseConstantDecay", {"boundaries": [12, 30], "values": [0.1, 0.03, 0.01]})
POLYNOMIAL = ("PolynomialDecay", {"initial_learning_rate": 0.05, "decay_steps": 35, "end_learning_rate": 0.002, "power": 2.0})


OURS = ("smoothing", "dtype", "everything", "options", "quick")


def case(net, loss, rule, written, learning_rate, **given):
    """A row of the table, named after its parts; what is not of ``Case`` are settings of the optimiser."""
    ours = {name: given.pop(name) for name in OURS if name in given}
    rate = [] if isinstance(learning_rate, float) else [learning_rate[0]]
    extra = [*rate, *given, *ours.get("options", {}), *(["smoothed"] if "smoothing" in ours else []), ours.get("dtype", "")]
    name = "; ".join([rule, net, loss.split("_")[0], written, *filter(None, extra)])
    return Case(name, net, loss, rule, written, {"learning_rate": learning_rate} | given, **ours)


CASES = [
    # gradient descent
    case("relu", SPARSE, "sgd", "eager", 0.1),
    case("deep", SPARSE, "sgd", "graph", EXPONENTIAL),
    case("curve", SQUARED, "sgd", "numpy float64", 0.1),
    case("two classes", BINARY, "sgd", "numpy float32", 0.2),
    case("linear", CATEGORICAL, "sgd", "columns", 0.2),
    case("softmax", CATEGORICAL, "sgd", "xla", 0.1, clipnorm=0.2),
    case("curves", SQUARED, "sgd", "tape", 0.05, clipvalue=0.02),
    case("l2", SPARSE, "sgd", "parts", 0.1),
    case("l1", SPARSE, "sgd", "einsum", PIECEWISE),
    case("tanh", SPARSE, "sgd", "rows", 0.1, weight_decay=0.01),
    case("deep", SPARSE, "sgd", "numpy float64", 0.1, gradient_accumulation_steps=3),
    case("relu", SPARSE, "sgd", "eager", 0.1, use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=7, quick=True),
    case("branches, curve", SQUARED, "sgd", "products", 0.05),
    # momentum
    case("relu", SPARSE, "momentum", "graph", 0.03, momentum=0.9),
    case("tanh", CATEGORICAL, "heavy ball", "numpy float64", 0.03, momentum=0.9, smoothing=0.1),
    case("normalised", SPARSE, "momentum", "eager", POLYNOMIAL, momentum=0.8, everything=True),
    case("labels", BINARY, "heavy ball", "ones", 0.05, momentum=0.9),
    case("dropout", SPARSE, "momentum", "eager", 0.05, momentum=0.9),
    case("pictures", SPARSE, "momentum", "xla", 0.03, momentum=0.9),
    case("l1 and l2", SPARSE, "momentum", "numpy float32", EXPONENTIAL, momentum=0.5),
    case("relu", SPARSE, "heavy ball", "tape, xla", 0.03, momentum=0.9, global_clipnorm=0.5),
    case("two classes, sigmoid", BINARY, "nesterov", "numpy float64", 0.05, momentum=0.9, nesterov=True),
    case("softmax", SPARSE, "nesterov, rate outside", "graph", 0.03, momentum=0.9, nesterov=True),
    case("branches", CATEGORICAL, "nesterov", "train_step", COSINE, momentum=0.9, nesterov=True),
    case("normalised, biases", SPARSE, "nesterov", "numpy float32", 0.03, momentum=0.9, nesterov=True),
    # Adam
    case("relu", SPARSE, "adam", "eager", 0.01),
    case("deep", SPARSE, "adam", "numpy float64", 0.01, quick=True),
    case("deep", SPARSE, "adam, short", "numpy float32", 0.01),
    case("sigmoid", CATEGORICAL, "adam", "graph", 0.01, smoothing=0.2),
    case("normalised", SPARSE, "adam", "numpy float64", 0.01, everything=True, quick=True),
    case("normalised, biases", SPARSE, "adam", "eager", 0.01),
    case("normalised, biases", SPARSE, "adam, short", "tape, xla", 0.01, everything=True),
    case("normalised first", CATEGORICAL, "adam", "layers, graph", 0.005, everything=True),
    case("dropout", SPARSE, "adam", "tape, graph", 0.01),
    case("normalised, dropout", SPARSE, "adam", "numpy float32", 0.01),
    case("l2", SPARSE, "adam, short", "xla", 0.01, quick=True),
    case("l1", CATEGORICAL, "adam", "numpy float64", 0.01),
    case("l1 and l2", SPARSE, "adam", "layers", INVERSE),
    case("linear", SPARSE, "adam", "columns", COSINE),
    case("curve", SQUARED, "adam", "rows", 0.01),
    case("two classes", BINARY, "adam, short", "einsum", 0.01, clipvalue=0.05),
    case("labels, sigmoid", BINARY, "adam", "numpy float64", 0.01, smoothing=0.1),
    case("branches", SPARSE, "adam", "numpy float32", 0.01, global_clipnorm=0.3),
    case("pictures", SPARSE, "adam, short", "numpy float32", 0.01),
    case("pictures", CATEGORICAL, "adam", "parts", 0.01, clipnorm=0.3),
    case("tanh", SPARSE, "adam", "graph", 0.01, gradient_accumulation_steps=4),
    case("relu", SPARSE, "adam, short", "graph", 0.01, use_ema=True, ema_momentum=0.8, ema_overwrite_frequency=10),
    case("relu", SPARSE, "adam", "eager", 0.01, options={"compile": {"jit_compile": True}}),
    case("deep", SPARSE, "adam", "numpy float64", 0.01, dtype="float64"),
    case("softmax", CATEGORICAL, "adam", "train_step", 0.01, options={"batch_size": 48, "shuffle": True}),
    case("relu", SPARSE, "adamw", "numpy float64", 0.01, weight_decay=0.05),
    case("normalised", SPARSE, "adamw", "xla", 0.01, everything=True),
    case("curves", SQUARED, "adamw", "eager", PIECEWISE, options={"batch_size": 1}),
    case("tanh", SPARSE, "adamw", "graph", 0.01, dtype="float64"),
    # RMSprop
    case("relu", SPARSE, "rmsprop", "numpy float64", 0.01),
    case("labels", BINARY, "rmsprop", "eager", 0.005, weight_decay=0.02),
    case("normalised", SPARSE, "rmsprop", "tape, graph", 0.005),
    case("softmax", SPARSE, "rmsprop, momentum", "graph", 0.003, momentum=0.9),
    case("deep", SPARSE, "rmsprop, momentum", "numpy float32", INVERSE, momentum=0.5),
    case("tanh", SPARSE, "rmsprop, centred", "numpy float64", 0.005, centered=True),
    case("branches, curve", SQUARED, "rmsprop, centred", "xla", 0.005, centered=True),
    case("normalised, biases", SPARSE, "rmsprop, centred", "graph", 0.005, centered=True),
    # Adagrad, Lion, Nadam
    case("relu", SPARSE, "adagrad", "eager", 0.1),
    case("curve", SQUARED, "adagrad", "numpy float32", POLYNOMIAL),
    case("normalised, dropout", SPARSE, "adagrad", "graph", 0.05),
    case("relu", CATEGORICAL, "adagrad", "numpy float64", 0.1, smoothing=0.1, dtype="float64"),
    case("relu", SPARSE, "lion", "eager", 0.003),
    case("two classes, sigmoid", BINARY, "lion", "numpy float64", 0.003),
    case("normalised, biases", SPARSE, "lion", "graph", 0.003),
    case("deep", SPARSE, "lion", "tape, xla", COSINE, weight_decay=0.1),
    case("relu", SPARSE, "nadam", "numpy float64", 0.005),
    case("tanh", CATEGORICAL, "nadam", "graph", 0.005),
    case("curves", SQUARED, "nadam", "numpy float32", 0.005, global_clipnorm=0.2),
    case("dropout", SPARSE, "nadam", "layers", 0.005),
    case("normalised", SPARSE, "nadam", "eager", 0.005, dtype="float64"),
    # nets in float64: Keras takes constants through float32, and a loop that is in double all the way does not
    case("relu", SPARSE, "sgd", "numpy float64", 0.1, dtype="float64"),
    case("curve", SQUARED, "nesterov", "numpy float64", 0.03, momentum=0.9, nesterov=True, dtype="float64"),
    case("tanh", CATEGORICAL, "momentum", "graph", PIECEWISE, momentum=0.9, weight_decay=0.01, dtype="float64"),
    case("normalised", SPARSE, "rmsprop", "numpy float64", 0.005, dtype="float64", everything=True),
    case("deep", SPARSE, "lion", "einsum", 0.003, dtype="float64"),
    case("two classes", BINARY, "sgd", "numpy float64", 0.2, dtype="float64", options={"loss_dtype": "float32"}),
]


def audited(one: Case) -> tuple[Finding, float]:
    """The finding, and how far the weights of the loop went."""
    step, variables, model, x, y, options = one.built()
    last: list[np.ndarray] = []

    def watched(*batch):
        loss = step(*batch)
        last[:] = [as_array(variable) for variable in variables]
        return loss

    finding = lockstep.audit(watched, variables, model, x, y, steps=STEPS, **options)
    trainable = {id(weight) for weight in model.trainable_variables}
    begun = [weight.numpy() for weight in model.weights if one.everything or id(weight) in trainable]
    turned = [value.T if options.get("transpose") and value.ndim == 2 else value for value in last]
    return finding, max((float(np.abs(a - b).max()) for a, b in zip(turned, begun, strict=bool(last))), default=0.0)


@pytest.mark.parametrize("one", [pytest.param(one, id=one.name, marks=[] if one.quick else pytest.mark.long) for one in CASES])
def test_no_false_alarm(one):
    finding, moved = audited(one)
    assert finding.verdict in ("identical", "round-off"), str(finding)
    assert finding.steps == STEPS
    assert not finding.causes
    assert moved > 1e-3


def test_every_part_of_the_wings_is_in_the_table():
    assert len({one.name for one in CASES}) == len(CASES) >= 60
    assert {OPTIMIZER_OF[one.rule].lower() for one in CASES} == set(OPTIMIZERS)
    assert {one.loss for one in CASES} == set(LOSSES)
    rates = [one.settings["learning_rate"] for one in CASES]
    assert {rate[0] for rate in rates if isinstance(rate, tuple)} == {schedule.CLASS_NAME for schedule in SCHEDULES}
    kinds = {kind for one in CASES for kind in one.kinds}
    assert {layer.__name__ for layer in typing.get_args(layers.Layer)} <= kinds
    assert {one.net for one in CASES} == set(NETS)
    assert {one.written for one in CASES} == set(WRITERS)


@pytest.mark.parametrize(
    "wrong",
    [{"epsilon": 1e-8}, *(pytest.param(one, marks=pytest.mark.long) for one in ({"beta_2": 0.9989}, {"learning_rate": 0.01001}))],
    ids=str,
)
def test_small_mistakes_are_still_seen(wrong):
    right = case("deep", SPARSE, "adam", "numpy float64", 0.01)
    model = right.model()
    step, variables = WRITERS[right.written](replace(right, settings=right.settings | wrong), model)
    assert lockstep.audit(step, variables, model, *right.data(), batch_size=16).verdict in ("alike", "different")
