"""What both trainers promise beside parity: continuing, predicting, files, callbacks, clear errors."""

from dataclasses import replace

import h5py
import keras
import numpy as np
import pytest
from cases import GROWN

import highlevel
import lowlevel
from shared import BatchPlan, InputError, ModelSpec, TrainSpec

WINGS = {"low": lowlevel.Trainer, "high": highlevel.Trainer}
MODEL = ModelSpec.mlp(12, 6, 5)
TRAIN = TrainSpec(epochs=2, batch_size=10, seed=9)


@pytest.fixture(params=WINGS)
def wing(request):
    return WINGS[request.param]


def bits(trainer):
    state = trainer.state()
    return [array.tobytes() for array in (*state.weights, *state.slots)]


def test_a_second_fit_continues(wing, data):
    x, y, *_ = data
    once, twice = wing(MODEL, TRAIN), wing(MODEL, TRAIN)
    whole = once.fit((x, y), epochs=4)
    parts = [twice.fit((x, y)) for _ in range(2)]
    assert bits(once) == bits(twice)
    assert whole.loss == parts[0].loss + parts[1].loss
    assert whole.epoch == [0, 1, 2, 3]


def test_three_epochs_are_a_prefix(wing, data):
    x, y, *_ = data
    short = wing(MODEL, TRAIN).fit((x, y), epochs=3).loss
    assert wing(MODEL, TRAIN).fit((x, y), epochs=5).loss[:3] == short


def test_plan_given_as_array(wing, data):
    x, y, *_ = data
    orders = np.stack([np.roll(np.arange(45), shift) for shift in (3, 8)])
    given, drawn = wing(MODEL, TRAIN), wing(MODEL, TRAIN)
    given.fit((x, y), orders)
    drawn.fit((x, y))
    assert bits(given) != bits(drawn)
    with pytest.raises(InputError, match="order for every epoch"):
        given.fit((x, y), orders, epochs=1)


def test_probabilities_and_evaluation(wing, data):
    x, y, x_test, y_test = data
    net = wing(MODEL, TRAIN)
    history = net.fit((x, y), validation_data=(x_test, y_test))
    logits, probabilities = net.predict(x_test), net.predict_proba(x_test)
    assert net.predict(x_test[:0]).shape == (0, 5)
    assert logits.shape == probabilities.shape == (20, 5)
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(20), abs=1e-6)
    assert (logits.argmax(axis=1) == probabilities.argmax(axis=1)).all()
    loss, accuracy = net.evaluate(x_test, y_test)
    assert (loss, accuracy) == (history.val_loss[-1], history.val_accuracy[-1])
    assert accuracy == pytest.approx((logits.argmax(axis=1) == y_test).mean())


def test_the_wings_predict_the_same_bits_in_float64(data):
    """Keras casts arrays to float32 on their way in; the high-level trainer feeds it tensors instead."""
    x, *_ = data
    model = ModelSpec.mlp(12, 6, 5, dtype="float64")
    low, high = (wing(model, TRAIN) for wing in WINGS.values())
    assert low.predict(x).dtype == np.float64
    assert low.predict(x).tobytes() == high.predict(x).tobytes()
    assert low.predict(x).tobytes() != low.predict(x.astype(np.float32)).tobytes()


@pytest.mark.parametrize("reader", WINGS)
def test_files_go_both_ways(wing, reader, data, tmp_path):
    """Weights and optimiser: the reader goes on exactly where the writer would have."""
    x, y, *_ = data
    writer, path = wing(MODEL, TRAIN), tmp_path / "net.weights.h5"
    writer.fit((x, y))
    writer.save(path)
    other = WINGS[reader](MODEL, TrainSpec(epochs=2, batch_size=10, seed=777))
    assert bits(other) != bits(writer)
    other.load(path)
    assert bits(other) == bits(writer)
    orders = np.tile(np.arange(45), (4, 1))
    writer.fit((x, y), orders, epochs=1)
    other.fit((x, y), orders, epochs=1)
    assert bits(other) == bits(writer)
    assert [path.name for path in tmp_path.iterdir()] == ["net.weights.h5"]


def test_plain_keras_loads_what_is_saved(wing, data, tmp_path):
    x, y, *_ = data
    net, path = wing(MODEL, TRAIN), tmp_path / "net.weights.h5"
    net.fit((x, y))
    net.save(path)
    plain = keras.Sequential([keras.Input((12,)), keras.layers.Dense(6, "relu"), keras.layers.Dense(5)])
    plain.compile(keras.optimizers.Adam())
    plain.optimizer.build(plain.trainable_variables)
    plain.load_weights(path)
    state = net.state()
    assert [w.tobytes() for w in plain.get_weights()] == [w.tobytes() for w in state.weights]
    assert [v.numpy().tobytes() for v in plain.optimizer.variables] == [v.tobytes() for v in state.slots]
    plain.save_weights(tmp_path / "plain.weights.h5")
    fresh = wing(MODEL, TRAIN)
    fresh.load(tmp_path / "plain.weights.h5")
    assert bits(fresh) == bits(net)
    with h5py.File(path) as file:
        assert ModelSpec.from_json(file.attrs["lockstep_model"]) == MODEL
        assert TrainSpec.from_json(file.attrs["lockstep_train"]) == TRAIN


def test_twelve_layers_keep_their_order(data, tmp_path):
    """dense_10 stands after dense_9, not after dense_1."""
    model = ModelSpec.mlp(12, *([3] * 11), 5)
    low, high = (wing(model, TRAIN) for wing in WINGS.values())
    low.save(tmp_path / "a.weights.h5")
    high.load([np.zeros_like(weight) for weight in high.weights()])
    high.load(tmp_path / "a.weights.h5")
    assert bits(low) == bits(high)


def test_bad_weights_change_nothing(wing, tmp_path):
    net = wing(MODEL, TRAIN)
    before = bits(net)
    other = wing(ModelSpec.mlp(12, 7, 5), TRAIN)
    other.save(tmp_path / "other.weights.h5")
    text = tmp_path / "text.weights.h5"
    text.write_text("not HDF5")
    cut = tmp_path / "cut.weights.h5"
    cut.write_bytes((tmp_path / "other.weights.h5").read_bytes()[:900])
    for bad in (tmp_path / "other.weights.h5", text, cut, tmp_path / "missing.weights.h5", [], [np.zeros(3)] * 4):
        with pytest.raises(InputError) as caught:
            net.load(bad)
        assert "\n" not in str(caught.value)
    assert bits(net) == before
    for name in ("net.h5", "no/such/folder.weights.h5"):
        with pytest.raises(InputError, match="weights file"):
            net.save(tmp_path / name)
    tanh = wing(ModelSpec.mlp(12, 6, 5, activation="tanh"), TRAIN)
    tanh.save(tmp_path / "tanh.weights.h5")
    with pytest.raises(InputError, match="tanh"):
        net.load(tmp_path / "tanh.weights.h5")
    state = net.state()
    for bad_state in (replace(state, slots=state.slots[:-1]), replace(state, weights=state.weights[:-1])):
        with pytest.raises(InputError):
            net.restore(bad_state)
    assert bits(net) == before
    sgd = wing(MODEL, TrainSpec(optimizer="sgd"))
    net.save(tmp_path / "adam.weights.h5")
    with pytest.raises(InputError, match="optimiser"):
        sgd.load(tmp_path / "adam.weights.h5")


def test_equal_seeds_equal_first_weights():
    """A claim of its own, beside the handed-over weights: both wings, and plain Keras after ``set_random_seed``."""
    import random

    for initializer in ("glorot_uniform", "he_normal"):
        model = ModelSpec.mlp(12, 8, 6, 5, kernel_initializer=initializer)
        low, high = (build(model, seed=1234) for build in (lowlevel.build, highlevel.build))
        kept = random.getstate(), np.random.get_state()
        try:
            keras.utils.set_random_seed(1234)
            layers = [keras.layers.Dense(units, kernel_initializer=initializer) for units in (8, 6, 5)]
            plain = keras.Sequential([keras.Input((12,)), *layers])
        finally:
            random.setstate(kept[0])
            np.random.set_state(kept[1])
        first = [w.numpy().tobytes() for w in low.weights]
        assert first == [w.tobytes() for w in high.get_weights()] == [w.tobytes() for w in plain.get_weights()]
        assert first != [w.numpy().tobytes() for w in lowlevel.build(model, seed=1235).weights]


def test_spec_of_reads_back_what_build_made():
    grown = [case.model for case in GROWN if case.name in ("everything-rmsprop", "both-penalties", "float16", "bfloat16")]
    assert len(grown) == 4
    for model in (MODEL, ModelSpec.mlp(12, 8, 6, 5, activation="tanh", kernel_initializer="he_normal", dtype="float64"), *grown):
        assert highlevel.spec_of(highlevel.build(model)) == model
        assert lowlevel.spec_of(lowlevel.build(model)) == model
    for layer in (keras.layers.GaussianNoise(0.5), keras.layers.BatchNormalization(center=False)):
        foreign = keras.Sequential([keras.Input((12,)), keras.layers.Dense(3), layer])
        with pytest.raises(InputError, match=type(layer).__name__):
            highlevel.spec_of(foreign)


def test_summary_counts_parameters(wing):
    lines = []
    wing(ModelSpec.mlp(400, 25, 15, 10), TRAIN).summary(lines.append)
    text = "\n".join(lines)
    for figure in ("L1", "L2", "L3", "10,025", "390", "160", "10,575"):
        assert figure in text


class Recorder:
    """Writes down its hooks, and stops the training after the second epoch."""

    def __init__(self):
        self.calls = []

    def set_model(self, model):
        self.model = model

    def on_train_begin(self, logs):
        self.calls.append("begin")

    def on_epoch_end(self, epoch, logs):
        self.calls.append((epoch, sorted(logs)))
        self.model.stop_training = epoch == 1

    def on_train_end(self, logs):
        self.calls.append("end")


def test_callbacks_in_both_wings(wing, data):
    x, y, *_ = data
    recorder = Recorder()
    history = wing(MODEL, TRAIN).fit((x, y), epochs=9, callbacks=[recorder])
    assert recorder.calls == ["begin", (0, ["accuracy", "loss"]), (1, ["accuracy", "loss"]), "end"]
    assert len(history.loss) == 2


def test_keras_early_stopping_works_on_both(data):
    x, y, x_test, y_test = data
    lengths = set()
    for wing in WINGS.values():
        stopping = keras.callbacks.EarlyStopping("val_loss", patience=1, min_delta=10.0)
        lengths.add(len(wing(MODEL, TRAIN).fit((x, y), epochs=9, validation_data=(x_test, y_test), callbacks=[stopping]).loss))
    assert lengths == {2}


def test_bad_data_is_refused(wing, data):
    x, y, *_ = data
    net = wing(MODEL, TRAIN)
    before = bits(net)
    hole = x.copy()
    hole[3, 4] = np.nan
    bad = [x, (x, y[:-1]), (x[:, :5], y), (x, y + 1), (x, y - 1), (hole, y), (x[:0], y[:0]), (x, np.full(45, 0.5))]
    for given in bad:
        with pytest.raises(InputError) as caught:
            net.fit(given)
        assert "Received" in str(caught.value)
    with pytest.raises(InputError, match="at most"):
        net.train_on_batch(x, y)
    with pytest.raises(InputError, match="must fit the data"):
        net.fit((x, y), BatchPlan(44, 10))
    assert bits(net) == before


def test_pictures_and_columns_of_labels_are_taken(wing):
    """uint8 pictures are scaled and flattened; labels (n, 1) are labels (n,)."""
    generator = np.random.default_rng(0)
    pictures, labels = generator.integers(0, 256, (30, 2, 2, 3), dtype=np.uint8), generator.integers(0, 5, (30, 1))
    one, two = wing(MODEL, TRAIN), wing(MODEL, TRAIN)
    one.fit((pictures, labels))
    two.fit((pictures.reshape(30, 12).astype(np.float32) / np.float32(255), labels[:, 0]))
    assert bits(one) == bits(two)


def test_settings_are_checked(wing):
    for options in ({"execution": "fast"}, {"jit_compile": "yes"}, {"execution": "eager", "jit_compile": True}):
        with pytest.raises(InputError):
            wing(MODEL, TRAIN, **options)


def test_verbose(wing, data, capsys):
    x, y, *_ = data
    wing(MODEL, TRAIN).fit((x, y), verbose=0)
    assert capsys.readouterr().out == ""
    wing(MODEL, TRAIN).fit((x, y), verbose=2)
    assert "Epoch 2/2" in capsys.readouterr().out
