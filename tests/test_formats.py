"""``.weights.h5`` and ``.keras`` files: what either wing writes, either wing and plain Keras load, and go on in the same bits."""

import io
import json
import zipfile
from contextlib import nullcontext
from dataclasses import replace

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from cases import EVERYTHING, GROWN, QUICK, ROWS, STAIRS, Grown
from test_parity import data_for

import highlevel
import lowlevel
from shared.data.card import DataCard
from shared.errors import InputError
from shared.feed import feed
from shared.formats.keras_config import config_of, model_of, train_of
from shared.formats.keras_file import pack
from shared.formats.progress import Progress
from shared.formats.tensors import tensors
from shared.spec import (
    ActivationSpec,
    BatchNormalizationSpec,
    CosineDecaySpec,
    DenseSpec,
    ModelSpec,
    TrainSpec,
)
from shared.weights import descriptions, read_specs

WINGS = {"low": lowlevel, "high": highlevel}
ORDER = np.tile(np.arange(ROWS), (3, 1))
LONG = [pytest.param(case, id=case.name, marks=pytest.mark.long) for case in GROWN]
# Nadam in float16: Keras loses track of the product of momenta, and so do its files, but for our own line in them.
HALF = next(case for case in GROWN if case.name == "float16")
LONG.append(pytest.param(replace(HALF, settings={"optimizer": "nadam"}), id="float16-nadam", marks=pytest.mark.long))
# All at once: every layer, penalties, a scaled loss, averages of weights, gathered gradients, a schedule.
SETTINGS = {"optimizer": "adamw", "learning_rate": STAIRS, "use_ema": True, "gradient_accumulation_steps": 2, "clipnorm": 0.5}
CASES = [Grown("all-at-once", EVERYTHING, SETTINGS, "mixed_float16"), *LONG]


def bits(trainer):
    state = trainer.state()
    return [trainer.epoch, *(value.tobytes() for value in (*state.weights, *state.slots, *state.seeds))]


def trained(case):
    """Both wings after an epoch, the same bits in both; rows, labels."""
    train, data = replace(case.train, epochs=1), data_for(case.train)
    x, y = (data.x_train, data.y_train) if hasattr(data, "x_train") else data[:2]
    both = [wing.Trainer(case.model, train) for wing in WINGS.values()]
    for one in both:
        one.fit((x, y), ORDER, **case.options)
    assert bits(both[0]) == bits(both[1])
    return both, x, y


def contents(path):
    """Every group and array of the HDF5 file with its attributes, dtype, shape and bytes; the root's attributes."""
    whole = io.BytesIO(zipfile.ZipFile(path).read("model.weights.h5") if path.suffix == ".keras" else path.read_bytes())
    found = {}
    with h5py.File(whole) as file:

        def see(name, node):
            array = (node.dtype.str, node.shape, node[()].tobytes()) if isinstance(node, h5py.Dataset) else ()
            found[name] = (dict(node.attrs), *array)

        file.visititems(see)
        return found, dict(file.attrs)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_file_of_either_wing_is_the_others_and_plain_keras_goes_on_from_it(case, tmp_path):
    (low, high), x, y = trained(case)
    paths = [tmp_path / f"{wing}{ending}" for wing in WINGS for ending in (".weights.h5", ".keras")]
    for path in paths:
        (low if path.name.startswith("low") else high).save(path)
    assert all(contents(path) == contents(paths[0]) for path in paths)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in paths)

    plain = keras.saving.load_model(paths[1])
    for left, right in zip([*plain.weights, *plain.optimizer.variables], [*low.state().weights, *low.state().slots], strict=True):
        assert left.numpy().tobytes() == right.tobytes()
    readers = [WINGS[wing].load_model(path) for wing, path in (("low", paths[3]), ("high", paths[1]))]
    other = WINGS["high"].Trainer(case.model, replace(case.train, seed=5))
    other.load(paths[0])
    for reader in (*readers, other):
        assert bits(reader) == bits(low)
        assert (reader.model, reader.train) == (low.model, replace(low.train, seed=reader.train.seed, epochs=reader.train.epochs))
    for trainer in (low, *readers):
        curves = trainer.fit((x, y), ORDER, epochs=1, **case.options).history
        assert bits(trainer) == bits(low)

    if case.model.dtype == "float64" and any(layer.kernel_regularizer for layer in case.model.layers if type(layer) is DenseSpec):
        with pytest.raises(TypeError, match="float64"):  # Keras adds the penalty, of float64, to a loss of float32
            _go_on(plain, case, x, y)
        return
    if case.model.dtype == "mixed_float16" and case.train.optimizer == "nadam":
        plain.optimizer.inner_optimizer._u_product.assign(_progress(paths[1])["product"])
    for layer, seed in zip(_dropouts(plain), _progress(paths[1])["seeds"], strict=True):
        assert layer.seed_generator.state.numpy().tolist() == [seed[0], 0]  # Keras's files hold no count of calls
        layer.seed_generator.state.assign(seed)
    history = _go_on(plain, case, x, y)
    for left, right in zip([*plain.weights, *plain.optimizer.variables], [*low.state().weights, *low.state().slots], strict=True):
        assert left.numpy().tobytes() == right.tobytes()
    assert history == {name: values for name, values in curves.items() if not name.startswith("val_")}


def _go_on(plain, case, x, y):
    """An epoch of ``model.fit`` in the order of the rows; its curves."""
    given = feed((x, y), case.model, case.train, None, case.options.get("sample_weight"), case.options.get("class_weight"))
    parts = tuple(tf.constant(part) for part in (given.x, given.y, given.weights) if part is not None)
    rows = tf.data.Dataset.from_tensor_slices(parts).batch(case.train.batch_size)
    return plain.fit(rows, shuffle=False, verbose=0).history


def _progress(path):
    return json.loads(contents(path)[1]["lockstep_progress"])


def _dropouts(net):
    return [layer for layer in net.layers if isinstance(layer, keras.layers.Dropout)]


def test_fit_goes_on_with_the_order_of_the_next_epoch(tmp_path, data):
    """Without a plan: the file says how many epochs are over, and so which order is drawn next."""
    x, y, *_ = data
    writer = lowlevel.Trainer(ModelSpec.mlp(12, 6, 5), TrainSpec(epochs=2, batch_size=10, seed=3))
    writer.fit((x, y))
    writer.card = DataCard(classes=tuple("vwxyz"), name="letters")
    writer.save(tmp_path / "a.keras")
    reader = highlevel.load_model(tmp_path / "a.keras")
    assert (reader.epoch, reader.card) == (2, writer.card)
    assert read_specs(tmp_path / "a.keras") == (writer.model, writer.train, writer.card)
    assert writer.fit((x, y)).loss == reader.fit((x, y)).loss
    assert bits(writer) == bits(reader)
    begun = lowlevel.Trainer(writer.model, writer.train)
    begun.load([np.array(weight) for weight in writer.weights()])  # a list says nothing of epochs
    assert begun.epoch == 0


# ------------------------------------------------------------------------------------------------------ the configuration

SPECS = [(case.model, case.train) for case in (*GROWN, *QUICK)]


def rounded(value):
    """Keras keeps a learning rate and L1's factor in float32."""
    return np.float32(value) if isinstance(value, float) else value


def assert_within(ours, theirs, where=""):
    """Whatever we say, Keras says too; it says more."""
    if isinstance(ours, dict):
        for name, value in ours.items():
            assert_within(value, theirs[name], f"{where}/{name}")
    elif isinstance(ours, list):
        assert len(ours) == len(theirs), where
        for at, (left, right) in enumerate(zip(ours, theirs, strict=True)):
            assert_within(left, right, f"{where}/{at}")
    else:
        assert rounded(ours) == rounded(theirs), where


@pytest.mark.parametrize("case", GROWN, ids=str)
def test_the_configuration_is_what_keras_writes(case):
    """Where Keras can write it: not a penalty that was cast, nor a metric of our own."""
    ours = json.loads(json.dumps(config_of(case.model, case.train)))
    model = case.model
    if case.model.dtype != "float32":
        model = replace(model, layers=tuple(layer for layer in model.layers if not getattr(layer, "kernel_regularizer", None)))
        if model != case.model:
            ours = json.loads(json.dumps(config_of(model, case.train)))
    network = highlevel.Trainer(model, case.train).network
    assert ours["compile_config"]["loss"]["config"].pop("dtype") == model.variable_dtype  # Keras leaves that out
    binary = case.train.loss == "binary_crossentropy"
    with pytest.warns(UserWarning, match="lambda") if binary else nullcontext():
        theirs = json.loads(json.dumps(keras.saving.serialize_keras_object(network)))
    if binary:
        assert ours["compile_config"].pop("metrics")[0]["class_name"] == "BinaryAccuracy"
    assert_within(ours, theirs)
    assert (model_of(theirs), train_of(theirs)) == (model, replace(TrainSpec(), **_said(case.train)))


def _said(train):
    """What a configuration says of a training: not its batches, epochs and seed."""
    unsaid = ("batch_size", "epochs", "seed", "shuffle")
    return {name: getattr(train, name) for name in train.__dataclass_fields__ if name not in unsaid}


@pytest.mark.parametrize(("model", "train"), SPECS)
def test_specs_come_back_from_the_configuration(model, train):
    config = json.loads(json.dumps(config_of(model, train)))
    assert model_of(config) == model
    assert train_of(config) == replace(TrainSpec(), **_said(train))


def test_a_file_of_plain_keras_becomes_a_trainer(tmp_path, data):
    """Never seen by Lockstep: the net and the training are read off Keras's own words, and go on in the same bits."""
    x, y, *_ = data
    x = x.astype(np.float32)
    net = keras.Sequential(
        [
            keras.Input((12,)),
            keras.layers.Dense(6, "tanh", kernel_regularizer=keras.regularizers.L1(0.01)),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(5),
        ],
        name="mine",
    )
    rate = keras.optimizers.schedules.CosineDecay(0.01, 20)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    net.compile(keras.optimizers.RMSprop(rate, momentum=0.9), loss, metrics=["accuracy"])
    net.fit(x, y, batch_size=10, epochs=1, shuffle=False, verbose=0)
    net.save(tmp_path / "mine.keras")
    net.save_weights(tmp_path / "mine.weights.h5")
    given = TrainSpec(
        optimizer="rmsprop", learning_rate=CosineDecaySpec(initial_learning_rate=0.01, decay_steps=20), momentum=0.9
    )
    trainers = [wing.load_model(tmp_path / "mine.keras", train) for wing in WINGS.values() for train in (None, given)]
    names = [layer.name for layer in net.layers]
    for trainer in trainers:
        assert trainer.train == given
        assert [layer.name for layer in trainer.model.layers] == names
        assert trainer.model.layers[1] == BatchNormalizationSpec(name=names[1])
        assert trainer.predict(x).tobytes() == net.predict(x, batch_size=1024, verbose=0).tobytes()
    net.fit(x, y, batch_size=10, epochs=1, shuffle=False, verbose=0)
    for wing in WINGS.values():
        trainer = wing.load_model(tmp_path / "mine.keras", replace(given, batch_size=10))
        trainer.fit((x, y), np.arange(len(x))[None])
        assert [weight.tobytes() for weight in trainer.weights()] == [weight.tobytes() for weight in net.get_weights()]
        with pytest.raises(InputError, match="weights alone"):
            wing.load_model(tmp_path / "mine.weights.h5")


REFUSED = [
    (lambda k: [k.layers.Dense(3), k.layers.LayerNormalization()], "LayerNormalization"),
    (lambda k: [k.layers.Dense(3, "softmax")], "softmax"),
    (lambda k: [k.layers.Dense(3, kernel_constraint=k.constraints.MaxNorm())], "kernel_constraint"),
    (lambda k: [k.layers.Dense(3), k.layers.BatchNormalization(scale=False)], "scale"),
    (lambda k: [k.layers.Dense(3, kernel_initializer="orthogonal")], "orthogonal"),
    (lambda k: [k.layers.Dense(3, kernel_regularizer="orthogonal_regularizer")], "OrthogonalRegularizer"),
    (lambda k: [k.layers.Dense(3, dtype="mixed_bfloat16"), k.layers.Dense(3)], "one dtype"),
]


@pytest.mark.parametrize(("layers", "words"), REFUSED, ids=[words for _, words in REFUSED])
def test_nets_that_specs_have_no_words_for_are_refused(layers, words, tmp_path):
    net = keras.Sequential([keras.Input((12,)), *layers(keras)])
    net.save(tmp_path / "a.keras")
    for wing in WINGS.values():
        with pytest.raises(InputError, match=words) as caught:
            wing.load_model(tmp_path / "a.keras")
        assert "\n" not in str(caught.value)
        assert "a.keras" in str(caught.value)


@pytest.mark.parametrize(
    ("compiled", "words"),
    [
        ({"optimizer": "adam", "loss": "sparse_categorical_crossentropy"}, "from_logits"),
        ({"optimizer": "ftrl", "loss": "mse"}, "[Ff]trl"),
        ({"optimizer": keras.optimizers.Adam(amsgrad=True, name="a"), "loss": "mean_squared_error"}, "amsgrad"),
        ({"optimizer": "adam", "loss": keras.losses.Huber(name="h")}, "[Hh]uber"),
        ({"optimizer": "adam", "loss": keras.losses.MeanSquaredError(reduction="sum", name="s")}, "reduction"),
    ],
)
def test_trainings_that_specs_have_no_words_for_are_refused(compiled, words, tmp_path):
    net = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    net.compile(**compiled)
    net.save(tmp_path / "a.keras")
    with pytest.raises(InputError, match=words):
        lowlevel.load_model(tmp_path / "a.keras")
    assert lowlevel.load_model(tmp_path / "a.keras", TrainSpec(optimizer="sgd")).train.optimizer == "sgd"


# -------------------------------------------------------------------------------------------------------- damaged files


def archive(path, packing=zipfile.ZIP_STORED, **members):
    with zipfile.ZipFile(path, "w", packing) as made:
        for name, content in members.items():
            made.writestr(name.replace("__", "."), content)
    return path


def test_damaged_and_hostile_archives_are_refused(tmp_path):
    net = lowlevel.Trainer(ModelSpec.mlp(12, 6, 5), TrainSpec())
    net.save(tmp_path / "a.keras")
    good = (tmp_path / "a.keras").read_bytes()
    config = json.dumps(config_of(net.model, net.train))
    weights = zipfile.ZipFile(tmp_path / "a.keras").read("model.weights.h5")
    twice = tmp_path / "twice.keras"
    with zipfile.ZipFile(twice, "w") as made:
        made.writestr("model.weights.h5", weights)
        with pytest.warns(UserWarning, match="Duplicate"):
            made.writestr("model.weights.h5", b"")
    files = {
        "empty": b"",
        "text": b"not an archive",
        "cut": good[: len(good) // 2],
        "end": good[-40:],
        "flipped": good.replace(b"\x89HDF", b"\x89HDG"),
    }
    bad = [tmp_path / "missing.keras", tmp_path, twice]
    for name, content in files.items():
        bad.append(tmp_path / f"{name}.keras")
        bad[-1].write_bytes(content)
    bad += [
        archive(tmp_path / "none.keras", config__json=config),
        archive(tmp_path / "elsewhere.keras", **{"config__json": config, "../model__weights__h5": weights}),
        archive(tmp_path / "bomb.keras", zipfile.ZIP_DEFLATED, config__json=config, model__weights__h5=bytes(2**25)),
        archive(tmp_path / "no_h5.keras", config__json=config, model__weights__h5=b"hello"),
    ]
    before = bits(net)
    for wing in WINGS.values():
        trainer = wing.Trainer(net.model, net.train)
        before = bits(trainer)
        for path in bad:
            for read in (trainer.load, wing.load_model):
                with pytest.raises(InputError) as caught:
                    read(path)
                assert "\n" not in str(caught.value)
                assert path.name in str(caught.value), str(caught.value)
        assert bits(trainer) == before
    assert not (tmp_path.parent / "model.weights.h5").exists()


EVIL = '"module": "evil", "class_name": "Dense"'


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda config: "[1, 2", "no keras.Sequential"),
        (lambda config: "[" * 100_000, "no keras.Sequential"),
        (lambda config: " " * 2**21, "config.json of 2097152 bytes"),
        (lambda config: "[]", "no keras.Sequential"),
        (lambda config: json.dumps(config | {"class_name": "Functional"}), "no keras.Sequential"),
        (lambda config: json.dumps(config | {"registered_name": "mine>Net"}), "mine>Net"),
        (lambda config: json.dumps(config).replace('"module": "keras.layers", "class_name": "Dense"', EVIL), "'Dense' of 'evil'"),
        (lambda config: json.dumps(config | {"config": {"layers": 3}}), "list"),
        (lambda config: json.dumps(config | {"config": {"layers": []}}), "columns"),
        (lambda config: json.dumps(config | {"config": {"layers": config["config"]["layers"][:1]}}), "one dtype"),
        (lambda config: json.dumps(config | {"compile_config": 3}), "compile_config"),
        (lambda config: json.dumps(config | {"compile_config": {"optimizer": None}}), "optimiser"),
        (lambda config: json.dumps(config).replace('"units": 6', '"units": 10000000000'), "units"),
        (lambda config: json.dumps(config).replace('"units": 6', '"units": 7'), "shape"),
        (lambda config: json.dumps(config).replace('"relu"', '"os.system"'), "os.system"),
    ],
)
def test_configurations_that_are_none_are_refused(change, words, tmp_path):
    """Without Lockstep's own attributes, so that the configuration counts."""
    net = highlevel.Trainer(ModelSpec.mlp(12, 6, 5), TrainSpec())
    net.network.save_weights(tmp_path / "a.weights.h5")
    config = json.loads(json.dumps(config_of(net.model, net.train)))
    pack(tmp_path / "a.weights.h5", config, tmp_path / "good.keras")
    assert lowlevel.load_model(tmp_path / "good.keras").model == net.model
    text = change(config)
    assert text != json.dumps(config)
    bad = archive(tmp_path / "a.keras", config__json=text, model__weights__h5=(tmp_path / "a.weights.h5").read_bytes())
    for read in (lowlevel.load_model, highlevel.load_model):
        with pytest.raises(InputError, match=words) as caught:
            read(bad)
        assert "\n" not in str(caught.value)
        assert "a.keras" in str(caught.value)


def test_an_archive_of_another_net_is_refused(tmp_path):
    """Equal shapes, another activation: told by Lockstep's attributes, or else by Keras's configuration."""
    net = keras.Sequential([keras.Input((12,)), keras.layers.Dense(6, "tanh"), keras.layers.Dense(5)])
    net.save(tmp_path / "plain.keras")
    lowlevel.Trainer(ModelSpec.mlp(12, 6, 5, activation="tanh"), TrainSpec()).save(tmp_path / "ours.keras")
    for wing in WINGS.values():
        for name in ("plain.keras", "ours.keras"):
            with pytest.raises(InputError, match="tanh"):
                wing.Trainer(ModelSpec.mlp(12, 6, 5), TrainSpec()).load(tmp_path / name)


@pytest.mark.parametrize(
    "text",
    [
        *("", "3", "{", '{"epoch": -1}', '{"epoch": 1.5}', '{"epochs": 1}', '{"seeds": [[1, 2], [3, 4]]}', '{"seeds": [[1]]}'),
        *('{"seeds": [[1, 2.5]]}', '{"seeds": [["a", 2]]}', '{"seeds": [[1, -1]]}', '{"seeds": [[1, 9223372036854775808]]}'),
        *('{"seeds": [[1, 2]], "product": "x"}', '{"seeds": [[1, 2]], "product": NaN}', "[" * 10_000),
    ],
)
def test_progress_that_is_none_is_refused(text):
    right = Progress(epoch=3, seeds=[[7, 2**40]], product=float(np.float32(0.1)))
    assert Progress.from_json(right.to_json(), 1) == right
    with pytest.raises(InputError) as caught:
        Progress.from_json(text, 1)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("wing", WINGS)
def test_nothing_half_written_is_left(wing, tmp_path, monkeypatch):
    net = WINGS[wing].Trainer(ModelSpec.mlp(12, 5), TrainSpec())
    monkeypatch.setattr("shared.weights.pack", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        net.save(tmp_path / "a.keras")
    assert list(tmp_path.iterdir()) == []
    for name in ("a.h5", "a.zip", "no/such/folder.keras"):
        with pytest.raises(InputError, match="weights file"):
            net.save(tmp_path / name)


def test_activation_layers_alone_are_told_apart(tmp_path):
    layers = (DenseSpec(units=5, name="L1"), ActivationSpec(activation="tanh", name="A1"))
    lowlevel.Trainer(ModelSpec(inputs=12, layers=layers), TrainSpec()).save(tmp_path / "a.keras")
    assert highlevel.load_model(tmp_path / "a.keras").model.layers == layers


@pytest.mark.parametrize("spec", [ModelSpec.mlp(12, 2**30, 2**30, 5), ModelSpec.mlp(12, 6, 4)], ids=["huge", "another"])
def test_a_file_that_says_more_than_it_holds_is_refused_before_a_net_is_built(spec, tmp_path):
    trainer = lowlevel.Trainer(ModelSpec.mlp(12, 6, 5), TrainSpec())
    trainer.save(tmp_path / "a.weights.h5")
    with h5py.File(tmp_path / "a.weights.h5", "r+") as file:
        file.attrs["lockstep_model"] = spec.to_json()
    said = descriptions(spec, trainer.train, trainer.card)
    (tmp_path / "a.safetensors").write_bytes(tensors(trainer.weights(), trainer.model, said))
    pack(tmp_path / "a.weights.h5", config_of(spec, trainer.train), tmp_path / "a.keras")
    for name in ("a.weights.h5", "a.safetensors", "a.keras"):
        with pytest.raises(InputError, match=f"(holds the net that it says|the spec as metadata).*{name}"):
            lowlevel.load_model(tmp_path / name)
