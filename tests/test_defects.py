"""Defects planted on purpose: the comparison must see each one, at the right step, stage and tensor."""

import math

import numpy as np
import pytest
import tensorflow as tf
from conftest import small_data

import highlevel
import lockstep
import lowlevel
from lockstep import Side
from lowlevel.optimizers import SGD, Adam
from shared import ModelSpec, TrainSpec

MODEL = ModelSpec.mlp(12, 6, 5)
ADAM = TrainSpec(epochs=2, batch_size=10, seed=9)  # 45 rows: five steps an epoch, the last of five rows
DESCENT = TrainSpec(optimizer="sgd", learning_rate=0.05, epochs=2, batch_size=10, seed=9)


def planted(change, train=ADAM):
    """The report on a low-level trainer changed by ``change`` against ``fit``; none of the defects here may pass as rounding."""

    def make(model, train):
        trainer = lowlevel.Trainer(model, train, execution="graph")
        change(trainer)
        return trainer

    x, y, *_ = small_data()
    report = lockstep.compare(MODEL, train, (x, y), sides=[Side("planted", make), "keras"])
    assert report.verdict in ("alike", "different"), report
    return report


def found(report):
    return report.first.step, report.first.stage, report.first.tensor


class InsideAdam(Adam):
    """Epsilon under the root."""

    def rule(self, w, g, *slots, t, learning_rate):
        _, m, v = super().rule(w, g, *slots, t=t, learning_rate=learning_rate)
        power_1, power_2 = (tf.pow(tf.cast(beta, w.dtype), t) for beta in (0.9, 0.999))
        alpha = learning_rate * tf.sqrt(1 - power_2) / (1 - power_1)
        return w - (m * alpha) / tf.sqrt(v + 1e-7), m, v


class FrozenAdam(Adam):
    """The step's number stays 1."""

    def rule(self, w, g, *slots, t, learning_rate):
        return super().rule(w, g, *slots, t=t * 0 + 1, learning_rate=learning_rate)


class BiasForgotten(SGD):
    """Only kernels are updated."""

    def rule(self, w, g, *slots, t, learning_rate):
        new = super().rule(w, g, *slots, t=t, learning_rate=learning_rate)
        return (w + 0.0, *new[1:]) if w.shape.rank == 1 else new


def swap(optimizer):
    def change(trainer):
        trainer.optimizer = optimizer(trainer.train)
        trainer.optimizer.build(trainer.network.weights)

    return change


def test_epsilon_moved():
    report = planted(swap(InsideAdam))
    assert found(report) == (1, "weights out", "L1/kernel")


def test_counter_frozen():
    assert found(planted(swap(FrozenAdam))) == (2, "weights out", "L1/kernel")


def test_bias_forgotten():
    report = planted(swap(BiasForgotten), DESCENT)
    assert found(report) == (1, "weights out", "L1/bias")


@pytest.mark.parametrize("train", [ADAM, DESCENT], ids=["adam", "sgd"])
def test_sum_for_mean(train):
    """Adam hides it from the curves almost wholly; the comparison sees it all the same."""

    def change(trainer):
        trainer.reduction = tf.reduce_sum

    report = planted(change, train)
    assert found(report) == (1, "loss", "loss")
    assert report.verdict == "different"


@pytest.mark.long
def test_mean_of_the_full_batch_size():
    """Divided by the batch size also where the last batch is smaller: step 5 is the first partial one."""

    def change(trainer):
        trainer.reduction = lambda losses: tf.reduce_sum(losses) / 10

    assert found(planted(change)) == (5, "loss", "loss")


class Nudged(lowlevel.Trainer):
    """One element of one weight is one ULP off after one step."""

    step, tensor, place = 7, 2, (3, 1)

    def _step(self, x, y):
        super()._step(x, y)
        weight = self.network.weights[self.tensor]
        value = weight[self.place]
        bits = tf.bitcast(value, tf.int32 if value.dtype == tf.float32 else tf.int64)
        nudged = tf.bitcast(bits + tf.cast(tf.equal(self.optimizer.iteration, self.step), bits.dtype), value.dtype)
        weight.assign(tf.tensor_scatter_nd_update(weight, [self.place], [nudged]))


@pytest.mark.parametrize(
    ("execution", "dtype"),
    [
        pytest.param("eager", "float32", marks=pytest.mark.long),
        ("graph", "float64"),
        pytest.param("epoch", "float32", marks=pytest.mark.long),
    ],
)
def test_one_ulp_in_one_element(execution, dtype):
    x, y, *_ = small_data()
    model = ModelSpec.mlp(12, 6, 5, dtype=dtype)
    side = Side("nudged", lambda model, train: Nudged(model, train, execution=execution))
    report = lockstep.compare(model, ADAM, (x, y), sides=[side, "keras"])
    assert found(report) == (7, "weights out", "L2/kernel")
    assert report.first.epoch == 2
    assert report.first.max_ulp == 1
    assert 0 < report.first.max_abs < 1e-6
    before_left, left, before_right, right = report.pairs[0].around
    assert (before_left.step, left.step, before_right.step, right.step) == (6, 7, 6, 7)
    assert report.pairs[0].verdict != "identical"


def test_one_ulp_in_keras_is_seen_too():
    class NudgedKeras(highlevel.Trainer):
        def fit(self, data, plan=None, record=None, **options):
            class Nudge:
                def on_epoch_end(nudge, epoch, logs):  # after the fifth step: seen at the sixth
                    if epoch == 0:
                        kernel = self.network.weights[0]
                        kernel.assign(np.nextafter(kernel.numpy(), np.float32(9)))

            return super().fit(data, plan, record, callbacks=[Nudge()], **options)

    x, y, *_ = small_data()
    report = lockstep.compare(MODEL, DESCENT, (x, y), sides=["epoch", Side("nudged", NudgedKeras)])
    # Weights that change between two steps show where the next step first uses them.
    assert found(report) == (6, "logits", "logits")


def test_wrong_order_of_examples():
    class Backwards(lowlevel.Trainer):
        def fit(self, data, plan=None, record=None, **options):
            orders = np.stack([plan.order(epoch)[::-1] for epoch in range(2)])
            return super().fit(data, orders, record, **options)

    x, y, *_ = small_data()
    report = lockstep.compare(MODEL, ADAM, (x, y), sides=[Side("backwards", Backwards), "keras"])
    assert found(report) == (1, "batch", "x")
    assert report.verdict in ("alike", "different")


def test_other_rows_with_the_same_labels():
    """Labels alone would not show it."""

    class Shifted(lowlevel.Trainer):
        def fit(self, data, plan=None, record=None, **options):
            x, y = data
            return super().fit((x * np.float32(1 + 2**-22), y), plan, record, **options)

    x, y, *_ = small_data()
    report = lockstep.compare(MODEL, ADAM, (x, y), sides=[Side("shifted", Shifted), "keras"])
    assert found(report) == (1, "batch", "x")
    assert report.verdict in ("alike", "different")


@pytest.mark.long
def test_other_first_weights():
    class Other(lowlevel.Trainer):
        def load(self, weights):
            super().load([weight + (0.5 if at == 3 else 0) for at, weight in enumerate(weights)])

    x, y, *_ = small_data()
    report = lockstep.compare(MODEL, ADAM, (x, y), sides=[Side("other", Other), "keras"])
    assert found(report) == (1, "weights in", "L2/bias")
    assert report.verdict in ("alike", "different")


def test_mean_of_batch_means_as_epoch_loss():
    """The running mean gives the partial batch too much weight: step 5 is the first where it shows."""

    class Means(lowlevel.Trainer):
        def _measure(self, y, logits, loss):
            super()._measure(y, logits, loss)
            missing = 10 - tf.cast(tf.shape(logits)[0], tf.float32)
            self.mean_loss.add(loss * missing, missing)

    x, y, *_ = small_data()
    report = lockstep.compare(MODEL, ADAM, (x, y), sides=[Side("means", Means), "keras"])
    assert found(report) == (5, "running metric", "loss")
    assert report.verdict in ("alike", "different")


class WrongPrediction(lowlevel.Trainer):
    """Predicts other logits than it trains on."""

    def _logits(self, x):
        return super()._logits(x) * 1.5


class WrongEvaluation(lowlevel.Trainer):
    """Evaluates with the sum for the mean."""

    def _test(self, x, y):
        logits = self.network(x)
        self._measure(y, logits, tf.reduce_sum(self.loss(y, logits)))


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        pytest.param(WrongPrediction, ("prediction", "logits"), marks=pytest.mark.long),
        pytest.param(WrongEvaluation, ("evaluation", "val_loss"), marks=pytest.mark.long),
    ],
)
def test_wrong_evaluation_and_prediction(wrong, place):
    from shared.data import Dataset

    x, y, x_test, y_test = small_data()
    data = Dataset(x_train=x, y_train=y, x_test=x_test, y_test=y_test, classes=tuple("abcde"), source="s", name="n")
    report = lockstep.compare(MODEL, ADAM, data, sides=[Side("wrong", wrong), "keras"])
    assert found(report) == (5, *place)
    assert report.verdict in ("alike", "different")


@pytest.mark.parametrize("sides", [("graph", "keras"), ("eager", "epoch")], ids="-".join)
def test_nan_on_both_sides_is_no_pass(sides):
    """Both sides overflow in the same way at the same step, and that proves nothing."""
    x, y, *_ = small_data()
    wild = TrainSpec(optimizer="sgd", learning_rate=1e30, epochs=2, batch_size=10, seed=9)
    report = lockstep.compare(MODEL, wild, (x, y), sides=sides)
    assert report.verdict == "different"
    assert report.max_ulp == math.inf
    assert not report.meets("alike")
    assert '"inf"' in report.to_json()


@pytest.mark.long
def test_round_off_is_told_from_a_defect():
    """XLA rounds differently and is round-off; epsilon of 3e-7 for 1e-7 is as small at first, and is not."""
    x, y, *_ = small_data(200)
    train = TrainSpec(epochs=3, batch_size=16, seed=9)
    model = ModelSpec.mlp(12, 8, 5)
    report = lockstep.compare(model, train, (x, y), sides=["epoch-xla", "epoch"])
    assert report.verdict == "round-off", report
    assert report.max_ulp > 0

    def make(model, train):
        import dataclasses

        return lowlevel.Trainer(model, dataclasses.replace(train, epsilon=3e-7))

    report = lockstep.compare(model, train, (x, y), sides=[Side("epsilon", make), "epoch"])
    assert report.verdict in ("alike", "different")
    assert found(report) == (1, "weights out", "L1/kernel")
