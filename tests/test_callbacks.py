"""Callbacks of both wings on scripted curves: they stop at the same epoch and put back the same weights."""

import math
import warnings

import keras
import numpy as np
import pytest

import highlevel.callbacks
import lowlevel
import lowlevel.callbacks
from shared import InputError, ModelSpec, TrainSpec

NAN = math.nan
FALLING = [0.9, 0.7, 0.5, 0.45, 0.44, 0.46, 0.43, 0.47, 0.48, 0.49, 0.42, 0.6]
RISING = [0.1, 0.5, 0.4, 0.6, 0.6, 0.55, 0.7, 0.65, 0.6, 0.66, 0.5, 0.9]
STEP = 2.0**-24  # half of what float32 can tell apart at 1

# (settings, the figures of the epochs, the epoch in which it stops or None, the epoch whose weights are left); worked by hand
CURVES = [
    ({}, FALLING, 5, 5),
    ({"patience": 1}, FALLING, 5, 5),
    ({"patience": 2}, FALLING, 8, 8),
    ({"patience": 3}, FALLING, 9, 9),
    ({"patience": 4}, FALLING, None, 11),
    ({"patience": 2, "restore_best_weights": True}, FALLING, 8, 6),
    ({"patience": 4, "restore_best_weights": True}, FALLING, None, 10),
    ({"patience": 2, "min_delta": 0.1, "restore_best_weights": True}, FALLING, 4, 2),
    ({"patience": 2, "min_delta": -0.1, "restore_best_weights": True}, FALLING, 4, 2),
    ({"mode": "max", "restore_best_weights": True}, FALLING, 1, 0),
    ({"mode": "min", "patience": 2, "restore_best_weights": True}, RISING, 2, 0),
    ({"mode": "max", "patience": 2, "restore_best_weights": True}, RISING, 5, 3),
    ({"monitor": "val_accuracy", "patience": 3, "restore_best_weights": True}, RISING, 9, 6),
    ({"monitor": "accuracy", "patience": 3, "min_delta": 0.15, "restore_best_weights": True}, RISING, 4, 1),
    ({"monitor": "accuracy", "patience": 2, "start_from_epoch": 4, "restore_best_weights": True}, RISING, 8, 6),
    ({"patience": 0, "start_from_epoch": 20}, FALLING, None, 11),
    ({"patience": 3, "baseline": 0.3, "restore_best_weights": True}, FALLING, 5, 4),
    ({"patience": 3, "baseline": 0.45, "restore_best_weights": True}, FALLING, 9, 6),
    ({"patience": 5, "baseline": 0.45, "restore_best_weights": True}, FALLING, None, 10),
    ({"patience": 2, "restore_best_weights": True}, [NAN] * 12, 2, 0),
    ({"patience": 3, "restore_best_weights": True}, [0.5, 0.4, NAN, NAN, NAN, 0.3], 4, 1),
    ({"patience": 3, "restore_best_weights": True}, [NAN, 0.4, 0.3, 0.2, 0.1, 0.0], 3, 0),
    ({"patience": 2, "restore_best_weights": True}, [math.inf, 0.4, math.inf, -math.inf, -math.inf, -math.inf, 0.1], 5, 3),
    # an improvement that float32 cannot hold is none
    ({"patience": 1, "restore_best_weights": True}, [1.0, 1.0 - STEP / 4, 1.0 - STEP / 2], 1, 0),
    ({"patience": 1, "restore_best_weights": True}, [1.0, 1.0 - STEP, 1.0 - STEP], 2, 1),
    ({"patience": 1, "min_delta": 1e-9}, [1.0, 1.0 - STEP, 1.0 - 2 * STEP, 1.0], 3, 3),
    ({"patience": 0}, [0.5], None, 0),
]


class Weights:
    """A model of one weight, in Keras's words."""

    def __init__(self):
        self.stop_training, self.value = False, np.zeros(3)

    def get_weights(self):
        return [self.value.copy()]

    def set_weights(self, weights):
        (self.value,) = weights


def scripted(callback, model, put, values) -> int:
    """Play ``fit``: the epochs run."""
    callback.set_model(model)
    callback.on_train_begin({})
    model.stop_training = False
    epoch = 0
    for epoch, value in enumerate(values):
        put(float(epoch))
        callback.on_epoch_end(epoch, {callback.monitor: value, "other": 1.0})
        if model.stop_training:
            break
    callback.on_train_end({})
    return epoch


@pytest.fixture(scope="module")
def compiled():
    """A real Keras model that has trained, since only then does it know which figures are better when larger."""
    model = keras.Sequential([keras.Input((1,), name="in"), keras.layers.Dense(2, name="L1")], name="net")
    model.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    model.train_on_batch(np.zeros((2, 1)), np.array([0, 1]))
    return model


@pytest.mark.parametrize(("settings", "values", "stopped", "left"), CURVES)
def test_early_stopping_on_scripted_curves(compiled, settings, values, stopped, left):
    last = len(values) - 1 if stopped is None else stopped
    keras_own = highlevel.callbacks.EarlyStopping(**settings)
    assert keras_own.monitor == settings.get("monitor", "val_loss")
    assert scripted(keras_own, compiled, lambda v: compiled.set_weights([np.full((1, 2), v), np.zeros(2)]), values) == last
    assert compiled.get_weights()[0][0, 0] == left
    model, own = Weights(), lowlevel.callbacks.EarlyStopping(**settings)
    for _ in range(2):  # a callback may serve again
        assert scripted(own, model, lambda v: model.set_weights([np.full(3, v)]), values) == last
        assert model.value.tolist() == [left] * 3
        assert (own.wait, own.stopped_epoch, own.best_epoch) == (keras_own.wait, keras_own.stopped_epoch, keras_own.best_epoch)
        assert np.array_equal([own.best or NAN], [keras_own.best or NAN], equal_nan=True)


def test_early_stopping_of_a_trainer(data):
    """A real training stops, and the weights of its best epoch are put back; the optimiser keeps its last state, as in Keras."""
    x, y, x_test, y_test = data
    train = TrainSpec(optimizer="sgd", learning_rate=0.5, momentum=0.9, epochs=30, batch_size=45)
    trainer = lowlevel.Trainer(ModelSpec.mlp(12, 8, 5), train)
    seen = []

    class Keep:
        def on_epoch_end(self, epoch, logs):
            seen.append((logs["val_loss"], trainer.weights(), trainer.state().slots[2]))

    stopping = lowlevel.callbacks.EarlyStopping(patience=2, restore_best_weights=True)
    history = trainer.fit((x, y), validation_data=(x_test, y_test), callbacks=[Keep(), stopping])
    best = int(np.argmin([loss for loss, *_ in seen]))
    assert 0 < len(history.loss) == best + 3 < 30
    assert stopping.best_epoch == best
    assert [a.tobytes() for a in trainer.weights()] == [b.tobytes() for b in seen[best][1]]
    assert trainer.state().slots[2].tobytes() == seen[-1][2].tobytes()
    assert trainer.evaluate(x_test, y_test)[0] == pytest.approx(min(history.val_loss), rel=1e-6)


def test_early_stopping_says_what_it_does(capsys):
    settings = {"patience": 2, "restore_best_weights": True, "verbose": 1}
    texts = []
    for callback in (highlevel.callbacks.EarlyStopping(**settings), lowlevel.callbacks.EarlyStopping(**settings)):
        model = Weights()
        scripted(callback, model, lambda v, model=model: model.set_weights([np.full(3, v)]), FALLING)
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1] != ""


def test_early_stopping_without_the_figure_warns_and_goes_on():
    for wing in (highlevel.callbacks, lowlevel.callbacks):
        callback, model = wing.EarlyStopping(monitor="loss"), Weights()
        callback.set_model(model)
        callback.on_train_begin()
        with pytest.warns(UserWarning, match="loss.*accuracy, val_accuracy|loss.*accuracy,val_accuracy"):
            callback.on_epoch_end(3, {"accuracy": 1.0, "val_accuracy": 1.0})
        assert not model.stop_training


@pytest.mark.parametrize("settings", [{"mode": "least"}, {"mode": None}, {"monitor": "val_auc"}, {"monitor": "val_"}], ids=str)
def test_early_stopping_refuses_what_it_cannot_judge(settings):
    with pytest.raises(InputError, match=r"^[^\n]+ Received: [^\n]+\. Use [^\n]+\.$"):
        lowlevel.callbacks.EarlyStopping(**settings)
    with warnings.catch_warnings(action="error"):
        lowlevel.callbacks.EarlyStopping(monitor="val_auc", mode="max")
