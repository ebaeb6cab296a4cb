"""Traps of the forward pass and of the loss: the audit names each one, and their wrong halves are what their texts say.

For each trap a small model for which it makes sense is trained by a loop of the model's own parts with the trap planted. The
audit knows the whole catalogue, and must name that trap first.
"""

import functools
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

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


ONE_OF_EACH = [at for at in range(len(SUBJECTS)) if SUBJECTS[at][0] not in [name for name, *_ in SUBJECTS[:at]]]
FIRST = ONE_OF_EACH[::5]
AGAIN = [pytest.param(at, marks=pytest.mark.long) for at in range(len(SUBJECTS)) if at not in FIRST]


@pytest.mark.parametrize("at", [*FIRST, *AGAIN], ids=NAMES.__getitem__)
def test_the_audit_names_the_trap_first(at):
    name, _, step, stage = SUBJECTS[at]
    finding, detail = planted(at)
    assert finding.verdict in ("alike", "different")
    assert (finding.first.step, finding.first.stage) == (step, stage)
    assert finding.causes[0].code == trap(name).cause, str(finding)
    assert finding.causes[0].title.startswith(trap(name).title)
    assert detail in finding.causes[0].title


@pytest.mark.long
@pytest.mark.parametrize("at", ONE_OF_EACH, ids=NAMES.__getitem__)
def test_every_form_of_a_trap_is_named(at):
    name, subject, *_ = SUBJECTS[at]
    model, x, y = subject()
    forms = list(trap(name).variants(Loop(model, batch_size=BATCH, x=x, y=y).replay))
    for number in range(len(forms)):
        finding, detail = planted(at, number)
        assert finding.causes[0].code == trap(name).cause, f"{detail}: {finding}"


# ------------------------------------------------------------------------- the wrong halves, against NumPy or by hand


def draw(*shape, seed=5):
    return np.random.default_rng(seed).normal(size=shape)


def log_softmax(z, axis=-1):
    shifted = z - z.max(axis=axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


def parts(name, model, number=0, **options):
    """The parts of a variant for that model."""
    return list(trap(name).variants(Loop(model, **options).replay))[number].parts


def stepped(model, x, y, *planted, steps=1, rows=None):
    """(losses, weights) of a loop after some steps on the same first rows."""
    loop = Loop(model, *planted, batch_size=BATCH, x=x, y=y)
    losses = [float(loop.step(x[:rows], y[:rows])) for _ in range(steps)]
    return losses, [weight.numpy() for weight in loop.variables]


def test_mean_for_sum():
    losses = draw(10)
    one = trap("mean-for-sum")
    assert float(one.wrong(tf.constant(losses))) == pytest.approx(losses.mean())
    assert float(one.right(tf.constant(losses))) == pytest.approx(losses.sum())


def test_fixed_divisor():
    losses = draw(10)
    one = trap("fixed-divisor")
    assert float(one.wrong(tf.constant(losses), 32)) == pytest.approx(losses.sum() / 32)
    assert float(one.right(tf.constant(losses), 32)) == pytest.approx(losses.mean())
    assert list(one.variants(Loop(classifier()[0], batch_size=14, x=data()[0]).replay)) == []  # 56 rows: no smaller batch


def test_logits_as_probabilities():
    logits = np.array([[-0.5, 0.2, 0.3], [2.0, 0.1, -1.0]], "float32")
    given = tf.constant([0, 2]), tf.constant(logits)
    one = trap("logits-as-probabilities")
    cut = np.log(np.clip(logits.astype(np.float64), 1e-7, 1 - 1e-7))
    expected = -log_softmax(cut)[[0, 1], [0, 2]]  # Keras makes the sum of the cut numbers 1
    assert one.wrong(labels(), *given).numpy() == pytest.approx(expected, rel=1e-5)
    assert one.right(labels(), *given).numpy() == pytest.approx(-log_softmax(logits)[[0, 1], [0, 2]], rel=1e-5)


def test_labels_broadcast():
    y, outputs = draw(6), draw(6, 1, seed=6)
    one = trap("labels-broadcast")
    given = keras.losses.MeanSquaredError(dtype="float64"), tf.constant(y), tf.constant(outputs)
    assert one.wrong(*given).numpy() == pytest.approx(((y - outputs) ** 2).mean(axis=1))
    assert one.right(*given).numpy() == pytest.approx((y - outputs[:, 0]) ** 2)
    loss = keras.losses.BinaryCrossentropy(from_logits=True, dtype="float64")
    hits = (y > 0).astype(np.float64)
    expected = (np.log1p(np.exp(outputs)) - hits * outputs).mean()
    assert one.wrong(loss, tf.constant(hits), tf.constant(outputs)).numpy().mean() == pytest.approx(expected)


def test_labels_smoothed_otherwise():
    one = trap("labels-smoothed-otherwise")
    targets = tf.constant(np.eye(5)[[3]])
    assert one.wrong(targets, 0.2).numpy()[0] == pytest.approx([0.05, 0.05, 0.05, 0.8, 0.05])
    assert one.right(targets, 0.2).numpy()[0] == pytest.approx([0.04, 0.04, 0.04, 0.84, 0.04])
    assert one.wrong(targets, 0.2).numpy() == pytest.approx(one.right(targets, 0.25).numpy())  # s K / (K - 1)


def test_half_squared_error():
    targets, outputs = draw(6, 3), draw(6, 3, seed=6)
    one = trap("half-squared-error")
    squares = (targets - outputs) ** 2
    assert one.wrong(tf.constant(targets), tf.constant(outputs)).numpy() == pytest.approx(squares.sum(axis=1) / 2)
    assert one.right(tf.constant(targets), tf.constant(outputs)).numpy() == pytest.approx(squares.mean(axis=1))


def kernels(model):
    return [weight.numpy().astype(np.float64) for weight in model.trainable_variables if weight.value.shape.rank == 2]


def test_penalty_left_out():
    model, x, y = penalised()
    (whole,), _ = stepped(model, x, y)
    (without,), _ = stepped(model, x, y, parts("penalty-left-out", model))
    assert whole - without == pytest.approx(0.02 * sum((kernel**2).sum() for kernel in kernels(model)), rel=1e-5)
    assert trap("penalty-left-out").wrong(model) == []
    assert len(trap("penalty-left-out").right(model)) == 2


def test_penalty_halved():
    one, kernel = trap("penalty-halved"), draw(3, 4)
    assert float(one.wrong(tf.constant(kernel), 0.1)) == pytest.approx(0.05 * (kernel**2).sum())
    assert float(one.right(tf.constant(kernel), 0.1)) == pytest.approx(0.1 * (kernel**2).sum())


def test_penalty_divided():
    one = trap("penalty-divided")
    assert float(one.wrong(tf.constant(6.0), 4)) == 1.5
    assert float(one.right(tf.constant(6.0), 4)) == 6.0
    model, x, y = penalised()
    penalties = 0.02 * sum((kernel**2).sum() for kernel in kernels(model))
    (without,), _ = stepped(model, x, y, parts("penalty-left-out", model), rows=8)
    for number, divisor in enumerate((8, 16, 56, 112, 16, 32)):  # the batch's own rows, all of them, a full batch; with a half
        planted = parts("penalty-divided", model, number, batch_size=BATCH, x=x, y=y)
        (loss,), _ = stepped(model, x, y, planted, rows=8)
        assert loss - without == pytest.approx(penalties / divisor, rel=1e-4, abs=1e-6)


def test_biases_penalised():
    model, *_ = penalised()
    for weight in model.trainable_variables:
        weight.assign(weight.value + 0.1)
    model.layers[0].bias_regularizer = None
    wrong, right = trap("biases-penalised").wrong(model), trap("biases-penalised").right(model)
    assert [float(value) for value in wrong[2:]] == pytest.approx([0.02 * 7 * 0.01, 0.02 * 4 * 0.01], rel=1e-5)
    assert [float(value) for value in wrong[:2]] == [float(value) for value in right]


def test_inputs_scaled_otherwise():
    from lockstep.traps.inputs_scaled_otherwise import standardized

    one, x = trap("inputs-scaled-otherwise"), draw(8, 5)
    assert one.wrong(tf.constant(x)).numpy() == pytest.approx(x / 255)
    assert one.right(x) is x
    x[:, 2] = 3.0
    found = standardized(tf.constant(x), 0).numpy()
    varying = [0, 1, 3, 4]
    assert found[:, varying] == pytest.approx(((x - x.mean(axis=0)) / x.std(axis=0).clip(1e-9))[:, varying])
    assert not found[:, 2].any()


def test_other_activation():
    z = np.linspace(-4, 4, 41)
    one = trap("other-activation")
    exact = [value * (1 + math.erf(value / math.sqrt(2))) / 2 for value in z]
    assert one.right(tf.constant(z)).numpy() == pytest.approx(exact, abs=1e-7)
    by_tanh = z * (1 + np.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3))) / 2
    assert one.wrong(tf.constant(z)).numpy() == pytest.approx(by_tanh, abs=1e-9)
    details = [variant.detail for variant in one.variants(Loop(leaky()[0]).replay)]
    assert "leaky relu of slope 0.2 in" in " ".join(details)
    assert "slope 0.3 in leaky" not in " ".join(details)  # what the model has is no deviation


def batch_norm():
    layer = keras.layers.BatchNormalization(momentum=0.8)
    layer.build((None, 3))
    layer.gamma.assign([1.0, 2.0, 0.5])
    return layer, draw(8, 3).astype("float32")


def test_batchnorm_in_inference():
    layer, x = batch_norm()
    one = trap("batchnorm-in-inference")
    gamma = np.array([1, 2, 0.5])
    assert one.wrong(layer, tf.constant(x), training=True).numpy() == pytest.approx(gamma * x / math.sqrt(1.001), rel=1e-5)
    assert not layer.moving_mean.numpy().any()
    normalized = gamma * (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-3)
    assert one.right(layer, tf.constant(x), training=True).numpy() == pytest.approx(normalized, rel=1e-4, abs=1e-5)
    assert layer.moving_mean.numpy() == pytest.approx(0.2 * x.mean(axis=0), rel=1e-5)


def test_batchnorm_other_momentum():
    one = trap("batchnorm-other-momentum")
    assert one.wrong(2.0, 10.0, 0.9) == pytest.approx(9.2)
    assert one.right(2.0, 10.0, 0.9) == pytest.approx(2.8)
    details = " ".join(variant.detail for variant in one.variants(Loop(normalised()[0]).replay))
    assert "momentum 0.2, not 0.8" in details  # the other way round
    assert "momentum 0.8" not in details


def test_batchnorm_other_epsilon():
    one = trap("batchnorm-other-epsilon")
    given = tf.constant([1.0, 3.0]), tf.constant(2.0), tf.constant(0.01)
    assert one.wrong(*given).numpy() == pytest.approx(np.array([-1, 1]) / math.sqrt(0.01001))
    assert one.right(*given).numpy() == pytest.approx(np.array([-1, 1]) / math.sqrt(0.011))


def test_batchnorm_sample_variance():
    from lockstep.traps.batchnorm_sample_variance import moving_only

    layer, x = batch_norm()
    one = trap("batchnorm-sample-variance")
    for half, off in ((one.wrong, 1), (one.right, 0)):
        mean, variance = half(layer, tf.constant(x))
        assert mean.numpy() == pytest.approx(x.mean(axis=0), rel=1e-5)
        assert variance.numpy() == pytest.approx(x.var(axis=0, ddof=off), rel=1e-5)
    outputs = moving_only(layer, tf.constant(x), training=True)
    expected = np.array([1, 2, 0.5]) * (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-3)
    assert outputs.numpy() == pytest.approx(expected, rel=1e-4, abs=1e-5)
    assert layer.moving_variance.numpy() == pytest.approx(0.8 + 0.2 * x.var(axis=0, ddof=1), rel=1e-5)


def test_dropout_left_out():
    layer, x = keras.layers.Dropout(0.5, seed=1), tf.ones((4, 50))
    assert trap("dropout-left-out").wrong(layer, x, training=True) is x
    assert not trap("dropout-left-out").right(layer, x, training=True).numpy().all()


def test_dropout_not_rescaled():
    one, x = trap("dropout-not-rescaled"), draw(20, 50)
    found = {}
    for half in (one.wrong, one.right):
        layer = keras.layers.Dropout(0.2, seed=1)
        found[half] = half(layer, tf.constant(x), training=True).numpy()
        assert half(layer, tf.constant(x), training=False).numpy() == pytest.approx(x)
    kept = found[one.right] != 0
    assert 0.7 < kept.mean() < 0.9
    assert found[one.wrong] == pytest.approx(x * kept)
    assert found[one.right] == pytest.approx(x * kept / 0.8)


def test_stale_gradient():
    one = trap("stale-gradient")
    assert [one.wrong("abc", step) for step in range(3)] == ["a", "a", "b"]
    assert [one.right("abc", step) for step in range(3)] == ["a", "b", "c"]
    model, x, y = classifier()
    (first, second, third), _ = stepped(model, x, y, steps=3)
    stale, _ = stepped(model, x, y, parts("stale-gradient", model), steps=2)
    constant, _ = stepped(model, x, y, parts("stale-gradient", model, 1), steps=3)
    assert first > second > third
    assert stale == [first, first]
    assert constant == [first, first, first]


def test_half_precision_forward():
    one = trap("half-precision-forward")
    x, kernel, bias = (draw(*shape).astype("float32") for shape in ((3, 4), (4, 2), (2,)))
    found = one.wrong(*(tf.constant(value) for value in (x, kernel, bias)))
    assert found.dtype == tf.bfloat16
    assert tf.cast(found, tf.float32).numpy() == pytest.approx(x @ kernel + bias, abs=0.05)
    assert one.right(*(tf.constant(value) for value in (x, kernel, bias))).numpy() == pytest.approx(x @ kernel + bias, rel=1e-5)


@pytest.mark.parametrize("graph", [pytest.param(False, marks=pytest.mark.long), True])
@pytest.mark.parametrize("kind", [tf.bfloat16, tf.float16])
def test_half_precision_by_hand_is_reproduced(kind, graph):
    """A loop that shares no code with the replay casts by itself; both halves are then rounded in the same places."""
    model, x, y = classifier(hidden="relu")
    variables = [tf.Variable(weight) for weight in model.get_weights()]

    def step(x, y):
        with tf.GradientTape() as tape:
            w1, b1, w2, b2 = (tf.cast(variable, kind) for variable in variables)
            logits = tf.cast(tf.nn.relu(tf.cast(x, kind) @ w1 + b1) @ w2 + b2, tf.float32)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits))
        for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
            variable.assign_sub(0.1 * gradient)
        return loss

    step = tf.function(step, reduce_retracing=True) if graph else step
    finding = audit(step, variables, model, x, y, batch_size=BATCH, steps=STEPS)
    assert [cause.code for cause in finding.causes] == ["dtype"]
    assert kind.name in finding.causes[0].title


def test_another_loss_reported():
    one, losses = trap("another-loss-reported"), tf.constant([1.0, 2.0, 6.0])
    assert float(one.wrong(tf.constant(3.5), losses)) == 9.0
    assert float(one.right(tf.constant(3.5), losses)) == 3.5
    model, x, y = penalised()
    true, weights = stepped(model, x, y, steps=3)
    for number, expected in ((2, np.cumsum(true) / [1, 2, 3]), (1, None)):
        told, same = stepped(model, x, y, parts("another-loss-reported", model, number), steps=3)
        assert all((a == b).all() for a, b in zip(weights, same, strict=True))
        if expected is not None:
            assert told == pytest.approx(expected, rel=1e-6)
    assert told[0] == pytest.approx(true[0] - 0.02 * sum((kernel**2).sum() for kernel in kernels(model)), rel=1e-5)


def test_softmax_over_examples_by_its_true_gradient():
    from lockstep.traps.classes_as_rows import over_examples

    logits, targets = draw(5, 3), np.eye(3)[[0, 1, 2, 1, 0]]
    expected = -(targets * log_softmax(logits, axis=0)).sum(axis=1)
    assert over_examples(tf.constant(targets), tf.constant(logits)).numpy() == pytest.approx(expected)


# ------------------------------------------------------------------------------------ loops that share no code with the replay


def forward(w, x, act=tf.nn.relu):
    return act(x @ w[0] + w[1]) @ w[2] + w[3]


def losses(w, x, y, act=tf.nn.relu):
    return tf.nn.sparse_softmax_cross_entropy_with_logits(y, forward(w, x, act))


def mean(values):
    return tf.reduce_mean(values)


def squares(*kernels):
    return 0.02 * tf.add_n([tf.reduce_sum(tf.square(kernel)) for kernel in kernels])


def of_bits(t, p):
    p = tf.clip_by_value(p, 1e-7, 1 - 1e-7)
    return -mean(tf.cast(t, p.dtype) * tf.math.log(p) + (1 - tf.cast(t, p.dtype)) * tf.math.log(1 - p))


def transposed(w, x, y):
    return mean(tf.nn.softmax_cross_entropy_with_logits(tf.transpose(tf.cast(y, tf.float32)), tf.transpose(forward(w, x))))


def wide(w, x, y):
    shape = [tf.size(y)] * 2
    logits, targets = tf.broadcast_to(forward(w, x), shape), tf.broadcast_to(tf.reshape(y, [1, -1]), shape)
    return mean(tf.nn.sigmoid_cross_entropy_with_logits(targets, logits))


def smoothed(w, x, y):
    return mean(tf.nn.softmax_cross_entropy_with_logits(tf.one_hot(y, 4) * 0.9 + 0.025, forward(w, x)))


def columns_of_all(x):
    every = data()[0]
    return (x - every.mean(axis=0)) / every.std(axis=0)


RELU = functools.partial(classifier, hidden="relu")
RELU_PENALISED = functools.partial(RELU, regularizer=keras.regularizers.L2(0.02))
ONE_HOT = functools.partial(RELU, kind="one-hot", loss=keras.losses.CategoricalCrossentropy(from_logits=True))
TO_SOFTMAX = functools.partial(RELU, kind="one-hot", loss="categorical_crossentropy", last="softmax")


def one_output(last=None, loss="mse", kind="number"):
    return net(dense(7, "relu"), dense(1, last, 2), loss=loss, kind=kind)


BY_HAND = {
    "sum": (RELU, lambda w, x, y: tf.reduce_sum(losses(w, x, y)), ["loss-sum-not-mean"]),
    "mean for sum": (lambda: RELU(loss=labels(reduction="sum")), lambda w, x, y: mean(losses(w, x, y)), ["loss-mean-not-sum"]),
    "divided twice": (RELU, lambda w, x, y: mean(losses(w, x, y)) / 16, ["loss-divided-twice"]),
    "fixed divisor": (RELU, lambda w, x, y: tf.reduce_sum(losses(w, x, y)) / 16, ["last-batch-weighting"]),
    "softmax twice": (
        RELU,
        lambda w, x, y: mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, tf.nn.softmax(forward(w, x)))),
        ["double-softmax"],
    ),
    "softmax as logits": (
        TO_SOFTMAX,
        lambda w, x, y: mean(tf.nn.softmax_cross_entropy_with_logits(tf.cast(y, "float32"), tf.nn.softmax(forward(w, x)))),
        ["probabilities-as-logits"],
    ),
    "from_logits left out": (
        RELU,
        lambda w, x, y: keras.losses.SparseCategoricalCrossentropy()(y, forward(w, x)),
        ["logits-as-probabilities"],
    ),
    "binary of softmax": (TO_SOFTMAX, lambda w, x, y: of_bits(y, tf.nn.softmax(forward(w, x))), ["binary-for-categorical"]),
    "binary broadcast": (lambda: one_output("sigmoid", "binary_crossentropy", "binary"), wide, ["labels-shape-broadcast"]),
    "squares broadcast": (one_output, lambda w, x, y: mean((forward(w, x) - y) ** 2), ["labels-shape-broadcast"]),
    "half the squares": (one_output, lambda w, x, y: mean((forward(w, x)[:, 0] - y) ** 2) / 2, ["loss-halved"]),
    "transposed": (ONE_HOT, transposed, ["softmax-over-examples"]),
    "smoothed": (RELU, smoothed, ["label-smoothing"]),
    "no penalty": (RELU_PENALISED, lambda w, x, y: mean(losses(w, x, y)), ["regularizer-missing"]),
    "l2_loss": (
        RELU_PENALISED,
        lambda w, x, y: mean(losses(w, x, y)) + 0.02 * (tf.nn.l2_loss(w[0]) + tf.nn.l2_loss(w[2])),
        ["regularizer-halved"],
    ),
    "all in one bracket": (
        RELU_PENALISED,
        lambda w, x, y: (tf.reduce_sum(losses(w, x, y)) + squares(w[0], w[2])) / tf.cast(tf.shape(x)[0], tf.float32),
        ["regularizer-divided"],
    ),
    "all variables": (RELU_PENALISED, lambda w, x, y: mean(losses(w, x, y)) + squares(*w), ["regularizer-on-bias"]),
    "l2_loss of all variables": (
        RELU_PENALISED,
        lambda w, x, y: mean(losses(w, x, y)) + squares(*w) / 2,
        ["regularizer-halved", "regularizer-on-bias"],
    ),
    "255": (RELU, lambda w, x, y: mean(losses(w, x / 255.0, y)), ["input-scaling"]),
    "standardised": (RELU, lambda w, x, y: mean(losses(w, columns_of_all(x), y)), ["input-scaling"]),
    "silu": (RELU, lambda w, x, y: mean(losses(w, x, y, tf.nn.silu)), ["activation-differs"]),
}


@pytest.mark.long
@pytest.mark.parametrize("name", BY_HAND)
def test_a_loop_written_by_hand_is_named(name):
    """TensorFlow's operations and nothing of the replay's, in a graph; so a trap that names itself alone would be found out."""
    subject, loss_of, codes = BY_HAND[name]
    model, x, y = subject()
    variables = [tf.Variable(weight) for weight in model.get_weights()]

    @tf.function(reduce_retracing=True)
    def step(x, y):
        with tf.GradientTape() as tape:
            loss = loss_of(variables, x, y)
        for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
            variable.assign_sub(0.1 * gradient)
        return loss

    finding = audit(step, variables, model, x, y, batch_size=BATCH, steps=2 * STEPS)
    assert sorted(cause.code for cause in finding.causes) == codes, str(finding)


@pytest.mark.long
def test_batch_normalisation_by_hand_with_n_minus_1_is_named():
    model, x, y = normalised()
    w1, b1, gamma, beta, moving, spread, w2, b2 = variables = [tf.Variable(weight) for weight in model.get_weights()]

    @tf.function(reduce_retracing=True)
    def step(x, y):
        trained = [w1, b1, gamma, beta, w2, b2]
        with tf.GradientTape() as tape:
            z = tf.tanh(x @ w1 + b1)
            mean_of_batch, variance = tf.nn.moments(z, [0])
            z = tf.nn.batch_normalization(z, mean_of_batch, variance, beta, gamma, 1e-3)
            loss = mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, z @ w2 + b2))
        count = tf.cast(tf.shape(x)[0], tf.float32)
        moving.assign(0.8 * moving + 0.2 * mean_of_batch)
        spread.assign(0.8 * spread + 0.2 * variance * count / (count - 1))
        for variable, gradient in zip(trained, tape.gradient(loss, trained), strict=True):
            variable.assign_sub(0.1 * gradient)
        return loss

    finding = audit(step, variables, model, x, y, batch_size=BATCH, steps=STEPS)
    assert [cause.code for cause in finding.causes] == ["batchnorm-variance"]


@pytest.mark.long
def test_training_left_out_is_both_modes():
    between = keras.layers.BatchNormalization(), keras.layers.Dropout(0.3, seed=1)
    model, x, y = classifier(*between)
    mine, optimizer = keras.models.clone_model(model), keras.optimizers.SGD(0.1)
    optimizer.build(mine.trainable_variables)

    @tf.function(reduce_retracing=True)
    def step(x, y):
        with tf.GradientTape() as tape:
            loss = mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, mine(x)))
        optimizer.apply(tape.gradient(loss, mine.trainable_variables))
        return loss

    finding = audit(step, mine.trainable_variables, model, x, y, batch_size=BATCH, steps=STEPS)
    assert sorted(cause.code for cause in finding.causes) == ["batchnorm-mode", "dropout-mode"]
