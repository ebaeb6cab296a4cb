"""The traps of the update: a loop with each of them is found by the audit, under its own name, at its own step.

The wrong halves are checked against float64 NumPy written here.
"""

import warnings
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

import lockstep.auditing
import lowlevel
from lockstep.auditing.loop import Loop
from lockstep.auditing.optimizer import Whole, spec_of
from lockstep.traps import NAMES, trap
from lockstep.traps.learning_rate_value import fitted, rated
from shared import TrainSpec

ROWS, BATCH, STEPS = 40, 8, 7  # five steps an epoch
LOGITS = keras.losses.SparseCategoricalCrossentropy(from_logits=True, name="loss")


def data(seed=3):
    generator = np.random.default_rng(seed)
    return generator.normal(size=(ROWS, 6)).astype("float32"), generator.integers(0, 3, ROWS)


def net(optimizer, biases="zeros", hidden=(5, 5)):
    """Dense layers with weights that are the same each time."""
    kernels = [keras.initializers.GlorotUniform(seed) for seed in range(len(hidden) + 1)]
    layers = [
        keras.layers.Dense(units, activation, kernel_initializer=kernel, bias_initializer=biases, name=f"L{at}")
        for at, (units, activation, kernel) in enumerate(
            zip((*hidden, 3), (*(["tanh"] * len(hidden)), None), kernels, strict=True), start=1
        )
    ]
    model = keras.Sequential([keras.Input((6,), name="x"), *layers], name="net")
    model.compile(optimizer, LOGITS)
    return model


def adam(**settings):
    return keras.optimizers.Adam(**({"learning_rate": 1e-2, "name": "adam"} | settings))


def adamw(**settings):
    return keras.optimizers.AdamW(**({"learning_rate": 1e-2, "weight_decay": 0.1, "name": "adamw"} | settings))


def sgd(**settings):
    return keras.optimizers.SGD(**({"learning_rate": 0.1, "name": "sgd"} | settings))


def rmsprop(**settings):
    return keras.optimizers.RMSprop(**({"learning_rate": 1e-2, "name": "rmsprop"} | settings))


def adagrad(**settings):
    return keras.optimizers.Adagrad(**({"learning_rate": 0.05, "name": "adagrad"} | settings))


def halving(steps=2):
    return keras.optimizers.schedules.ExponentialDecay(0.2, steps, 0.5, staircase=True, name="halving")


# What each trap is planted into, and the first step that shows it.
SUBJECTS = {
    "adam-frozen-counter": (adam, 2),
    "adam-epsilon-added": (lambda: adam(epsilon=1e-5), 1),
    "adam-epsilon-inside": (adam, 1),
    "adam-epsilon-corrected": (lambda: adam(epsilon=1e-4), 1),
    "adam-epsilon-value": (lambda: adam(epsilon=1e-4), 1),
    "adam-no-bias-correction": (adam, 1),
    "adam-counter-off-by-one": (adam, 1),
    "adam-counter-per-weight": (adam, 1),
    "adam-beta-value": (adam, 2),
    "learning-rate-value": (adam, 1),
    "layer-not-trained": (adam, 1),
    "bias-not-updated": (sgd, 1),
    "optimizer-slots-reset": (adam, 2),
    "optimizer-slots-shared": (adam, 1),
    "gradients-not-reset": (sgd, 2),
    "gradient-ascent": (sgd, 1),
    "gradients-swapped": (sgd, 1),
    "momentum-missing": (lambda: sgd(momentum=0.9), 2),
    "momentum-value": (lambda: sgd(momentum=0.9), 2),
    "momentum-form": (lambda: sgd(momentum=0.9), 1),
    "nesterov-missing": (lambda: sgd(momentum=0.9, nesterov=True), 1),
    "nesterov-added": (lambda: sgd(momentum=0.9), 1),
    "learning-rate-schedule-missing": (lambda: sgd(learning_rate=halving()), 3),
    "learning-rate-schedule-off-by-one": (lambda: sgd(learning_rate=halving()), 2),
    "learning-rate-schedule-per-epoch": (lambda: sgd(learning_rate=halving(1)), 2),
    "decay-coupled": (lambda: adam(weight_decay=0.1), 1),
    "decay-missing": (adamw, 1),
    "decay-value": (adamw, 1),
    "decay-form": (adamw, 1),
    "gradient-clipping": (lambda: sgd(global_clipnorm=0.3), 1),
    "rmsprop-epsilon-outside": (lambda: rmsprop(epsilon=1e-4), 1),
    "rmsprop-rho-value": (rmsprop, 1),
    "rmsprop-centered": (lambda: rmsprop(centered=True), 1),
    "epsilon-value": (lambda: rmsprop(epsilon=1e-4), 1),
    "adagrad-initial-accumulator": (adagrad, 1),
    "adagrad-epsilon-outside": (lambda: adagrad(epsilon=1e-2), 1),
    "ema-missing": (lambda: sgd(use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=3), 3),
    "accumulation-sum": (lambda: sgd(gradient_accumulation_steps=2, momentum=0.9), 2),
    "accumulation-missing": (lambda: sgd(gradient_accumulation_steps=2), 1),
}


def subject(name):
    return net(SUBJECTS[name][0]())


def variants(name, model):
    """Those of the trap; a learning rate is put where the audit would find it."""
    found = list(trap(name).variants(Loop(model, batch_size=BATCH, x=data()[0], y=data()[1]).replay))
    if name == "learning-rate-value":
        found = [rated(1e-2, 2e-3), rated(1e-2, 0.0123456)]
    return found


def audited(model, *parts, steps=STEPS, loss=True, **options):
    """What the audit says of a loop of the model's own step with those parts."""
    x, y = data()
    loop = Loop(model, *parts, batch_size=BATCH, x=x, y=y)
    step = loop.step if loss else lambda x, y: (loop.step(x, y), None)[1]
    return lockstep.auditing.audit(step, loop.variables, model, x, y, batch_size=BATCH, steps=steps, **options)


@pytest.mark.parametrize("name", SUBJECTS)
def test_the_audit_names_the_first_form(name):
    model = subject(name)
    variant = variants(name, model)[0]
    finding = audited(model, variant.parts)
    assert finding.causes[0].code == trap(name).cause, finding
    assert (finding.first.step, finding.first.stage) == (SUBJECTS[name][1], "weights out"), finding
    assert trap(name).stage == "weights out"
    assert variant.detail in finding.causes[0].title
    assert all("with this cause" in line for line in finding.causes[0].evidence)
