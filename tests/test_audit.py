"""The audit of a person's own loop: verdicts, first divergence, faults, what is put back, and the command line.

The loops here are written out by hand, from the equations; none of them uses ``lowlevel`` or the audit's own parts.
"""

import json
import re
import textwrap
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import small_data

import lockstep
from lockstep.auditing.faults import FAULTS
from lockstep.cli import main
from lockstep.traps import loops
from shared import InputError

RATE = 0.1
PASSING = ("identical", "round-off")


def data(rows=45):
    x, y, *_ = small_data(rows)
    return x.astype("float32"), y


def reference(loss=None, optimizer=None, hidden="relu"):
    layers = [
        keras.layers.Dense(6, hidden, kernel_initializer=keras.initializers.GlorotUniform(1), name="hidden"),
        keras.layers.Dense(5, kernel_initializer=keras.initializers.GlorotUniform(2), name="out"),
    ]
    model = keras.Sequential([keras.Input((12,), name="x"), *layers], name="reference")
    loss = loss or keras.losses.SparseCategoricalCrossentropy(from_logits=True, name="loss")
    model.compile(optimizer or keras.optimizers.SGD(RATE, name="sgd"), loss)
    return model


def net(weights, x):
    return tf.nn.relu(x @ weights[0] + weights[1]) @ weights[2] + weights[3]


def made(model, reduce=tf.reduce_mean, update=None, graph=False):
    """Gradient descent by hand: (step, variables)."""
    variables = [tf.Variable(tf.zeros_like(weight.value)) for weight in model.weights]

    def step(x, y):
        with tf.GradientTape() as tape:
            loss = reduce(tf.nn.sparse_softmax_cross_entropy_with_logits(y, net(variables, x)))
        for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
            (update or (lambda v, g: v.assign_sub(RATE * g)))(variable, gradient)
        return loss

    return (tf.function(step) if graph else step), variables


def audited(step, variables, model, *, rows=45, **options):
    return lockstep.audit(step, variables, model, *data(rows), **({"batch_size": 10, "steps": 7} | options))


# --------------------------------------------------------------------------------------------------- right and wrong loops


@pytest.mark.parametrize("graph", [False, True])
def test_a_right_loop_is_not_alarming(graph):
    model = reference()
    finding = audited(*made(model, graph=graph), model)
    assert finding.verdict in PASSING
    assert finding.steps == 7
    assert finding.causes == []
    assert finding.meets("round-off")
    assert 0 <= finding.max_abs < 1e-6


def test_a_model_against_itself_is_identical_and_counts_what_it_compared():
    model, twin = reference(), reference()
    finding = audited(lambda x, y: twin.train_on_batch(x, y), twin.trainable_variables, model)
    assert (finding.verdict, finding.first, finding.max_abs, finding.max_ulp) == ("identical", None, 0, 0)
    assert f"{7 * (12 * 6 + 6 + 6 * 5 + 5):,} weights compared" in finding.why


def test_a_summed_loss_is_named_with_its_numbers():
    model = reference()
    finding = audited(*made(model, reduce=tf.reduce_sum), model)
    assert finding.verdict == "different"
    assert (finding.first.epoch, finding.first.step, finding.first.stage, finding.first.tensor) == (1, 1, "loss", "loss")
    assert finding.causes[0].code == "loss-sum-not-mean"
    assert finding.over > 1e3
    assert finding.local == (1, 2, 3, 4, 5, 6, 7)
    x, y = data()
    observed = float(tf.reduce_sum(tf.nn.sparse_softmax_cross_entropy_with_logits(y[:10], model(x[:10]))))
    loop, fit, replayed = (float(word) for word in _figures(finding.causes[0].evidence[0]))
    assert loop == pytest.approx(observed, rel=1e-6)
    assert fit == pytest.approx(observed / 10, rel=1e-6)
    assert replayed == pytest.approx(loop, rel=1e-6)
    text = str(finding)
    for part in ("verdict: different", "first divergence: step 1 (epoch 1), stage 'loss'", "loss-sum-not-mean", "Differentiate"):
        assert part in text


def _figures(line):
    """The three numbers of a line of evidence."""
    return [part.rsplit(" ", 1)[1] for part in line.split(": ", 1)[1].split(", ")]


@pytest.mark.long
def test_a_fault_in_one_step_only_is_local_and_what_follows_is_not():
    """The third step is twice as long. The later ones start from other weights and are right by themselves."""
    model = reference()
    count = tf.Variable(0)

    def update(variable, gradient):
        variable.assign_sub(RATE * gradient * tf.where(count == 2, 2.0, 1.0))

    step, variables = made(model, update=update)

    def counted(x, y):
        loss = step(x, y)
        count.assign_add(1)
        return loss

    finding = audited(counted, variables, model)
    assert finding.local == (3,)
    assert finding.first.step == 3
    assert finding.first.stage == "weights out"
    assert finding.causes[0].code == "unknown"
    assert count.numpy() == 0  # put back


@pytest.mark.long
def test_a_second_epoch_is_counted_as_such():
    model = reference()
    late = tf.Variable(0)

    def update(variable, gradient):
        variable.assign_sub(RATE * gradient * tf.where(late >= 5, 0.5, 1.0))

    step, variables = made(model, update=update)

    def counted(x, y):
        loss = step(x, y)
        late.assign_add(1)
        return loss

    finding = audited(counted, variables, model)
    assert (finding.first.epoch, finding.first.step) == (2, 6)


def test_arrays_in_numpy_are_variables_too_and_kept_in_place():
    model = reference()
    weights = [np.zeros(weight.shape, "float32") for weight in model.weights]
    kept = [id(weight) for weight in weights]

    def step(x, y):
        w1, b1, w2, b2 = weights
        hidden = np.maximum(x @ w1 + b1, 0)
        logits = hidden @ w2 + b2
        shifted = logits - logits.max(axis=1, keepdims=True)
        probabilities = np.exp(shifted) / np.exp(shifted).sum(axis=1, keepdims=True)
        loss = -np.log(probabilities[np.arange(len(y)), y]).mean()
        probabilities[np.arange(len(y)), y] -= 1
        slope = probabilities / len(y)
        back = (slope @ w2.T) * (hidden > 0)
        for weight, gradient in zip(weights, (x.T @ back, back.sum(0), hidden.T @ slope, slope.sum(0)), strict=True):
            weight -= RATE * gradient
        return loss

    assert audited(step, weights, model).verdict == "round-off"
    assert [id(weight) for weight in weights] == kept
    assert all(not weight.any() for weight in weights)  # put back


def test_kernels_that_lie_the_other_way_are_turned():
    model = reference()
    turned = [tf.Variable(tf.zeros(weight.shape[::-1])) for weight in model.weights]

    def step(x, y):
        with tf.GradientTape() as tape:
            logits = tf.matmul(tf.nn.relu(tf.matmul(x, turned[0], transpose_b=True) + turned[1]), turned[2], transpose_b=True)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits + turned[3]))
        for variable, gradient in zip(turned, tape.gradient(loss, turned), strict=True):
            variable.assign_sub(RATE * gradient)
        return loss

    assert audited(step, turned, model, transpose=True).verdict == "round-off"
    with pytest.raises(InputError, match="transpose=True"):
        audited(step, turned, model)


def test_weights_that_are_left_as_they_are_can_be_the_cause():
    model = reference()
    finding = audited(*made(model), model, initial="as-is")
    assert finding.first.stage == "weights in"
    assert finding.causes[0].code == "initial-weights"
    assert "hidden/kernel" in finding.causes[0].evidence[0]
    assert audited(*made(model), model).causes == []


# ----------------------------------------------------------------------------------------------------------------- faults


def test_a_step_that_raises_is_shown_with_its_own_traceback():
    model = reference()
    step, variables = made(model)
    calls = tf.Variable(0)

    def raising(x, y):
        calls.assign_add(1)
        if calls == 3:
            raise ZeroDivisionError("of my own")
        return step(x, y)

    finding = audited(raising, variables, model)
    assert finding.verdict == "different"
    assert finding.causes[0].code == "step-raised"
    assert "step 3" in finding.why
    assert "ZeroDivisionError: of my own" in finding.error
    assert "in raising" in finding.error
    assert "auditing" not in finding.error
    assert finding.steps == 2
    first = audited(lambda x, y: 1 / 0, variables, model)
    assert (first.causes[0].code, first.steps) == ("step-raised", 0)


def test_a_step_that_returns_no_loss_is_compared_by_its_weights():
    model = reference()
    step, variables = made(model)
    quiet = audited(lambda x, y: step(x, y) and None, variables, model)
    assert quiet.verdict in PASSING
    assert any("returned None" in note for note in quiet.notes)
    many = audited(lambda x, y: [step(x, y)] * 2, variables, model)
    assert any("not one number" in note for note in many.notes)


def test_a_variable_that_changes_its_shape_is_named():
    model = reference()
    free = [tf.Variable(tf.zeros_like(weight.value), shape=tf.TensorShape(None)) for weight in model.weights]

    def step(x, y):
        free[1].assign(tf.zeros(7))
        return 0.0

    finding = lockstep.audit(step, free, model, *data(), batch_size=10)
    assert finding.causes[0].code == "shape-changed"
    assert "hidden/bias has the shape (7,) now and had (6,)" in finding.causes[0].evidence[0]


def test_nan_is_named_with_the_step_and_the_tensor():
    model = reference()
    step, variables = made(model)
    calls = tf.Variable(0)

    def breaking(x, y):
        loss = step(x, y)
        calls.assign_add(1)
        if calls == 4:
            variables[2].assign(variables[2] * np.nan)
        return loss

    finding = audited(breaking, variables, model)
    assert (finding.verdict, finding.causes[0].code) == ("different", "nan")
    assert "out/kernel holds NaN in 30 of 30 places" in finding.why
    assert "step 4" in finding.why


def test_nan_on_both_sides_is_never_a_pass():
    model, twin = (
        reference(optimizer=keras.optimizers.SGD(1e38, name="sgd")),
        reference(optimizer=keras.optimizers.SGD(1e38, name="sgd")),
    )
    finding = audited(lambda x, y: twin.train_on_batch(x, y), twin.trainable_variables, model)
    assert finding.verdict == "different"
    assert not finding.meets("alike")


def test_a_step_that_updates_other_variables_is_told_so():
    model = reference()
    step, _ = made(model)
    others = [tf.Variable(tf.zeros_like(weight.value)) for weight in model.weights]
    finding = audited(step, others, model)
    assert finding.causes[0].code == "no-update"
    assert "none of the 4 variables changed" in finding.causes[0].evidence[0]
    assert "others that the step reaches did" in finding.causes[0].evidence[1]
    nothing = audited(lambda x, y: 0.0, others, model)
    assert (nothing.causes[0].code, len(nothing.causes[0].evidence)) == ("no-update", 1)


def test_variables_that_are_not_the_models_are_refused_with_both_lists():
    model = reference()
    step, variables = made(model)
    for given, remedy in (
        (variables[:3], "one variable for each"),
        ([variables[1], variables[0], *variables[2:]], "their order is not"),
        ([[1.0]], "updated in place"),
        ([variables[0].numpy(), *variables[1:]], "all of one kind"),
    ):
        with pytest.raises(InputError, match=remedy):
            audited(step, given, model)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"steps": 0}, "at least 1"),
        ({"batch_size": 0}, "batch_size"),
        ({"initial": "mine"}, "as-is"),
    ],
)
def test_options_that_are_none_are_refused(wrong, says):
    model = reference()
    with pytest.raises(InputError, match=says):
        audited(*made(model), model, **wrong)


def test_models_and_data_that_cannot_be_a_reference_are_refused():
    model = reference()
    step, variables = made(model)
    x, y = data()
    bare = keras.Sequential([keras.Input((12,), name="x"), keras.layers.Dense(5, name="out")], name="bare")
    for given, says in (((bare, x, y), "compile"), ((step, x, y), "keras.Model"), ((model, x, y[:3]), "equal lengths")):
        with pytest.raises(InputError, match=says):
            lockstep.audit(step, variables, *given)
    with pytest.raises(InputError, match=r"model\.fit"):
        lockstep.audit(lambda x, y: 0.0, variables, model, x[:, :4], y)


# --------------------------------------------------------------------------------------------------- what is left as it was


@pytest.mark.long
def test_everything_is_put_back_and_what_cannot_be_is_named():
    model = reference(optimizer=keras.optimizers.Adam(0.01, name="adam"))
    model.fit(*data(), epochs=1, verbose=0)
    before = [variable.value.numpy() for variable in (*model.variables, *model.optimizer.variables)]
    step, variables = made(model)
    starts = [variable.assign(variable + 0.5).numpy() for variable in variables]
    counter, held, array = [0], tf.Variable(3.0), np.arange(3.0)
    clock = {"t": 0}

    def counting(x, y):
        counter[0] += 1
        clock["t"] += 1
        held.assign_add(1)
        array[:] += 1
        return step(x, y)

    finding = audited(counting, variables, model, state=[array])
    after = [variable.value.numpy() for variable in (*model.variables, *model.optimizer.variables)]
    assert all(a.tobytes() == b.tobytes() for a, b in zip(before, after, strict=True))
    assert all(a.tobytes() == b.numpy().tobytes() for a, b in zip(starts, variables, strict=True))
    assert (held.numpy(), array.tolist(), counter, clock) == (3.0, [0, 1, 2], [7], {"t": 7})
    assert any("clock.t" in note and "counter.0" in note for note in finding.notes)


def test_the_step_is_called_exactly_as_often_as_asked():
    model = reference()
    step, variables = made(model, reduce=tf.reduce_sum)
    seen = []
    audited(lambda x, y: (seen.append(len(x)), step(x, y))[1], variables, model, steps=6)
    assert seen == [10, 10, 10, 10, 5, 10]


def test_shuffling_gives_both_sides_one_order():
    model = reference()
    rows = []
    step, variables = made(model)
    finding = audited(lambda x, y: (rows.append(x.numpy()), step(x, y))[1], variables, model, shuffle=True, seed=3)
    assert finding.verdict in PASSING
    assert rows[0].tobytes() != data()[0][:10].tobytes()


def test_a_model_that_is_audited_twice_gives_the_same_finding():
    model = reference()
    step, variables = made(model, reduce=tf.reduce_sum)
    assert str(audited(step, variables, model)) == str(audited(step, variables, model))


# -------------------------------------------------------------------------------------------------------- for test suites


def test_assert_lockstep_raises_with_the_text():
    model = reference()
    assert lockstep.assert_lockstep(*made(model), model, *data(), steps=3).verdict in PASSING
    with pytest.raises(AssertionError, match="loss-sum-not-mean"):
        lockstep.assert_lockstep(*made(model, reduce=tf.reduce_sum), model, *data(), steps=3)
    step, variables = made(model)

    def nearly(x, y):
        loss = step(x, y)
        variables[0].assign(variables[0] * (1 + 2**-23))
        return loss

    with pytest.raises(AssertionError, match="round-off"):
        lockstep.assert_lockstep(nearly, variables, model, *data(), steps=3, require="identical")


def test_the_document_says_what_the_finding_says():
    model = reference()
    finding = audited(*made(model, reduce=tf.reduce_sum), model)
    document = json.loads(finding.to_json())
    assert document["schema"] == 1
    assert document["verdict"] == finding.verdict
    assert document["first"]["step"] == 1
    assert [cause["code"] for cause in document["causes"]] == [cause.code for cause in finding.causes]


# --------------------------------------------------------------------------------------------- loops with their own batches


def own_batches(model, batch=10, order=None, tell=False, figures=None, stop=None):
    """A run by gradient descent, in NumPy's order of rows."""

    def run(weights, x, y):
        step, variables = made(model)
        for variable, weight in zip(variables, weights, strict=True):
            variable.assign(weight)
        for epoch in range(9):
            losses = []
            rows = np.arange(len(x)) if order is None else order(epoch, len(x))
            for begin in range(0, len(rows), batch):
                chosen = rows[begin : begin + batch]
                losses.append(float(step(x[chosen], y[chosen])))
                yield (losses[-1], [variable.numpy() for variable in variables], *([chosen] if tell else []))
            if figures is not None:
                yield {"epoch": epoch, "loss": figures(losses)}

    return run


def ran(run, model, **options):
    return lockstep.audit_run(run, model, *data(), **({"batch_size": 10, "epochs": 2} | options))


def test_a_run_in_the_order_of_fit_agrees():
    model = reference()
    weighed = lambda losses: float(np.average(losses, weights=[10, 10, 10, 10, 5]))  # noqa: E731
    finding = ran(own_batches(model, figures=weighed), model)
    assert finding.verdict in PASSING
    assert finding.steps == 10


def test_a_run_that_tells_its_rows_is_followed():
    model = reference()
    orders = np.random.default_rng(5)
    finding = ran(own_batches(model, order=lambda epoch, count: orders.permutation(count), tell=True), model)
    assert finding.verdict in PASSING


def test_the_order_of_the_rows_is_named():
    model = reference()
    finding = ran(own_batches(model, order=lambda epoch, count: np.arange(count)[::-1]), model)
    assert finding.causes[0].code == "batch-order"
    assert "from the last to the first" in finding.causes[0].title
    assert finding.first.step == 1


def test_rows_that_are_left_out_are_named():
    model = reference()
    finding = ran(own_batches(model, order=lambda epoch, count: np.arange(40)), model)
    assert finding.causes[0].code == "drop-remainder"
    assert finding.first.step == 5
    told = ran(own_batches(model, order=lambda epoch, count: np.arange(40), tell=True), model)
    assert told.causes[0].code == "drop-remainder"
    assert told.first.stage == "batch"


@pytest.mark.parametrize(
    ("figures", "code"),
    [
        (lambda losses: float(np.mean(losses)), "last-batch-weighting"),
        (lambda losses: float(losses[-1]), "epoch-metric-running"),
        (lambda losses: float(np.sum(losses)), "epoch-loss-scaling"),
        (lambda losses: 7.0, "unknown"),
    ],
)
def test_what_is_said_of_an_epoch_is_compared(figures, code):
    model = reference()
    finding = ran(own_batches(model, figures=figures), model)
    assert finding.causes[0].code == code
    assert (finding.first.stage, finding.first.step) == ("epoch loss", 5)


def test_runs_that_yield_something_else_are_refused():
    model = reference()
    for yielded in (3.0, (1.0, [np.zeros(3)]), (1.0, [np.zeros((12, 6))] * 4, [99])):
        with pytest.raises(InputError, match="Yield"):
            ran(lambda weights, x, y, yielded=yielded: iter([yielded]), model)
    nothing = ran(lambda weights, x, y: iter([]), model)
    assert nothing.causes[0].code == "no-update"


# ------------------------------------------------------------------------------------------------------- the command line

LOOP = """
    import keras, numpy as np, tensorflow as tf
    x = np.random.default_rng(0).normal(size=(40, 4)).astype("float32")
    y = (x.sum(axis=1) > 0).astype("int64")
    model = keras.Sequential([keras.Input((4,), name="x"), keras.layers.Dense(2, name="out")], name="mine")
    model.compile(keras.optimizers.SGD(0.1, name="s"), keras.losses.SparseCategoricalCrossentropy(from_logits=True, name="l"))
    variables = [tf.Variable(weight.value) for weight in model.weights]
    batch_size = 8

    def step(x, y):
        with tf.GradientTape() as tape:
            logits = x @ variables[0] + variables[1]
            loss = tf.reduce_{how}(tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits))
        for variable, gradient in zip(variables, tape.gradient(loss, variables)):
            variable.assign_sub(0.1 * gradient)
        return loss
"""


def written(folder, text, name="loop.py"):
    path = folder / name
    path.write_text(textwrap.dedent(text))
    return str(path)


def test_the_command_audits_a_file(tmp_path, capsys):
    right = written(tmp_path, LOOP.format(how="mean"), "right.py")
    wrong = written(tmp_path, LOOP.format(how="sum"), "wrong.py")
    out = str(tmp_path / "finding.json")
    assert main(["audit", right, "--steps", "4"]) == 0
    assert capsys.readouterr().out.split()[1] in PASSING
    assert main(["audit", wrong, "--json", out]) == 1
    assert "cause 1: loss-sum-not-mean" in capsys.readouterr().out
    assert json.loads((tmp_path / "finding.json").read_text())["causes"][0]["code"] == "loss-sum-not-mean"
    assert main(["audit", wrong, "--require", "different", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == "different"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "is no file"),
        ("x = 1", "no step and no variables and no model and no y"),
        ("import nothing_of_this_name", "line 1: ModuleNotFoundError"),
        ("x = (", "line 1: SyntaxError"),
        ("raise SystemExit(3)", "SystemExit"),
    ],
)
def test_files_that_cannot_be_audited_get_one_line(tmp_path, capsys, text, says):
    path = str(tmp_path / "none.py") if text is None else written(tmp_path, text)
    assert main(["audit", path]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.strip().splitlines()) == 1
    assert says in printed.err


def test_variables_of_a_narrower_type_start_from_the_same_numbers():
    """float32 beside a float64 model: a note, and no alarm."""
    wide = keras.DTypePolicy("float64")
    layers = [keras.layers.Dense(6, "relu", dtype=wide, name="hidden"), keras.layers.Dense(5, dtype=wide, name="out")]
    model = keras.Sequential([keras.Input((12,), dtype="float64", name="x"), *layers], name="wide")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, name="loss", dtype="float64")
    model.compile(keras.optimizers.SGD(RATE, name="sgd"), loss)
    before = [weight.value.numpy() for weight in model.weights]
    variables = [tf.Variable(tf.zeros(weight.shape)) for weight in model.weights]

    def step(x, y):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, net(variables, tf.cast(x, "float32"))))
        for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
            variable.assign_sub(RATE * gradient)
        return loss

    finding = audited(step, variables, model)
    assert finding.verdict == "round-off"
    assert any(note.startswith("dtype:") for note in finding.notes)
    assert all(a.tobytes() == b.value.numpy().tobytes() for a, b in zip(before, model.weights, strict=True))


# -------------------------------------------------------------------------------------- what cannot be compared or told apart


def with_dropout():
    layers = [
        keras.layers.Dense(16, "relu", kernel_initializer=keras.initializers.GlorotUniform(1), name="hidden"),
        keras.layers.Dropout(0.4, seed=1, name="drop"),
        keras.layers.Dense(5, kernel_initializer=keras.initializers.GlorotUniform(2), name="out"),
    ]
    model = keras.Sequential([keras.Input((12,), name="x"), *layers], name="dropping")
    model.compile(keras.optimizers.SGD(RATE, name="sgd"), keras.losses.SparseCategoricalCrossentropy(from_logits=True, name="l"))
    return model


def dropping(model, factor=1.0):
    """Gradient descent by hand, with masks from a generator of its own."""
    variables = [tf.Variable(tf.zeros_like(weight.value)) for weight in model.trainable_variables]
    masks = tf.random.Generator.from_seed(9)

    def step(x, y):
        kept = tf.cast(masks.uniform((len(x), 16)) >= 0.4, "float32") / 0.6
        with tf.GradientTape() as tape:
            logits = tf.nn.relu(x @ variables[0] + variables[1]) * kept @ variables[2] + variables[3]
            loss = factor * tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits))
        for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
            variable.assign_sub(RATE * gradient)
        return loss

    return step, variables


@pytest.mark.long
def test_masks_of_the_loops_own_are_a_note_and_no_alarm():
    model = with_dropout()
    finding = audited(*dropping(model), model)
    assert [cause.code for cause in finding.causes] == ["dropout-mask"]
    assert finding.verdict == "alike"
    assert finding.meets("round-off")
    assert not finding.meets("identical")


@pytest.mark.long
def test_a_mistake_beside_masks_of_its_own_is_no_note():
    model = with_dropout()
    finding = audited(*dropping(model, factor=1.2), model, steps=20)
    assert "dropout-mask" not in [cause.code for cause in finding.causes]
    assert not finding.meets("round-off")


@pytest.mark.long
def test_a_run_that_starts_from_weights_of_its_own_is_told_so():
    """The weights before the first step are not yielded; they are found by going back."""
    model = reference()

    def run(weights, x, y):
        inner = own_batches(model)
        yield from inner([weight * 1.5 + 0.01 for weight in weights], x, y)

    finding = ran(run, model)
    assert finding.causes[0].code == "initial-weights"
    assert "going back" in finding.causes[0].evidence[0]
    x, y = data()
    model.set_weights([weight * 1.5 + 0.01 for weight in model.get_weights()])
    assert lockstep.audit_run(own_batches(model), model, x, y, batch_size=10).verdict in PASSING


class Doubled(keras.Sequential):
    """Minimises twice its loss, in a train_step of its own."""

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = 2 * self.compute_loss(x=x, y=y, y_pred=self(x, training=True))
        self.optimizer.apply_gradients(zip(tape.gradient(loss, self.trainable_variables), self.trainable_variables, strict=True))
        self._loss_tracker.update_state(loss)
        return {"loss": self._loss_tracker.result()}


def test_no_cause_is_tried_on_a_reference_that_cannot_be_replayed():
    """The loop is as far from the reference as a rate half as large; what the replay shows of it would prove nothing."""
    model = reference()
    own = Doubled([keras.Input((12,), name="x"), *model.layers], name="doubled")
    own.compile(keras.optimizers.SGD(RATE, name="sgd"), model.loss)
    finding = audited(*made(own), own)
    assert finding.verdict == "different"
    assert [cause.code for cause in finding.causes] == ["unknown"]
    assert "train_step" in finding.causes[0].evidence[0]


def flat(step):
    """The loop, without telling its loss."""

    def silent(x, y):
        step(x, y)

    return silent


def silent_loops(model, reduce):
    """A function that makes fresh loops."""

    def make():
        step, variables = made(model, reduce=reduce)
        return flat(step), variables

    return make


@pytest.mark.long
@pytest.mark.parametrize(
    ("reduce", "code"), [(tf.reduce_sum, "loss-sum-not-mean"), (lambda x: 10 * tf.reduce_mean(x), "learning-rate-value")]
)
def test_probing_batches_tell_apart_what_full_batches_cannot(reduce, code):
    """Of full batches of ten, by plain descent and without a loss, a sum and a rate ten times as large are one thing."""
    model = reference()
    make = silent_loops(model, reduce)
    told = audited(*make(), model, rows=40)
    both = {cause.code for cause in told.causes}
    assert {"loss-sum-not-mean", "learning-rate-value"} <= both
    assert any("do not tell apart" in note for note in told.notes)
    finding = audited(*make(), model, rows=40, make=make)
    assert finding.causes[0].code == code
    assert not {"loss-sum-not-mean", "learning-rate-value"} <= {cause.code for cause in finding.causes}
    assert any("single rows" in note for note in finding.notes)


# ------------------------------------------------------------------------------------------------------------------- docs

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "audit.md").read_text(encoding="utf-8")


def masked(text):
    """The words, without the figures and in one line."""
    return re.sub(r"-?\d[\d,.]*(e[-+]?\d+)?", "#", " ".join(text.split()))


def test_the_tutorial_prints_what_the_page_says(tmp_path, capsys):
    source, printed = re.findall(r"```(?:python|text)\n(.*?)```", PAGE, re.DOTALL)[:2]
    assert main(["audit", written(tmp_path, source)]) == 1
    assert masked(capsys.readouterr().out) == masked(printed)


def test_the_tutorials_loop_is_right_when_it_is_mended(tmp_path, capsys):
    source = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[0]
    mended = source.replace("beta_2, ep, 1.0", "beta_2, ep, tf.Variable(1.0)")
    mended = mended.replace("self.t += 1.0", "self.t.assign_add(1.0)")
    mended = mended.replace("(tf.sqrt(v_hat) + self.ep)", "(tf.sqrt(v_hat) + self.ep / tf.sqrt(1 - self.beta_2**self.t))")
    assert mended.count("tf.Variable(1.0)") == mended.count("assign_add") == 1
    assert main(["audit", written(tmp_path, mended)]) == 0
    assert capsys.readouterr().out.split()[1] in PASSING


def test_the_page_has_every_code():
    listed = set(re.findall(r"^\| `([a-z-]+)` \|", PAGE, re.MULTILINE))
    own = {"initial-weights", "dropout-mask", "unknown", *FAULTS}
    assert {one.cause for one in loops()} | own <= listed
    contract = """
        loss-sum-not-mean loss-mean-not-sum double-softmax probabilities-as-logits binary-for-categorical
        labels-shape-broadcast label-smoothing adam-epsilon-inside adam-epsilon-value adam-no-bias-correction
        adam-frozen-counter optimizer-slots-reset optimizer-slots-shared momentum-form nesterov-missing learning-rate-value
        learning-rate-schedule-off-by-one decay-coupled regularizer-missing regularizer-halved gradient-clipping
        bias-not-updated layer-not-trained gradient-of-stale-weights initial-weights activation-differs input-scaling
        batch-order drop-remainder last-batch-weighting batchnorm-mode batchnorm-momentum batchnorm-epsilon dropout-mode
        dropout-mask epoch-metric-running dtype nan unknown
    """
    assert set(contract.split()) <= listed
