"""The traps of TensorFlow and Keras, and of tests: what each does on this machine, against mathematics written here.

Those that need processes of their own take about five seconds for each.
"""

import math

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from test_traps import ELSEWHERE, FOLDER, MODEL, check_measured, numbers

import highlevel
import lowlevel
from lockstep.traps import catalogue, trap
from lockstep.traps._apart import apart
from lockstep.traps._digits import digits
from lockstep.traps._nets import net, ulps
from shared import ModelSpec

LONG = (
    "threads-change-full-batch",
    "workers-fail-in-fit",
    "onednn-changes-numbers",
    "fork-hangs",
    "determinism-changes-numbers",
    "backup-within-epoch",
    "fit-shuffle-repeats",
)
MEASURED = [one.name for one in catalogue() if one.kind in ELSEWHERE]


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.long if at % 5 or name in LONG else ()) for at, name in enumerate(MEASURED)],
)
def test_measuring_changes_nothing_global_and_gives_the_line_of_the_page(name):
    check_measured(name)


def test_only_what_is_said_to_runs_in_other_processes():
    """So that the others are known to be quick."""
    users = {path.stem.replace("_", "-") for path in FOLDER.glob("[a-z]*.py") if "import apart\n" in path.read_text()}
    assert users == {
        "fit-shuffle-repeats",
        "tensorflow-loads-keras",
        "determinism-changes-numbers",
        "onednn-changes-numbers",
        "fork-hangs",
        "workers-fail-in-fit",
    }


# ------------------------------------------------------------------------------------------ what is loaded, what is a name


def test_tensorflow_loads_keras():
    found = numbers("tensorflow-loads-keras")
    assert found["wrong plain"] > 100 > found["right plain"] == 0 < found["right hidden"]
    one = trap("tensorflow-loads-keras")
    assert one.right("from tensorflow import keras") == one.right("import tf_keras") == one.right("tf.optimizers.SGD") == 1
    assert one.right("losses = 1\nprint(losses)") == 0
    for name in ("losses", "optimizers", "metrics", "initializers"):
        assert "keras" in getattr(tf, name).__name__


def test_gradient_terms_by_name():
    found = numbers("gradient-terms-by-name")
    assert found["wrong differ"] > 100 > found["right differ"] == found["right ULP"] == 0 < found["wrong ULP"]
    from lockstep.traps.gradient_terms_by_name import gradient

    draw = np.random.default_rng(5)
    x, w = draw.normal(size=(8, 4)), draw.normal(size=(4, 3))
    variable = tf.Variable(w, dtype=tf.float32)
    true = 2 * x.T @ x @ w / 24 + 0.01 * np.sign(w) + 0.02 * w
    for names in (("a", "b", "c"), ("c", "b", "a")):
        assert gradient(tf.constant(x, tf.float32), variable, names).numpy() == pytest.approx(true, rel=1e-4, abs=1e-6)


@pytest.mark.long
def test_plus_for_bias_add():
    one = trap("plus-for-bias-add")
    product, bias = tf.random.stateless_normal((32, 25), [1, 2]), tf.random.stateless_normal((25,), [1, 3])
    assert np.array_equal(one.wrong(product, bias), one.right(product, bias))
    found = numbers("plus-for-bias-add")
    assert 1 <= found["ULP"] < 100
    assert 0 < found["weights"] < 1e-4


# --------------------------------------------------------------------------------------- graphs, XLA, kernels and threads


@pytest.mark.long
def test_xla_on_one_side():
    found = numbers("xla-on-one-side")
    assert 0 == found["right difference"] < found["wrong difference"] < 1e-2


def test_xla_draws_otherwise():
    found = numbers("xla-draws-otherwise")
    assert found["right share"] == 0
    assert abs(found["wrong share"] - 0.5) < 5 * math.sqrt(0.25 / 10_000)  # as independent masks would
    one = trap("xla-draws-otherwise")
    for half in (one.wrong, one.right):
        assert set(np.unique(half(tf.ones(1000)))) == {0, 2}


def test_eager_rounds_otherwise():
    found = numbers("eager-rounds-otherwise")
    assert found["relu"] == 0
    assert found["step"] == 1
    assert min(found["tanh"], found["sigmoid"]) > 0
    g, scale, rate = np.float32(0.7234), np.float32(0.3), np.float32(0.007)
    from lockstep.traps.eager_rounds_otherwise import scaled

    given = tf.random.stateless_normal((1000,), [4, 2]), tf.constant(scale), tf.constant(rate)
    one = trap("eager-rounds-otherwise")
    assert np.array_equal(one.wrong(scaled, *given), given[0].numpy() * scale * rate)
    assert np.array_equal(one.right(scaled, *given), given[0].numpy() * (scale * rate))
    assert g * scale * rate == pytest.approx(g * (scale * rate))


def test_graph_without_a_result():
    found = numbers("graph-without-a-result")
    assert 0 < found["differ"] < 2400
    assert 1 <= found["ULP"] <= 4


def test_batch_size_known():
    found = numbers("batch-size-known")
    assert found["wrong differ"] > found["right differ"] == found["right ULP"] == 0 < found["wrong ULP"] < 100
    one, x = trap("batch-size-known"), np.random.default_rng(8).normal(size=(10, 7))
    step, rows = 1e-6, []

    def loss(x):
        z = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-3)
        return np.mean(np.tanh(z) ** 2)

    for at in np.ndindex(x.shape):
        move = np.zeros_like(x)
        move[at] = step
        rows.append((loss(x + move) - loss(x - move)) / (2 * step))
    for half in (one.wrong, one.right):
        found = half(tf.constant(x, tf.float32)).numpy()
        assert found == pytest.approx(np.reshape(rows, x.shape), abs=1e-6)


@pytest.mark.long
def test_determinism_changes_numbers():
    found = numbers("determinism-changes-numbers")
    assert 0 == found["right repeated"] < found["wrong difference"] < 1e-4
    assert (found["right XLA"], found["wrong XLA"]) == (1, 0)


@pytest.mark.long
def test_onednn_changes_numbers():
    found = numbers("onednn-changes-numbers")
    assert 0 == found["right difference"] < found["wrong difference"] < 1e-4


@pytest.mark.long
def test_threads_change_full_batch():
    found = numbers("threads-change-full-batch")
    assert 0 == found["right full"] == found["wrong batches"] < found["wrong full"] < 1e-4


# ------------------------------------------------------------------------------------------------------ types and rounding


def test_float_through_float32():
    one = trap("float-through-float32")
    for number in (0.1, 0.999, 1e-7):
        assert float(one.wrong(number)) == float(np.float32(number)) != number
        assert float(one.right(number)) == number
    found = numbers("float-through-float32")
    assert found["right error"] == 0
    assert found["wrong error"] == float(np.float32(0.1)) - 0.1 == pytest.approx(found["keras error"], rel=1e-6)


def test_complement_in_float32():
    one = trap("complement-in-float32")
    assert float(one.wrong(0.999)) == float(np.float32(1) - np.float32(0.999))
    assert float(one.right(0.999)) == float(np.float32(1 - 0.999))
    found = numbers("complement-in-float32")
    assert found["wrong second"] == pytest.approx(1.29e-5, rel=0.01)
    assert found["right second"] < 2**-24 < found["wrong first"]


def test_predict_in_float32():
    found = numbers("predict-in-float32")
    assert found["wrong above 1"] == 0
    assert found["right above 1"] == 2.0**-40
    assert found["wrong bits"] == found["right bits"] == 64
    from lockstep.traps.predict_in_float32 import identity

    x = np.array([[1 + 2.0**-40]])
    for given in (tf.constant(x), x):
        assert identity().predict(given, verbose=0)[0, 0] == 1
    assert identity().predict_on_batch(x)[0, 0] == float(identity()(x)[0, 0]) == x[0, 0]


def test_loss_in_float32():
    found = numbers("loss-in-float32")
    assert (found["wrong bits"], found["right bits"]) == (32, 64)
    assert found["right error"] < 1e-15 < 1e-10 < found["wrong error"] < 1e-7


def test_penalty_refused_in_float64():
    found = numbers("penalty-refused-in-float64")
    assert found["wrong refused"]
    assert found["right loss"] == pytest.approx(4 + 0.01 * 3)
    one, w = trap("penalty-refused-in-float64"), tf.Variable([0.1, 0.3], dtype=tf.float64)
    with tf.GradientTape() as tape:
        penalty = one.right(0.25)(w)
    assert penalty.dtype == tf.float32
    assert tape.gradient(penalty, w).numpy() == pytest.approx(2 * 0.25 * w.numpy(), rel=1e-15)  # float64


def test_clip_touches_small():
    inexact = [at for at in range(1, 101) if np.float32(at) * (np.float32(1) / np.float32(at)) != 1]
    found = numbers("clip-touches-small")
    assert found["wrong limits"] == len(inexact) > 0 == found["right limits"]
    one = trap("clip-touches-small")
    gradients = [tf.constant([3.0]), tf.constant([4.0])]
    for half in (one.wrong, one.right):
        assert [float(part[0]) for part in half(gradients, 1.0)] == pytest.approx([0.6, 0.8])


# ------------------------------------------------------------------------------------------------------------ what fit does


def test_weights_not_in_divisor():
    one = trap("weights-not-in-divisor")
    losses, weights = np.array([1.0, 4.0, 2.0]), np.array([3.0, 1.0, 0.0])
    assert float(one.wrong(losses, weights)) == pytest.approx(7 / 4)
    assert float(one.right(losses, weights)) == pytest.approx(7 / 3)
    found = numbers("weights-not-in-divisor")
    assert (found["wrong"], found["right"], found["keras"], found["keras mean"]) == (2.5, 5, 5, 2.5)


def test_class_weights_end():
    found = numbers("class-weights-end")
    assert found["wrong fails"]
    true = math.log(5) * 6 / 5  # equal logits; one of five examples counts twice
    assert [found[name] for name in ("wrong arrays", "right arrays", "right pipeline")] == pytest.approx([true] * 3)


def test_running_loss_in_logs():
    """Against softmax regression in float64 NumPy: the losses of the batches, and their running means."""
    x, y = digits()
    x, y = x[::7].astype(np.float64), y[::7, 0]  # 143 rows: 4 batches of 32 and one of 15
    w, b, losses = np.zeros((400, 10)), np.zeros(10), []
    for at in range(0, len(x), 32):
        rows, targets = x[at : at + 32], np.eye(10)[y[at : at + 32]]
        z = rows @ w + b
        p = np.exp(z - z.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        losses.append(-np.log((p * targets).sum(axis=1)))
        slope = (p - targets) / len(rows)
        w, b = w - 0.05 * rows.T @ slope, b - 0.05 * slope.sum(axis=0)
    means = [float(np.concatenate(losses[: at + 1]).mean()) for at in range(len(losses))]
    one, found = trap("running-loss-in-logs"), {}
    for half in (one.wrong, one.right):
        model = keras.Sequential([keras.Input((400,)), keras.layers.Dense(10, kernel_initializer="zeros", name="L1")], name="net")
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, name="loss")
        model.compile(keras.optimizers.SGD(0.05, name="sgd"), loss, jit_compile=False)
        found[half] = half(model, x, y)
    assert found[one.wrong] == pytest.approx(means, rel=1e-5)
    assert found[one.right] == pytest.approx([float(part.mean()) for part in losses], rel=1e-4)
    assert numbers("running-loss-in-logs")["wrong first"] == numbers("running-loss-in-logs")["right first"]
    assert numbers("running-loss-in-logs")["right range"] > 5 * numbers("running-loss-in-logs")["wrong range"]


def test_callback_skips_steps():
    found = numbers("callback-skips-steps")
    assert (found["wrong calls"], found["right calls"]) == (4, 32)
    assert found["right last"] == 32 < found["wrong last"]
    assert found["difference"] == 0


@pytest.mark.long
def test_backup_within_epoch():
    """Broken off after 52 steps and last saved after 48, it goes on at the beginning of the second epoch: 48 + 32 steps."""
    found = numbers("backup-within-epoch")
    assert (found["wrong steps"], found["right steps"]) == (80, 64)
    assert found["right difference"] == 0 < 1e-3 < found["wrong difference"]


def test_averages_each_fit():
    """The second call must begin where the first one's averages are: one weight, gradient 1, by hand."""
    found = numbers("averages-each-fit")
    assert found["without"] == 0 < 1e-3 < found["with averages"]
    one, ends = trap("averages-each-fit"), []
    for half in (one.wrong, one.right):
        layer = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros", name="L1")
        model = keras.Sequential([keras.Input((1,)), layer], name="net")
        optimizer = keras.optimizers.SGD(1.0, use_ema=True, ema_momentum=0.5, name="sgd")
        model.compile(optimizer, lambda y, z: -z, run_eagerly=True)
        half(model, np.ones((1, 1)), np.ones((1, 1)))
        ends.append(float(model.get_weights()[0][0, 0]))
    averages, w = [], 0.0
    for _ in range(2):
        w += 1
        averages.append(w if not averages else 0.5 * averages[-1] + 0.5 * w)
    assert ends[1] == pytest.approx(averages[1])
    assert ends[0] == pytest.approx(0.5 * averages[0] + 0.5 * (averages[0] + 1))


def test_wrapped_nadam_forgets():
    found = numbers("wrapped-nadam-forgets")
    assert found["right wrapped"] == found["wrong plain"] == 0 < 1e-3 < found["wrong wrapped"]


def test_moving_statistics_left():
    found = numbers("moving-statistics-left")
    assert found["right use"] == found["right training"] == found["wrong training"] == 0 < 0.01 < found["wrong use"]


def test_moving_statistics_lag():
    found = numbers("moving-statistics-lag")
    assert found["wrong own"] == pytest.approx(found["right own"])  # training is the same
    assert found["wrong loss"] > found["right loss"] + 0.2 > found["right own"]
    assert found["wrong accuracy"] < found["right accuracy"]


def test_layers_without_loss_scale():
    found = numbers("layers-without-loss-scale")
    assert (found["wrong wrapped"], found["right wrapped"]) == (0, 1)
    assert 2 * found["wrong moved"] < found["right moved"]
    assert np.float16(2.9e-8) == 0 < np.float16(2**15 * 2.9e-8)


def test_dropout_shifts_seeds():
    found = numbers("dropout-shifts-seeds")
    assert found["wrong before"] == found["right before"] == found["right after"] == 0 < 0.1 < found["wrong after"]


def test_weight_file_as_text(tmp_path):
    found = numbers("weight-file-as-text")
    assert (found["wrong in place"], found["right in place"], found["named as layers"]) == (2, 12, 0)
    one = trap("weight-file-as-text")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name in ("dense_2", "dense_10", "dense"):
            file.create_group(f"layers/{name}")
        assert one.wrong(file) == ["dense", "dense_10", "dense_2"]
        assert one.right(file) == ["dense", "dense_2", "dense_10"]


def test_clone_drops_fit_arguments():
    found = numbers("clone-drops-fit-arguments")
    assert (found["wrong epochs"], found["right epochs"], found["probabilities"]) == (1, 3, 0)
    from sklearn.base import clone

    from lockstep.traps.clone_drops_fit_arguments import make

    one, x, y = trap("clone-drops-fit-arguments"), np.arange(6.0).reshape(6, 1), np.array([0, 1] * 3)
    for half, epochs in ((one.wrong, 1), (one.right, 3)):
        fitted = clone(half(make)).fit(x, y, verbose=0)
        assert len(fitted.history_.history["loss"]) == epochs


def test_tensorboard_missing():
    found = numbers("tensorboard-missing")
    assert found["wrong raises"] == (not found["installed"])
    assert found["right raises"] == 0


# ----------------------------------------------------------------------------------------------------------- processes


@pytest.mark.long
def test_fork_hangs():
    found = numbers("fork-hangs")
    assert (found["wrong answered"], found["right answered"]) == (0, 1)


@pytest.mark.long
def test_workers_fail_in_fit():
    """The bias by hand: -2 (b - 1) is the mean slope of both batches, once w = 0, once x = 0: 0.2, then 0.36."""
    found = numbers("workers-fail-in-fit")
    assert (found["wrong trained"], found["wrong PerReplica"], found["right trained"]) == (0, 1, 1)
    assert found["right bias"] == pytest.approx(0.36)
    assert found["difference"] == found["wrong bias"] == 0


def test_what_a_process_of_its_own_raises_is_raised_here():
    with pytest.raises(Exception, match="non-zero exit status"):
        apart(math.sqrt, -1)
    assert apart(math.sqrt, 4) == 2


# --------------------------------------------------------------------------------------------------------------- tests


def test_epsilon_out_of_sight():
    one = trap("epsilon-out-of-sight")
    from lockstep.traps.epsilon_out_of_sight import adam, inside, outside

    for rule, seen in ((outside, True), (inside, False), (np.sqrt, False)):
        assert one.wrong(rule)
        assert one.right(rule) == seen
    gradient = np.array([2e-8, -5e-3])
    optimizer, weight = keras.optimizers.Adam(1e-3, epsilon=1e-8, name="adam"), keras.Variable(np.zeros(2), name="weight")
    optimizer.build([weight])
    optimizer.apply([tf.constant(gradient, tf.float32)], [weight])  # Keras scales epsilon, by 1 / sqrt(1 - 0.999) at first
    scaled = 1e-8 / math.sqrt(1 - 0.999)
    assert weight.numpy() == pytest.approx(adam(gradient, lambda v: np.sqrt(v) + scaled, steps=1), rel=1e-5)
    assert numbers("epsilon-out-of-sight")["difference at 5"] < 1e-11


def test_tolerance_too_wide():
    found = numbers("tolerance-too-wide")
    assert (found["wrong passes other"], found["right passes other"]) == (1, 0)
    assert found["wrong passes same"] == found["right passes same"] == 1
    assert found["losses"] < 1e-3 < 1e-2 < found["weights"]


def test_distance_in_ulps():
    assert ulps([1.0], [np.nextafter(np.float32(1), np.float32(2))]) == 1
    assert ulps([-1e-45], [1e-45]) == 2
    assert ulps([0.0], [-0.0]) == 0
    assert ulps([1.0, 2.0], [1.0, 2.0]) == 0


def test_the_net_of_the_traps_begins_with_the_same_weights():
    first, second = (net(keras.optimizers.SGD(name="sgd")).get_weights() for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert sum(weight.size for weight in first) == 400 * 25 + 25 + 250 + 10


# ---------------------------------------------------------------------------------------------------------- as before


def test_fit_shuffle_repeats():
    found = numbers("fit-shuffle-repeats")
    assert (found["wrong orders"], found["right orders"]) == (1, 5)
    orders = trap("fit-shuffle-repeats").right(20, 3, 1)
    assert all(sorted(order) == list(range(20)) for order in orders)


def test_dataset_shuffle_skips():
    found = numbers("dataset-shuffle-skips")
    assert [found[f"wrong epoch {epoch}"] for epoch in (1, 2, 3, 4)] == [0, 2, 4, 6]
    assert [found[f"right epoch {epoch}"] for epoch in (1, 2, 3, 4)] == [0, 1, 2, 3]


def test_module_bias_first():
    from lockstep.traps.module_bias_first import Net

    one, net = trap("module-bias-first"), Net()
    assert [variable.shape.rank for variable in one.wrong(net)] == [1, 2, 1, 2]
    assert [variable.shape.rank for variable in one.right(net)] == [2, 1, 2, 1]
    assert one.wrong(net)[1] is net.head.kernel
    assert one.right(net)[0] is net.inner.kernel
    found = numbers("module-bias-first")
    assert found["wrong difference"] > 0.1 > found["right difference"] == 0
    network = lowlevel.build(ModelSpec.mlp(12, 6, 5))
    assert [weight.shape.rank for weight in network.weights] == [2, 1, 2, 1]


def test_jit_auto_without_xla():
    found = numbers("jit-auto-without-xla")
    assert found["wrong XLA"] == (found["accelerators"] > 0)
    assert found["right XLA"] == 0
    assert found["difference"] < 1e-3


def test_jit_auto_means_xla_where_there_is_an_accelerator(monkeypatch):
    class Device:
        device_type = "GPU"

    one = trap("jit-auto-without-xla")
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: [Device()])
    assert one.wrong(highlevel.build(MODEL)) is True
    assert one.right(highlevel.build(MODEL)) is False
