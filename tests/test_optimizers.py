"""Low-level optimisers and schedules against Keras's, alone and on random gradients: every variable after every step, 0 ULP."""

from dataclasses import MISSING, fields
from itertools import cycle, product

import keras
import numpy as np
import pytest
import tensorflow as tf
import witness

import highlevel
import highlevel.loss_scaling
import highlevel.schedules
import lowlevel
import lowlevel.loss_scaling
import lowlevel.schedules
from shared import ModelSpec, TrainSpec
from shared.spec import (
    DTYPES,
    OPTIMIZERS,
    SCHEDULES,
    CosineDecaySpec,
    DenseSpec,
    ExponentialDecaySpec,
    InverseTimeDecaySpec,
    PiecewiseConstantDecaySpec,
    PolynomialDecaySpec,
    slot_names,
)

STEPS = 50
SHAPES = ((7, 5), (5,))

RULES = {
    "sgd": {"optimizer": "sgd", "learning_rate": 0.1},
    "momentum": {"optimizer": "sgd", "learning_rate": 0.05, "momentum": 0.9},
    "nesterov": {"optimizer": "sgd", "learning_rate": 0.05, "momentum": 0.85, "nesterov": True},
    "adam": {"optimizer": "adam", "learning_rate": 0.01},
    "adamw": {"optimizer": "adamw", "learning_rate": 0.01, "beta_1": 0.85},
    "rmsprop": {"optimizer": "rmsprop", "learning_rate": 0.01},
    "rmsprop-momentum": {"optimizer": "rmsprop", "learning_rate": 0.01, "momentum": 0.8, "rho": 0.95},
    "rmsprop-centered": {"optimizer": "rmsprop", "learning_rate": 0.01, "centered": True},
    "rmsprop-both": {"optimizer": "rmsprop", "learning_rate": 0.01, "centered": True, "momentum": 0.9},
    "adagrad": {"optimizer": "adagrad", "learning_rate": 0.1, "initial_accumulator_value": 0.05},
    "lion": {"optimizer": "lion", "learning_rate": 0.003},
    "nadam": {"optimizer": "nadam", "learning_rate": 0.01},
}
RATES = {
    "exponential": ExponentialDecaySpec(initial_learning_rate=0.1, decay_steps=7, decay_rate=0.9),
    "exponential-stairs": ExponentialDecaySpec(initial_learning_rate=0.1, decay_steps=7, decay_rate=0.9, staircase=True),
    "inverse": InverseTimeDecaySpec(initial_learning_rate=0.1, decay_steps=7, decay_rate=0.3),
    "inverse-stairs": InverseTimeDecaySpec(initial_learning_rate=0.1, decay_steps=7, decay_rate=0.3, staircase=True),
    "polynomial": PolynomialDecaySpec(initial_learning_rate=0.1, decay_steps=37, end_learning_rate=0.003),
    "polynomial-cycle": PolynomialDecaySpec(initial_learning_rate=0.1, decay_steps=13, power=0.7, cycle=True),
    "cosine": CosineDecaySpec(initial_learning_rate=0.1, decay_steps=37, alpha=0.03),
    "cosine-warm-up": CosineDecaySpec(initial_learning_rate=0.01, decay_steps=23, alpha=0.03, warmup_target=0.1, warmup_steps=11),
    "piecewise": PiecewiseConstantDecaySpec(boundaries=(3, 10, 29), values=(0.1, 0.03, 0.05, 0.007)),
    "piecewise-one": PiecewiseConstantDecaySpec(boundaries=(17,), values=(0.1, 0.03)),
}
AROUND = {
    "plain": {},
    "decay": {"weight_decay": 0.013},
    "clipnorm": {"clipnorm": 0.7},
    "clipvalue": {"clipvalue": 0.3},
    "global-clipnorm": {"global_clipnorm": 0.3},
    "average": {"use_ema": True, "ema_momentum": 0.9},
    "average-overwrite": {"use_ema": True, "ema_overwrite_frequency": 7},
    "accumulation": {"gradient_accumulation_steps": 3},
    "all": {
        "weight_decay": 0.013,
        "global_clipnorm": 0.3,
        "use_ema": True,
        "ema_overwrite_frequency": 4,
        "gradient_accumulation_steps": 3,
        "learning_rate": RATES["exponential"],
    },
    **{name: {"learning_rate": rate} for name, rate in RATES.items()},
    # With a decay the rate is one of three factors, which the graph optimiser multiplies in an order of its own.
    **{f"{name}-decay": {"learning_rate": rate, "weight_decay": 0.013} for name, rate in RATES.items()},
}


def spec(rule: str, around: str = "plain") -> TrainSpec:
    return TrainSpec(**RULES[rule] | AROUND[around])


def gradients(dtype: str, steps: int = STEPS) -> list[list[np.ndarray]]:
    """Of every size: some zero, some near epsilon, some huge; one step all zero, one all tiny."""
    generator = np.random.default_rng(5)
    found = []
    for step in range(steps):
        size = {4: 0.0, 9: 1e-7}.get(step, 1.0)
        drawn = [generator.normal(size=shape) * size for shape in SHAPES]
        for gradient in drawn:
            scales = generator.choice([1.0, 0.0, -0.0, 1e-7, 1e-20, 1e6], gradient.shape, p=[0.8, 0.04, 0.04, 0.08, 0.02, 0.02])
            gradient *= scales
        found.append([gradient.astype(dtype) for gradient in drawn])
    return found


def first_weights(dtype: str) -> list[np.ndarray]:
    return [np.random.default_rng(3).normal(size=shape).astype(dtype) for shape in SHAPES]


class Side:
    """One wing's optimiser with its two weights, and its step as a graph."""

    def __init__(self, wing, train: TrainSpec, dtype: str, form: str = "graph"):
        self.optimizer = wing.optimizers.get(train, dtype)
        own = "float32" if dtype.startswith("mixed") else dtype
        if wing is lowlevel:
            self.weights = [tf.Variable(value, name=f"w{at}") for at, value in enumerate(first_weights(own))]
        else:
            self.weights = [keras.Variable(value, name=f"w{at}", dtype=own) for at, value in enumerate(first_weights(own))]
        self.optimizer.build(self.weights)
        self.step = self.apply if form == "eager" else tf.function(self.apply, autograph=False, jit_compile=form == "xla" or None)

    def apply(self, given: list[tf.Tensor]) -> tf.Tensor:
        """Returns something, as the step of ``fit`` does: a graph that returns nothing is optimised in another way."""
        self.optimizer.apply(given, self.weights)
        return tf.reduce_sum(given[1])

    def variables(self) -> list[np.ndarray]:
        return [np.asarray(variable) for variable in (*self.weights, *self.optimizer.variables)]


def names(train: TrainSpec, dtype: str) -> list[str]:
    model = ModelSpec(inputs=7, layers=(DenseSpec(units=5, name="L1"),), dtype=dtype)
    return ["kernel", "bias", *slot_names(model, train)]


def assert_equal(low: Side, high: Side, labels: list[str], step: int) -> None:
    for label, left, right in zip(labels, low.variables(), high.variables(), strict=True):
        assert (left.dtype, left.shape) == (right.dtype, right.shape), label
        assert left.tobytes() == right.tobytes(), f"step {step}, {label}: {np.abs(left - right).max()}"


def compare(train: TrainSpec, dtype: str, form: str = "graph", steps: int = STEPS) -> None:
    low, high = Side(lowlevel, train, dtype, form), Side(highlevel, train, dtype, "xla" if form == "xla" else "graph")
    labels = names(train, dtype)
    assert_equal(low, high, labels, 0)
    for step, given in enumerate(gradients(dtype, steps), start=1):
        low.step([tf.constant(gradient) for gradient in given])
        high.step([tf.constant(gradient) for gradient in given])
        assert_equal(low, high, labels, step)
    low.optimizer.finalize(low.weights)
    high.optimizer.finalize_variable_values(high.weights)
    assert_equal(low, high, labels, steps + 1)
    assert np.isfinite(np.concatenate([value.ravel() for value in low.variables()])).all()


# ---------------------------------------------------------------------------------------------------------------- 0 ULP

TYPES = ("float32", "float64")
QUICK = [(rule, "plain", dtype) for rule in RULES for dtype in TYPES] + [
    (rule, around, dtype)
    for around, rule, dtype in zip(list(AROUND)[1:], cycle(RULES), cycle(TYPES[:1] * 3 + TYPES[1:]), strict=False)
]
XLA = [(rule, "plain", dtype) for rule, dtype in zip(RULES, cycle(TYPES), strict=False)] + [
    ("nesterov", "clipnorm", "float32"),
    ("adam", "clipvalue", "float64"),
    ("lion", "polynomial-cycle", "float32"),
    ("nadam", "cosine-warm-up-decay", "float32"),
    ("rmsprop-both", "all", "float32"),
]
EAGER = [("sgd", "decay", "float32"), ("sgd", "accumulation", "float32"), ("adagrad", "cosine-decay", "float32")]
FULL = list(product(RULES, AROUND, TYPES))


@pytest.mark.parametrize(("rule", "around", "dtype"), QUICK)
def test_every_variable_equals_keras(rule, around, dtype):
    compare(spec(rule, around), dtype)


@pytest.mark.parametrize(("rule", "around", "dtype"), XLA)
def test_every_variable_equals_keras_with_xla(rule, around, dtype):
    compare(spec(rule, around), dtype, "xla")


@pytest.mark.parametrize(("rule", "around", "dtype"), EAGER)
def test_called_from_eager_code_it_equals_the_graph(rule, around, dtype):
    """In these cases op-by-op code, Keras's own included, rounds differently from Keras's graph."""
    compare(spec(rule, around), dtype, "eager")


def test_a_graph_that_returns_nothing_is_rounded_otherwise():
    """Keras against Keras: see docs/decisions/0016."""
    sides = [Side(highlevel, spec("sgd", "accumulation"), "float32") for _ in range(2)]
    sides[1].step = tf.function(lambda given: sides[1].optimizer.apply(given, sides[1].weights), autograph=False)
    for given in gradients("float32", 9):
        for side in sides:
            side.step([tf.constant(gradient) for gradient in given])
    apart = [
        np.abs(a.view(np.int32).astype(np.int64) - b.view(np.int32)).max()
        for a, b in zip(*(side.variables()[:2] for side in sides), strict=True)
    ]
    assert 1 <= max(apart) <= 4


@pytest.mark.long
@pytest.mark.parametrize("cases", [FULL[at::40] for at in range(40)], ids=lambda cases: "-".join(cases[0]))
def test_full_table(cases):
    for rule, around, dtype in cases:
        compare(spec(rule, around), dtype)


@pytest.mark.long
@pytest.mark.parametrize(("rule", "around", "dtype"), FULL[::7])
def test_full_table_under_xla(rule, around, dtype, elsewhere):
    elsewhere.submit(compare, spec(rule, around), dtype, "xla").result(timeout=300)


def test_every_optimizer_and_schedule_has_a_case():
    """What the specs offer without a case here fails the run, settings included."""
    trains = {name: spec(*name[:2]) for name in QUICK}
    assert {train.optimizer for train in trains.values()} == set(OPTIMIZERS)
    assert {rule for rule, *_ in QUICK} == {rule for rule, *_ in XLA} == set(RULES)
    assert {around for _, around, _ in QUICK} == set(AROUND)
    assert {type(train.learning_rate) for train in trains.values()} == {float, *SCHEDULES}
    assert {type(rate) for rate in RATES.values()} == set(SCHEDULES) == {type(rate) for rate, _ in BY_HAND}
    assert set(WITNESSES) == set(RULES)
    loop = {"loss", "label_smoothing", "epochs", "batch_size", "shuffle", "seed"}  # what the optimiser never sees
    for field in fields(TrainSpec):
        values = {getattr(train, field.name) for train in trains.values()}
        assert len(values) > 1 or field.name in loop | {"epsilon", "beta_2"}, field.name
    for schedule in SCHEDULES:
        given = [rate for rate in RATES.values() if isinstance(rate, schedule)]
        for field in fields(schedule):
            assert field.default is MISSING or any(getattr(rate, field.name) != field.default for rate in given), field.name


@pytest.mark.parametrize("around", ["plain", "all"])
@pytest.mark.parametrize("rule", RULES)
def test_keras_is_told_every_setting(rule, around):
    train = spec(rule, around)
    config = highlevel.optimizers.get(train).get_config()
    settings = {field.name for field in fields(TrainSpec)} & set(config)
    assert len(settings) >= 9
    for name in settings - {"learning_rate"}:
        assert config[name] == getattr(train, name), name
    if around == "plain":
        assert config["learning_rate"] == np.float32(train.learning_rate)
    unsaid = set(config) - settings
    assert unsaid <= {"name", "loss_scale_factor", "amsgrad"}
    assert not config["loss_scale_factor"]
    assert not config.get("amsgrad")


# ---------------------------------------------------------------------------------------------------------- mathematics


def through_float32(value: float) -> float:
    """What ``tf.cast`` makes of a Python number on its way to float64."""
    return float(np.float32(value))


def adam(train: TrainSpec, rate: float) -> witness.Adam:
    powers = through_float32(train.beta_1), through_float32(train.beta_2)
    return witness.Adam(rate, train.beta_1, train.beta_2, train.epsilon, *powers)


def descent(train: TrainSpec, rate: float) -> witness.Descent:
    return witness.Descent(rate, through_float32(train.momentum), train.nesterov)


def rmsprop(train: TrainSpec, rate: float) -> witness.RMSprop:
    return witness.RMSprop(rate, train.rho, train.epsilon, train.momentum, train.centered)


def nadam(train: TrainSpec, rate: float) -> witness.Nadam:
    rounded = [through_float32(value) for value in (train.beta_1, train.beta_2, 0.96)]
    return witness.Nadam(rate, *rounded[:2], train.epsilon, rounded[2], kept=(train.beta_1, 0.96))


WITNESSES = {
    **dict.fromkeys(("sgd", "momentum", "nesterov"), descent),
    **dict.fromkeys(("adam", "adamw"), adam),
    **dict.fromkeys(("rmsprop", "rmsprop-momentum", "rmsprop-centered", "rmsprop-both"), rmsprop),
    "adagrad": lambda train, rate: witness.Adagrad(rate, through_float32(train.initial_accumulator_value), train.epsilon),
    "lion": lambda train, rate: witness.Lion(rate, through_float32(train.beta_1), through_float32(train.beta_2)),
    "nadam": nadam,
}


def around_witness(train: TrainSpec, rule) -> witness.Around:
    clips = ((witness.clip_each, train.clipnorm), (witness.clip_numbers, train.clipvalue))
    clips += ((witness.clip_together, train.global_clipnorm),)
    return witness.Around(
        rule,
        decay=through_float32(train.weight_decay or 0.0),
        clip=next((clip(most) for clip, most in clips if most), None),
        gather=train.gradient_accumulation_steps or 1,
        momentum=train.ema_momentum if train.use_ema else None,
        overwrite=train.ema_overwrite_frequency,
    )


@pytest.mark.parametrize("wing", [lowlevel, highlevel], ids=["low", "high"])
@pytest.mark.parametrize(
    ("rule", "around"),
    [(rule, "plain") for rule in RULES]
    + [(rule, around) for around in list(AROUND)[1:8] for rule in ("momentum", "nadam")]
    + [("adam", "plain-all"), ("rmsprop-both", "plain-all")],
)
def test_numpy_in_float64(wing, rule, around):
    """Below 1e-13 after 7 steps: NumPy from the papers, sharing no code with either wing."""
    changes = {"learning_rate": RULES[rule]["learning_rate"]} if around == "plain-all" else {}
    train = TrainSpec(**RULES[rule] | AROUND[around.removeprefix("plain-")] | changes)
    side = Side(wing, train, "float64")
    expected = Expected(train, WITNESSES[rule](train, through_float32(train.learning_rate)))
    generator = np.random.default_rng(8)
    for _ in range(7):
        given = [generator.normal(size=shape) for shape in SHAPES]
        side.step([tf.constant(gradient) for gradient in given])
        expected.step(given)
        assert furthest(side, expected.weights) < 1e-13
    if train.use_ema:
        (side.optimizer.finalize if wing is lowlevel else side.optimizer.finalize_variable_values)(side.weights)
        assert furthest(side, expected.around.average) < 1e-13


class Expected:
    """What the witness says."""

    def __init__(self, train: TrainSpec, rule):
        self.around, self.weights = around_witness(train, rule), first_weights("float64")

    def step(self, given):
        self.weights = self.around.update(self.weights, given)


def furthest(side: Side, expected: list[np.ndarray]) -> float:
    return max(np.abs(np.asarray(got) - want).max() for got, want in zip(side.weights, expected, strict=True))


def test_epsilon_stands_inside_the_root():
    """First steps of RMSprop and Adagrad with gradients of the size of epsilon's root, worked by hand."""
    g = 3e-4
    for train, square in (
        (TrainSpec(optimizer="rmsprop", learning_rate=1.0), 0.1 * g * g),
        (TrainSpec(optimizer="adagrad", learning_rate=1.0, initial_accumulator_value=0.0), g * g),
    ):
        inside, outside = g / np.sqrt(square + 1e-7), g / (np.sqrt(square) + 1e-7)
        assert abs(inside / outside - 1) > 0.05
        for wing in (lowlevel, highlevel):
            side = Side(wing, train, "float64")
            side.step([tf.constant(np.full(shape, g)) for shape in SHAPES])
            assert np.abs(first_weights("float64")[0] - np.asarray(side.weights[0]) - inside).max() < 1e-12


def test_lion_takes_steps_of_one_length():
    """First step: the sign of the gradient times the rate, and the slot (1 - b2) g; worked by hand."""
    for wing in (lowlevel, highlevel):
        side = Side(wing, TrainSpec(optimizer="lion", learning_rate=0.25), "float32")
        side.step([tf.fill(SHAPES[0], -1e-6), tf.constant([3.0, -3.0, 0.0, 1e9, -1e-9])])
        moved = side.variables()[1] - first_weights("float32")[1]
        assert np.abs(moved - [-0.25, 0.25, 0.0, -0.25, 0.25]).max() < 1e-6
        assert side.variables()[5] == pytest.approx([0.03, -0.03, 0.0, 1e7, -1e-11], rel=1e-5)


def test_global_norm_moves_gradients_that_need_no_clipping():
    """``most * (1 / most)`` rounds below 1 for 41 in float32: a trait of Keras that the low-level wing has to have too."""
    train = TrainSpec(optimizer="sgd", learning_rate=1.0, global_clipnorm=41.0)
    scale = np.float32(41) * np.float32(1 / 41)
    assert scale == 1 - 2.0**-24
    given = [np.full(shape, 0.75, "float32") for shape in SHAPES]
    for wing in (lowlevel, highlevel):
        side = Side(wing, train, "float32")
        for weight in side.weights:
            weight.assign(np.zeros(weight.shape, "float32"))
        side.step([tf.constant(gradient) for gradient in given])
        assert (np.asarray(side.weights[1]) == -np.float32(0.75) * scale).all()
        assert np.float32(0.75) * scale != np.float32(0.75)


@pytest.mark.parametrize("wing", [lowlevel, highlevel], ids=["low", "high"])
def test_global_norm_that_is_no_number_is_seen_everywhere(wing):
    """One infinite gradient: every weight of the net becomes not-a-number, where 1 / inf alone would have hidden it as 0."""
    side = Side(wing, TrainSpec(optimizer="sgd", global_clipnorm=1.0), "float32")
    side.step([tf.ones(SHAPES[0]), tf.constant([np.inf, 1, 1, 1, 1], tf.float32)])
    assert all(np.isnan(weight).all() for weight in side.variables()[:2])


# ------------------------------------------------------------------------------------------------------------ schedules

# Closed forms by hand: at the start, between, at the boundaries, and beyond the end.
BY_HAND = [
    (
        ExponentialDecaySpec(initial_learning_rate=0.4, decay_steps=2, decay_rate=0.25),
        {0: 0.4, 1: 0.2, 2: 0.1, 3: 0.05, 8: 0.4 / 256},
    ),
    (
        ExponentialDecaySpec(initial_learning_rate=0.4, decay_steps=2, decay_rate=0.25, staircase=True),
        {0: 0.4, 1: 0.4, 2: 0.1, 3: 0.1, 4: 0.025, 9: 0.4 / 256},
    ),
    (InverseTimeDecaySpec(initial_learning_rate=0.6, decay_steps=4, decay_rate=2.0), {0: 0.6, 1: 0.4, 2: 0.3, 4: 0.2, 18: 0.06}),
    (
        InverseTimeDecaySpec(initial_learning_rate=0.6, decay_steps=4, decay_rate=2.0, staircase=True),
        {0: 0.6, 3: 0.6, 4: 0.2, 7: 0.2, 8: 0.12},
    ),
    (
        PolynomialDecaySpec(initial_learning_rate=0.5, decay_steps=4, end_learning_rate=0.1, power=2.0),
        {0: 0.5, 1: 0.325, 2: 0.2, 3: 0.125, 4: 0.1, 5: 0.1, 1000: 0.1},
    ),
    (
        PolynomialDecaySpec(initial_learning_rate=0.5, decay_steps=4, end_learning_rate=0.1, cycle=True),
        {0: 0.5, 1: 0.4, 4: 0.1, 5: 0.25, 6: 0.2, 8: 0.1, 9: 0.2, 12: 0.1},  # at 5 of 8: 0.1 + 0.4 (1 - 5/8)
    ),
    (CosineDecaySpec(initial_learning_rate=0.8, decay_steps=6), {0: 0.8, 2: 0.6, 3: 0.4, 4: 0.2, 6: 0.0, 7: 0.0, 99: 0.0}),
    (CosineDecaySpec(initial_learning_rate=0.8, decay_steps=6, alpha=0.5), {0: 0.8, 2: 0.7, 3: 0.6, 4: 0.5, 6: 0.4, 99: 0.4}),
    (
        CosineDecaySpec(initial_learning_rate=0.0, decay_steps=6, alpha=0.25, warmup_target=0.8, warmup_steps=4),
        {0: 0.0, 1: 0.2, 3: 0.6, 4: 0.8, 6: 0.65, 7: 0.5, 10: 0.2, 11: 0.2, 99: 0.2},
    ),
    (
        PiecewiseConstantDecaySpec(boundaries=(2, 5), values=(0.3, 0.2, 0.1)),
        {0: 0.3, 2: 0.3, 3: 0.2, 5: 0.2, 6: 0.1, 99: 0.1},
    ),
    (PiecewiseConstantDecaySpec(boundaries=(0,), values=(0.3, 0.2)), {0: 0.3, 1: 0.2}),
]


@pytest.mark.parametrize("wing", [lowlevel, highlevel], ids=["low", "high"])
@pytest.mark.parametrize(("rate", "values"), BY_HAND, ids=lambda value: getattr(value, "CLASS_NAME", ""))
def test_schedules_by_hand(wing, rate, values):
    schedule = wing.schedules.get(rate)
    for step, value in values.items():
        got = schedule(tf.constant(step, tf.int64))
        assert got.dtype == tf.float32
        assert got.shape == ()
        assert float(got) == pytest.approx(value, rel=2e-6, abs=3e-8), step


@pytest.mark.parametrize("name", RATES)
def test_schedules_equal_keras(name):
    """Bit for bit at 120 steps, beyond the end of all; as a graph, as they are used."""
    low, high = (tf.function(wing.schedules.get(RATES[name]), autograph=False) for wing in (lowlevel, highlevel))
    steps = [tf.constant(step, tf.int64) for step in range(120)]
    assert [low(step).numpy().tobytes() for step in steps] == [high(step).numpy().tobytes() for step in steps]
    assert len({float(low(step)) for step in steps}) > 1


def test_schedules_count_steps_and_rules_count_updates():
    """With gradients gathered over 3 steps the first update is the third step: t is 1, and the schedule stands at 2."""
    rate = PiecewiseConstantDecaySpec(boundaries=(1, 2), values=(1.0, 0.5, 0.25))
    train = TrainSpec(optimizer="adam", learning_rate=rate, gradient_accumulation_steps=3)
    for wing in (lowlevel, highlevel):
        side = Side(wing, train, "float64")
        for _ in range(3):
            side.step([tf.constant(np.ones(shape)) for shape in SHAPES])
        # a bias-corrected first step of Adam is the rate, here that of step 2: 0.5
        assert np.abs(first_weights("float64")[0] - np.asarray(side.weights[0]) - 0.5).max() < 1e-5


# --------------------------------------------------------------------------------------------------------- loss scaling

SCALED = TrainSpec(optimizer="adam", learning_rate=0.01, clipnorm=0.5, use_ema=True)


def scale_and_counter(side: Side) -> tuple[float, int, int]:
    state = dict(zip(names(SCALED, "mixed_float16"), side.variables(), strict=True))
    return float(state["loss_scale/dynamic_scale"]), int(state["loss_scale/step_counter"]), int(state["iteration"])


@pytest.mark.parametrize("form", ["graph", "eager", "xla"])
def test_loss_scaling_equals_keras(form):
    """Overflow halves the scale and leaves the step out; 2000 finite steps in a row double it."""
    low = Side(lowlevel, SCALED, "mixed_float16", form)
    high = Side(highlevel, SCALED, "mixed_float16", "xla" if form == "xla" else "graph")
    labels = names(SCALED, "mixed_float16")
    given = gradients("float32", 9)
    for step, bad in ((2, np.inf), (3, np.nan), (4, -np.inf)):
        given[step][step % 2].flat[step] = bad
    expected = [(2.0**15, 1, 1), (2.0**15, 2, 2), (2.0**14, 0, 2), (2.0**13, 0, 2), (2.0**12, 0, 2), (2.0**12, 1, 3)]
    expected += [(2.0**12, 1999, 4), (2.0**13, 0, 5), (2.0**13, 1, 6)]
    for step, (gradient, want) in enumerate(zip(given, expected, strict=True), start=1):
        scale, *_ = scale_and_counter(low)
        if step == 7:  # as if 1998 steps had gone well
            for side in (low, high):
                side.optimizer.step_counter.assign(1998)
        for side in (low, high):
            assert float(side.optimizer.scale_loss(tf.constant(0.3))) == np.float32(0.3) * np.float32(scale)
            side.step([tf.constant(one * np.float32(scale)) for one in gradient])
            assert scale_and_counter(side) == want, step
        assert_equal(low, high, labels, step)
    low.optimizer.finalize(low.weights)
    high.optimizer.finalize_variable_values(high.weights)
    assert_equal(low, high, labels, 10)


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_equals_keras_with_its_loss_scaled(rule):
    """All state that Keras counts as such, in its order; of a wrapped Nadam it leaves the product out."""
    low, high = (Side(wing, spec(rule), "mixed_float16") for wing in (lowlevel, highlevel))
    labels = names(spec(rule), "mixed_float16")
    for step, given in enumerate(gradients("float32", 6), start=1):
        if step == 3:
            given[0].flat[3] = np.nan
        for side in (low, high):
            side.step([tf.constant(gradient) for gradient in given])
        assert_equal(low, high, labels, step)


def test_scaling_by_a_power_of_two_changes_no_bit():
    """What is multiplied and divided by 2^15 is what it was: the weights are those of the inner optimiser alone."""
    scaled, plain = Side(lowlevel, SCALED, "mixed_float16"), Side(lowlevel, SCALED, "float32")
    for given in gradients("float32", 7):
        scaled.step([tf.constant(gradient * np.float32(2**15)) for gradient in given])
        plain.step([tf.constant(gradient) for gradient in given])
    assert [one.tobytes() for one in scaled.variables()[6:]] == [one.tobytes() for one in plain.variables()[2:]]
    assert [one.numpy().tobytes() for one in scaled.weights] == [one.numpy().tobytes() for one in plain.weights]
    assert scaled.optimizer.iteration.numpy() == 7


def test_only_mixed_float16_is_scaled():
    for dtype in DTYPES:
        for wing in (lowlevel, highlevel):
            scaled = isinstance(wing.optimizers.get(SCALED, dtype), wing.loss_scaling.LossScaleOptimizer)
            assert scaled == (dtype == "mixed_float16")
    loss = tf.constant(0.25)
    assert lowlevel.optimizers.get(SCALED).scale_loss(loss) is loss


# ------------------------------------------------------------------------------------------------------------- averages


@pytest.mark.parametrize("wing", [lowlevel, highlevel], ids=["low", "high"])
def test_averages_by_hand(wing):
    """Rate 1, gradient 1, weight from 0: -1, -2, -3. The average is the weight at first, then half old and half new."""
    train = TrainSpec(optimizer="sgd", learning_rate=1.0, use_ema=True, ema_momentum=0.5)
    side = Side(wing, train, "float32")
    side.weights[1].assign(np.zeros(5, "float32"))
    for weight, average in ((-1.0, -1.0), (-2.0, -1.5), (-3.0, -2.25)):
        side.step([tf.ones(shape) for shape in SHAPES])
        assert set(side.variables()[1]) == {weight}
        assert set(side.variables()[5]) == {average}
    (side.optimizer.finalize if wing is lowlevel else side.optimizer.finalize_variable_values)(side.weights)
    assert set(side.variables()[1]) == {-2.25}


def test_without_averages_the_weights_stay():
    side = Side(lowlevel, spec("sgd"), "float32")
    side.optimizer.finalize(side.weights)
    assert [one.numpy().tobytes() for one in side.weights] == [one.tobytes() for one in first_weights("float32")]
