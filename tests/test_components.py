"""Layers, losses, penalties and weights of examples in both wings, against formulas written out in float64 NumPy."""

import keras
import numpy as np
import pytest
from conftest import small_data

import highlevel
import lowlevel
from shared import (
    ActivationSpec,
    BatchNormalizationSpec,
    DenseSpec,
    DropoutSpec,
    InputError,
    L1L2Spec,
    ModelSpec,
    TrainSpec,
)
from shared.feed import feed

WINGS = pytest.mark.parametrize("wing", [lowlevel, highlevel], ids=["low", "high"])
HIDDEN = DenseSpec(units=6, use_bias=False, name="L1")
NORMALISED = (
    HIDDEN,
    BatchNormalizationSpec(name="B1"),
    ActivationSpec(activation="relu", name="A1"),
    DenseSpec(units=5, name="L2"),
)


def net(*layers, dtype="float64"):
    return ModelSpec(inputs=12, layers=layers, dtype=dtype)


def descent(rate=0.1, **settings):
    return TrainSpec(optimizer="sgd", learning_rate=rate, batch_size=9, **settings)


def batch(rows=9):
    x, y, *_ = small_data(rows)
    return x, y


def cross_entropy(logits, labels):
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(labels)), labels]


def normalised(weights, x, training):
    """Logits of the net NORMALISED, and the batch's mean and variance before the moving ones."""
    kernel, gamma, beta, moving_mean, moving_variance, kernel_2, bias_2 = weights
    z = x @ kernel
    mean, variance = (z.mean(axis=0), z.var(axis=0)) if training else (moving_mean, moving_variance)
    a = np.maximum(gamma * (z - mean) / np.sqrt(variance + 1e-3) + beta, 0)
    return a @ kernel_2 + bias_2, mean, variance


def numeric(loss, weights, at, place, h=1e-6):
    """(loss(w + h) - loss(w - h)) / 2h for one number of one weight."""
    moved = []
    for sign in (1, -1):
        copies = [weight.copy() for weight in weights]
        copies[at].flat[place] += sign * h
        moved.append(loss(copies))
    return (moved[0] - moved[1]) / (2 * h)


def agree(gradients, loss, weights, trainable):
    """Every gradient against finite differences, at three places of each weight."""
    for gradient, at in zip(gradients, trainable, strict=True):
        for place in {0, gradient.size // 2, gradient.size - 1}:
            assert gradient.flat[place] == pytest.approx(numeric(loss, weights, at, place), abs=1e-8)


# ------------------------------------------------------------------------------------------------ batch normalisation


@WINGS
def test_S1_05_batch_normalisation_is_the_formula(wing):
    """Learning: the batch's own mean and variance (divided by m). The moving ones take a hundredth of them."""
    x, y = batch()
    trainer = wing.Trainer(net(*NORMALISED), descent())
    weights = trainer.weights()
    assert [weight.shape for weight in weights] == [(12, 6), (6,), (6,), (6,), (6,), (6, 5), (5,)]
    assert [weight[0] for weight in weights[1:5]] == [1, 0, 0, 1]
    step = trainer.train_on_batch(x, y)
    logits, mean, variance = normalised(weights, x, training=True)
    assert np.abs(step.logits - logits).max() < 1e-12
    agree(step.gradients, lambda moved: cross_entropy(normalised(moved, x, True)[0], y).mean(), weights, [0, 1, 2, 5, 6])
    assert np.abs(step.weights[3] - 0.01 * mean).max() < 1e-15
    assert np.abs(step.weights[4] - (0.99 + 0.01 * variance)).max() < 1e-15


@WINGS
def test_S1_05_at_test_time_the_moving_averages_are_used_and_one_example_is_enough(wing):
    x, y, *_ = small_data(45)
    trainer = wing.Trainer(net(*NORMALISED), descent(epochs=3))
    trainer.fit((x, y))
    expected, *_ = normalised(trainer.weights(), x, training=False)
    assert np.abs(trainer.predict(x) - expected).max() < 1e-12
    assert np.abs(trainer.predict(x[:1]) - expected[:1]).max() < 1e-12
    in_training, *_ = normalised(trainer.weights(), x, training=True)
    assert np.abs(in_training - expected).max() > 0.1  # the two do differ


def test_S1_05_a_bias_before_it_would_do_nothing():
    """Its gradient is 0: the mean takes it away again. So the layer before has none."""
    x, y = batch()
    with_bias = (DenseSpec(units=6, name="L1"), *NORMALISED[1:])
    step = lowlevel.Trainer(net(*with_bias), descent()).train_on_batch(x, y)
    assert np.abs(step.gradients[1]).max() < 1e-15
    assert np.abs(step.gradients[0]).max() > 1e-3


# -------------------------------------------------------------------------------------------------------------- dropout


@WINGS
def test_dropout_drops_in_training_and_only_there(wing):
    model = net(DropoutSpec(rate=0.25, name="D1"), DenseSpec(units=5, name="L1"))
    trainer = wing.Trainer(model, TrainSpec(optimizer="sgd", learning_rate=1e-9, batch_size=400, seed=5))
    x = np.random.default_rng(3).uniform(1, 2, (400, 12))
    y = np.arange(400) % 5
    kernel, bias = trainer.weights()
    assert np.abs(trainer.predict(x) - (x @ kernel + bias)).max() < 1e-12
    steps = [trainer.train_on_batch(x, y) for _ in range(2)]
    assert [step.seeds[0][1] for step in steps] == [1, 2]  # another mask for each call
    assert (steps[0].logits != steps[1].logits).any()


@WINGS
def test_dropout_keeps_the_expectation(wing):
    """Through an identity: each number is 0, or 4/3 of what it was, and three of four are kept."""
    model = ModelSpec(inputs=5, layers=(DropoutSpec(rate=0.25, name="D1"), DenseSpec(units=5, name="L1")), dtype="float64")
    trainer = wing.Trainer(model, TrainSpec(optimizer="sgd", learning_rate=1e-9, batch_size=4000, seed=5))
    trainer.load([np.eye(5), np.zeros(5)])
    x = np.random.default_rng(3).uniform(1, 2, (4000, 5))
    masked = trainer.train_on_batch(x, np.arange(4000) % 5).logits
    kept = masked != 0
    assert np.abs(masked[kept] - (x / 0.75)[kept]).max() < 1e-12
    assert kept.mean() == pytest.approx(0.75, abs=0.01)  # 20,000 draws: 0.01 is more than three standard deviations


def test_plain_keras_draws_the_same_weights_and_seeds_of_dropout():
    """After ``keras.utils.set_random_seed`` an unseeded net equals ours of that seed, Dropouts included."""
    import random

    state = random.getstate()
    numpy_state = np.random.get_state()
    try:
        random.seed(77)
        layers = [keras.layers.Dense(6, "relu"), keras.layers.Dropout(0.3), keras.layers.Dense(5), keras.layers.Dropout(0.5)]
        plain = keras.Sequential([keras.Input((12,)), *layers])
    finally:
        random.setstate(state)
        np.random.set_state(numpy_state)
    model = net(
        DenseSpec(units=6, activation="relu", name="L1"),
        DropoutSpec(rate=0.3, name="D1"),
        DenseSpec(units=5, name="L2"),
        DropoutSpec(rate=0.5, name="D2"),
        dtype="float32",
    )
    for wing in (lowlevel, highlevel):
        trainer = wing.Trainer(model, TrainSpec(seed=77))
        assert [w.tobytes() for w in trainer.weights()] == [w.tobytes() for w in plain.get_weights()]
        seeds = [layer.seed_generator.state.numpy() for layer in layers if hasattr(layer, "seed_generator")]
        assert [seed.tolist() for seed in trainer.state().seeds] == [seed.tolist() for seed in seeds]


# ------------------------------------------------------------------------------------------------- penalties and losses


@WINGS
@pytest.mark.parametrize(("l1", "l2"), [(0.03, 0.0), (0.0, 0.05), (0.03, 0.05)])
def test_penalties_are_added_to_the_loss_and_to_the_gradients(wing, l1, l2):
    x, y = batch()
    penalty = L1L2Spec(l1=l1, l2=l2)
    model = net(DenseSpec(units=5, kernel_regularizer=penalty, bias_regularizer=penalty, name="L1"))
    trainer = wing.Trainer(model, descent())
    weights = [trainer.weights()[0], np.linspace(-1, 1, 5)]
    trainer.load(weights)
    one, two = float(np.float32(l1)), float(np.float32(l2))  # TensorFlow takes the factors through float32

    def loss(moved):
        punished = sum(one * np.abs(weight).sum() + two * (weight**2).sum() for weight in moved)
        return cross_entropy(x @ moved[0] + moved[1], y).mean() + punished

    step = trainer.train_on_batch(x, y)
    assert step.loss == pytest.approx(loss(weights), rel=1e-6)  # a float32
    assert step.example_losses.mean() < step.loss
    agree(step.gradients, loss, weights, [0, 1])
    assert trainer.evaluate(x, y)[0] == pytest.approx(loss(trainer.weights()), rel=1e-6)


SMOOTHING = 0.2
ROWS = np.eye(5)[np.arange(9) % 5]
BINARY = np.arange(9) % 2
TARGETS = {
    "categorical_crossentropy": (5, ROWS, lambda z: -(ROWS * (z - np.log(np.exp(z).sum(1, keepdims=True)))).sum(1)),
    "binary_crossentropy": (1, BINARY, lambda z: (np.log1p(np.exp(z)) - BINARY[:, None] * z).mean(1)),
    "mean_squared_error": (1, BINARY * 1.5, lambda z: ((BINARY[:, None] * 1.5 - z) ** 2).mean(1)),
}
SMOOTHED = {
    "categorical_crossentropy": lambda z: (
        -((ROWS * (1 - SMOOTHING) + SMOOTHING / 5) * (z - np.log(np.exp(z).sum(1, keepdims=True)))).sum(1)
    ),
    "binary_crossentropy": lambda z: (np.log1p(np.exp(z)) - (BINARY[:, None] * (1 - SMOOTHING) + SMOOTHING / 2) * z).mean(1),
}


@WINGS
@pytest.mark.parametrize(
    ("loss", "smoothing"), [*((loss, 0.0) for loss in TARGETS), *((loss, SMOOTHING) for loss in SMOOTHED)], ids=str
)
def test_losses_are_their_formulas(wing, loss, smoothing):
    x, _ = batch()
    outputs, y, plain = TARGETS[loss]
    formula = SMOOTHED[loss] if smoothing else plain
    trainer = wing.Trainer(net(DenseSpec(units=outputs, name="L1")), descent(loss=loss, label_smoothing=smoothing))
    weights = trainer.weights()
    step = trainer.train_on_batch(x, y)
    # Keras multiplies the targets by a Python number, which is exact in float64 where it is one operation
    assert step.example_losses == pytest.approx(formula(x @ weights[0] + weights[1]), abs=1e-12)
    agree(step.gradients, lambda moved: formula(x @ moved[0] + moved[1]).mean(), weights, [0, 1])


@WINGS
def test_what_is_measured_beside_the_loss(wing):
    x, _ = batch()
    binary = wing.Trainer(net(DenseSpec(units=1, name="L1")), descent(loss="binary_crossentropy", epochs=2))
    history = binary.fit((x, BINARY), validation_data=(x, BINARY))
    right = (binary.predict(x)[:, 0] > 0) == (BINARY > 0.5)
    assert history.val_accuracy[-1] == pytest.approx(right.mean(), abs=1e-7)
    assert binary.predict_proba(x) == pytest.approx(
        np.stack([1 / (1 + np.exp(binary.predict(x)[:, 0])), 1 / (1 + np.exp(-binary.predict(x)[:, 0]))], axis=1), abs=1e-12
    )
    regression = wing.Trainer(net(DenseSpec(units=1, name="L1")), descent(loss="mean_squared_error", epochs=2))
    history = regression.fit((x, BINARY * 2.0), validation_data=(x, BINARY * 2.0))
    errors = np.abs(regression.predict(x)[:, 0] - BINARY * 2.0)
    assert history.val_mean_absolute_error[-1] == pytest.approx(errors.mean(), rel=1e-6)
    assert history.accuracy == []
    assert set(history.history) == {"loss", "mean_absolute_error", "val_loss", "val_mean_absolute_error"}
    with pytest.raises(InputError, match="belong to a classifier"):
        regression.predict_proba(x)


# --------------------------------------------------------------------------------------------------- weights of examples


@WINGS
@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", "categorical_crossentropy"])
def test_weighted_examples_are_divided_by_their_number(wing, loss):
    """Not by the sum of the weights: an example of weight 2 counts as two, and the batch has as many as it has."""
    x, y = batch()
    weight = np.linspace(0, 2, 9)
    trainer = wing.Trainer(net(DenseSpec(units=5, name="L1")), descent(loss=loss))
    weights = trainer.weights()
    step = trainer.train_on_batch(x, y, weight)
    losses = cross_entropy(x @ weights[0] + weights[1], y)
    assert step.example_losses == pytest.approx(losses, abs=1e-12)
    assert step.loss == pytest.approx((losses * weight).sum() / 9, rel=1e-6)
    agree(step.gradients, lambda moved: (cross_entropy(x @ moved[0] + moved[1], y) * weight).sum() / 9, weights, [0, 1])


@WINGS
def test_a_weight_of_a_class_is_the_weight_of_its_examples(wing):
    x, y = batch()
    model, by_class = net(DenseSpec(units=5, name="L1")), {1: 3.0, 2: 0.25}
    one, other = (wing.Trainer(model, descent(epochs=3)) for _ in range(2))
    histories = [
        one.fit((x, y), class_weight=by_class),
        other.fit((x, y), sample_weight=np.array([by_class.get(label, 1.0) for label in y])),
    ]
    assert histories[0].loss == histories[1].loss
    assert [a.tobytes() for a in one.weights()] == [b.tobytes() for b in other.weights()]
    plain = wing.Trainer(model, descent(epochs=3))
    assert plain.fit((x, y)).loss != histories[0].loss


@pytest.mark.parametrize(
    "options",
    [
        {"sample_weight": np.ones(8)},
        {"sample_weight": np.full(9, np.nan)},
        {"sample_weight": -np.ones(9)},
        {"sample_weight": ["a"] * 9},
        {"sample_weight": [[1], [1, 2]]},
        {"class_weight": {5: 1.0}},
        {"class_weight": {-1: 1.0}},
        {"class_weight": {0: -1.0}},
        {"class_weight": [1.0] * 5},
        {"sample_weight": np.ones(9), "class_weight": {0: 1.0}},
    ],
    ids=str,
)
def test_weights_that_cannot_be_used_are_refused(options):
    x, y = batch()
    with pytest.raises(InputError, match="Received: "):
        feed((x, y), net(DenseSpec(units=5, name="L1")), descent(), **options)


def test_a_regression_has_no_classes_to_weigh():
    x, y = batch()
    with pytest.raises(InputError, match="of a classifier"):
        feed((x, y), net(DenseSpec(units=1, name="L1")), descent(loss="mean_squared_error"), class_weight={0: 1.0})


@pytest.mark.parametrize(
    ("loss", "outputs", "y"),
    [
        ("binary_crossentropy", 1, [0, 1, 2]),
        ("binary_crossentropy", 1, [-1, 0, 1]),
        ("binary_crossentropy", 2, [0, 1, 1]),
        ("mean_squared_error", 1, [0, 1, np.nan]),
        ("mean_squared_error", 2, [[0], [1], [2]]),
        ("mean_squared_error", 1, ["a", "b", "c"]),
        ("mean_squared_error", 1, [[1], [2, 3], [4]]),
    ],
)
def test_targets_that_cannot_be_used_are_refused(loss, outputs, y):
    with pytest.raises(InputError, match="Received: "):
        feed((np.ones((3, 12)), y), net(DenseSpec(units=outputs, name="L1")), TrainSpec(loss=loss))


# ----------------------------------------------------------------------------------------------------------- mixed nets


@WINGS
@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_nets_compute_in_half_precision_and_keep_weights_in_float32(wing, dtype):
    x, y = batch()
    model = net(*NORMALISED, dtype=dtype)
    trainer = wing.Trainer(model, TrainSpec(batch_size=9, seed=3))
    step = trainer.train_on_batch(x, y)
    assert {weight.dtype for weight in step.weights} == {np.dtype("float32")}
    exact = lowlevel.Trainer(net(*NORMALISED, dtype="float32"), TrainSpec(batch_size=9, seed=3)).train_on_batch(x, y)
    difference = np.abs(step.logits - exact.logits).max()
    assert 1e-5 < difference < 0.1  # as coarse as half precision is, and no coarser
    bits = 8 if dtype == "mixed_bfloat16" else 11
    mantissas, _ = np.frexp(step.logits)
    assert (mantissas * 2**bits == np.round(mantissas * 2**bits)).all()
    assert trainer.predict(x).dtype == np.float32
