"""Traps of the forward pass and of the loss: the audit names each one, and their wrong halves are what their texts say.

For each trap a small model for which it makes sense is trained by a loop of the model's own parts with the trap planted. The
audit knows the whole catalogue, and must name that trap first.
"""

import functools

import keras
import numpy as np
import pytest

from lockstep.auditing.by_step import audit
from lockstep.auditing.loop import Loop
from lockstep.traps import trap

BATCH, STEPS = 16, 4


def data(rows=56, columns=6, classes=4, kind="labels"):
    """x float32 (rows, columns) and y; the fourth batch of 16 has eight rows."""
    generator = np.random.default_rng(11)
    x = generator.normal(size=(rows, columns)).astype("float32")
    score = x @ generator.normal(size=(columns, classes)) + generator.normal(size=(rows, classes))
    labels = score.argmax(axis=1)
    targets = {
        "labels": labels,
        "one-hot": np.eye(classes)[labels],
        "binary": (score[:, :1] > 0).astype("float32"),
        "number": score[:, 0].astype("float32"),
        "numbers": score[:, :3].astype("float32"),
    }
    return x, targets[kind]


def net(*layers, loss, kind="labels", **options):
    """(model, x, y) by SGD; weights from the seeds that ``dense`` gives."""
    x, y = data(kind=kind, **options)
    model = keras.Sequential([keras.Input(x.shape[1:]), *layers])
    model.compile(keras.optimizers.SGD(0.1), loss)
    return model, x, y


def dense(units, activation=None, seed=1, **options):
    kernel = keras.initializers.GlorotNormal(seed=seed)
    return keras.layers.Dense(units, activation, kernel_initializer=kernel, **options)


def labels(**options):
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True, **options)


def classifier(*between, loss=None, last=None, hidden="tanh", kind="labels", regularizer=None):
    first, end = dense(7, hidden, 1, kernel_regularizer=regularizer), dense(4, last, 2, kernel_regularizer=regularizer)
    return net(first, *between, end, loss=loss or labels(), kind=kind)


def one_hot(**options):
    return functools.partial(classifier, kind="one-hot", loss=keras.losses.CategoricalCrossentropy(from_logits=True, **options))


def regression(kind="number"):
    return net(dense(7, "tanh"), dense(1 if kind == "number" else 3, seed=2), loss="mse", kind=kind)


def binary(last="sigmoid"):
    loss = keras.losses.BinaryCrossentropy(from_logits=last is None)
    return net(dense(7, "tanh"), dense(1, last, 2), loss=loss, kind="binary")


def penalised():
    return classifier(regularizer=keras.regularizers.L2(0.02))


def normalised():
    return classifier(keras.layers.BatchNormalization(momentum=0.8))


def dropping():
    return classifier(keras.layers.Dropout(0.4, seed=3))


def leaky():
    return classifier(keras.layers.LeakyReLU(negative_slope=0.3), hidden=None)


def rescaling():
    model, x, y = net(keras.layers.Rescaling(0.2, 0.1), dense(7, "tanh"), dense(4, seed=2), loss=labels())
    return model, x, y


# trap, model, first step that differs, stage there; a second model shows another way in which the trap comes about
LOSS, OUT = "loss", "weights out"
SUBJECTS = [
    ("mean-for-sum", functools.partial(classifier, loss=labels(reduction="sum")), 1, LOSS),
    ("mean-divided-by-m", classifier, 1, LOSS),
    ("fixed-divisor", classifier, 4, LOSS),
    ("softmax-in-the-net", classifier, 1, LOSS),
    ("softmax-in-the-net", functools.partial(binary, last=None), 1, LOSS),
    ("probabilities-as-logits", binary, 1, LOSS),
    (
        "probabilities-as-logits",
        functools.partial(classifier, last="softmax", loss="sparse_categorical_crossentropy"),
        1,
        LOSS,
    ),
    ("logits-as-probabilities", classifier, 1, LOSS),
    ("logits-as-probabilities", functools.partial(classifier, loss="sparse_categorical_crossentropy"), 1, LOSS),
    ("binary-for-six-classes", classifier, 1, LOSS),
    (
        "binary-for-six-classes",
        functools.partial(classifier, last="softmax", loss="categorical_crossentropy", kind="one-hot"),
        1,
        LOSS,
    ),
    ("labels-broadcast", regression, 1, LOSS),
    ("labels-broadcast", binary, 1, LOSS),
    ("classes-as-rows", one_hot(), 1, LOSS),
    ("labels-smoothed-otherwise", one_hot(label_smoothing=0.15), 1, LOSS),
    ("labels-smoothed-otherwise", classifier, 1, LOSS),
    ("half-squared-error", functools.partial(regression, "numbers"), 1, LOSS),
    ("penalty-left-out", penalised, 1, LOSS),
    ("penalty-halved", penalised, 1, LOSS),
    ("penalty-divided", penalised, 1, LOSS),
    ("biases-penalised", penalised, 2, LOSS),
    ("inputs-scaled-otherwise", classifier, 1, LOSS),
    ("inputs-scaled-otherwise", rescaling, 1, LOSS),
    ("other-activation", functools.partial(classifier, dense(6, "relu", 5)), 1, LOSS),
    ("other-activation", leaky, 1, LOSS),
    ("batchnorm-in-inference", normalised, 1, LOSS),
    ("batchnorm-other-momentum", normalised, 1, OUT),
    ("batchnorm-other-epsilon", normalised, 1, LOSS),
    ("batchnorm-sample-variance", normalised, 1, OUT),
    ("dropout-left-out", dropping, 1, LOSS),
    ("dropout-not-rescaled", dropping, 1, LOSS),
    ("stale-gradient", classifier, 2, LOSS),
    ("half-precision-forward", classifier, 1, LOSS),
    ("another-loss-reported", penalised, 1, LOSS),
]
NAMES = [f"{name}-{at}" for at, (name, *_) in enumerate(SUBJECTS)]


@functools.cache
def planted(at, number=0):
    """(finding, detail): the audit of a loop with one of a trap's variants."""
    name, subject, *_ = SUBJECTS[at]
    model, x, y = subject()
    loop = Loop(model, batch_size=BATCH, x=x, y=y)
    variant = list(trap(name).variants(loop.replay))[number]
    loop.parts = (variant.parts,)
    return audit(loop.step, loop.variables, model, x, y, batch_size=BATCH, steps=STEPS), variant.detail


@pytest.mark.parametrize("at", range(len(SUBJECTS)), ids=NAMES)
def test_the_audit_names_the_trap_first(at):
    name, _, step, stage = SUBJECTS[at]
    finding, detail = planted(at)
    assert finding.verdict in ("alike", "different")
    assert (finding.first.step, finding.first.stage) == (step, stage)
    assert finding.causes[0].code == trap(name).cause, str(finding)
    assert finding.causes[0].title.startswith(trap(name).title)
    assert detail in finding.causes[0].title
