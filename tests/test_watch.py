"""Watching changes no bit: watched and unwatched trainings end equal, in both wings, with and without XLA, in every form."""

import pytest
from cases import OPTIMIZERS
from conftest import small_data

import highlevel
import lowlevel
from shared import ModelSpec, TrainSpec
from shared.records import EpochRecord, StepRecord

FORMS = [
    pytest.param(lowlevel.Trainer, "eager", False, marks=pytest.mark.long),
    (lowlevel.Trainer, "graph", False),
    pytest.param(lowlevel.Trainer, "graph", True, marks=pytest.mark.long),
    pytest.param(lowlevel.Trainer, "epoch", False, marks=pytest.mark.long),
    pytest.param(lowlevel.Trainer, "epoch", True, marks=pytest.mark.long),
    pytest.param(highlevel.Trainer, "eager", False, marks=pytest.mark.long),
    pytest.param(highlevel.Trainer, "graph", False, marks=pytest.mark.long),
    pytest.param(highlevel.Trainer, "graph", True, marks=pytest.mark.long),
    (highlevel.Trainer, "epoch", False),
    pytest.param(highlevel.Trainer, "epoch", True, marks=pytest.mark.long),
]


def bits(trainer):
    state = trainer.state()
    return [array.tobytes() for array in (*state.weights, *state.slots)]


@pytest.mark.parametrize("optimizer", ["adam", pytest.param("nesterov", marks=pytest.mark.long)])
@pytest.mark.parametrize(("trainer", "execution", "xla"), FORMS)
def test_watching_changes_no_bit(trainer, execution, xla, optimizer):
    x, y, x_test, y_test = small_data()
    model, train = ModelSpec.mlp(12, 8, 6, 5), TrainSpec(epochs=4, batch_size=7, seed=3, **OPTIMIZERS[optimizer])
    plain, watched = (trainer(model, train, execution=execution, jit_compile=xla) for _ in range(2))
    start = bits(plain)
    histories = [
        plain.fit((x, y), validation_data=(x_test, y_test)),
        watched.fit((x, y), validation_data=(x_test, y_test), record=True),
    ]
    assert bits(plain) == bits(watched) != start
    assert histories[0].history == histories[1].history
    assert histories[0].trace is None
    kinds = [type(record) for record in histories[1].trace]
    assert kinds == ([StepRecord] * 7 + [EpochRecord]) * 4
    # and a training watched, then unwatched, then watched again, is still the same training
    plain.fit((x, y), epochs=3)
    watched.fit((x, y), epochs=1)
    watched.fit((x, y), epochs=1, record=True)
    watched.fit((x, y), epochs=1)
    assert bits(plain) == bits(watched)


@pytest.mark.parametrize("trainer", [lowlevel.Trainer, highlevel.Trainer], ids=["low", "high"])
def test_what_is_seen_is_what_happened(trainer):
    """The record's own numbers hang together: the loss is the mean of the losses, and the step moves along the gradient."""
    x, y, *_ = small_data()
    train = TrainSpec(optimizer="sgd", learning_rate=0.5, epochs=1, batch_size=7, seed=3)
    net = trainer(ModelSpec.mlp(12, 8, 5, dtype="float64"), train)
    before = net.weights()
    for record in net.fit((x, y), record=True).trace[:-1]:
        assert record.loss == pytest.approx(record.example_losses.mean(), rel=1e-6)
        for old, new, gradient in zip(before, record.weights, record.gradients, strict=True):
            assert old - 0.5 * gradient == pytest.approx(new, abs=1e-15)
        before = record.weights
    assert record.epoch == 1
    assert record.step == 7
    assert len(record.logits) == len(record.targets) == len(record.example_losses) == 45 - 6 * 7


@pytest.mark.parametrize("trainer", [lowlevel.Trainer, highlevel.Trainer], ids=["low", "high"])
def test_records_are_copies(trainer):
    """A record of step 1 does not change when step 2 runs."""
    x, y, *_ = small_data()
    net = trainer(ModelSpec.mlp(12, 5), TrainSpec(epochs=1, batch_size=20))
    kept = []
    net.fit((x, y), record=lambda record: kept.append((record, [w.copy() for w in getattr(record, "weights", [])])))
    for record, copies in kept[:-1]:
        assert all((a == b).all() for a, b in zip(record.weights, copies, strict=True))
    assert (kept[0][0].weights[0] != kept[1][0].weights[0]).any()


@pytest.mark.parametrize("xla", [False, pytest.param(True, marks=pytest.mark.long)])
def test_the_whole_epoch_loop_on_the_digits(xla):
    """What ``compare`` sees of the epoch form are steps one by one; the loop that runs unwatched ends in the same bits."""
    from shared import load_digits

    digits, train = load_digits(), TrainSpec(epochs=2, seed=1234)
    data = (digits.x_train, digits.y_train)
    plain, watched = (lowlevel.Trainer(ModelSpec.mlp(400, 25, 15, 10), train, jit_compile=xla) for _ in range(2))
    plain.fit(data)
    watched.fit(data, record=lambda record: None)
    assert bits(plain) == bits(watched)
