"""The low-level wing imports TensorFlow without Keras, and whoever wants Keras later finds it as it always is.

What a process has imported cannot be undone, so each order of imports is a process of its own.
"""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# What `import tensorflow` itself writes into the environment.
TENSORFLOWS = {
    "ENABLE_RUNTIME_UPTIME_TELEMETRY",
    "TF2_BEHAVIOR",
    "TPU_ML_PLATFORM",
    "TPU_ML_PLATFORM_VERSION",
    "HDF5_PLUGIN_PATH",
}

# For every program below: which modules of Keras there are, and a training in the low-level wing.
TOOLS = """
import json, os, sys

def kerases():
    return sorted(name for name in sys.modules if name.split(".")[0] in ("keras", "tf_keras"))

def trained(wing):
    import hashlib
    import numpy as np
    from shared import ModelSpec, TrainSpec

    x = np.random.default_rng(5).normal(size=(70, 6)).astype(np.float32)
    trainer = wing.Trainer(ModelSpec.mlp(6, 5, 3, dtype="float32"), TrainSpec(batch_size=16, epochs=3))
    loss = trainer.fit((x, np.arange(70) % 3)).loss
    arrays = [*trainer.weights(), trainer.predict(x), np.array(loss)]
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()
"""


def ran(folder, source, *paths):
    """What the program, run in ``folder``, wrote last; ``paths`` are searched before everything else."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([*map(str, paths), str(ROOT)]), "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment.pop("TF_USE_LEGACY_KERAS", None)
    command = [sys.executable, "-c", TOOLS + textwrap.dedent(source)]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def low_first(tmp_path_factory):
    source = """
        environment = dict(os.environ)
        import lowlevel

        found = {"kerases": kerases(), "legacy": "TF_USE_LEGACY_KERAS" in os.environ}
        found["changed"] = [name for name in environment if os.environ.get(name) != environment[name]]
        found["added"] = sorted(set(os.environ) - set(environment))
        found["before"] = trained(lowlevel)
        found["kerases after training"] = kerases()

        import tensorflow as tf
        found["shape"] = tf.keras.layers.Dense(3)(tf.zeros((1, 2))).shape.as_list()
        import keras
        import keras.src.optimizers

        found["same"] = tf.keras.layers.Dense is keras.layers.Dense and tf.optimizers.Adam is keras.optimizers.Adam
        import highlevel

        found["after"] = trained(lowlevel)
        found["high"] = trained(highlevel)
        print(json.dumps(found))
    """
    return ran(tmp_path_factory.mktemp("low"), source)


@pytest.fixture(scope="module")
def high_first(tmp_path_factory):
    source = """
        import highlevel
        loaded = len(kerases())
        import lowlevel
        import tensorflow as tf, keras

        same = tf.keras.layers.Dense is keras.layers.Dense
        print(json.dumps({"low": trained(lowlevel), "high": trained(highlevel), "loaded": loaded, "same": same}))
    """
    return ran(tmp_path_factory.mktemp("high"), source)


def test_importing_the_low_level_wing_leaves_keras_unloaded(low_first):
    assert low_first["kerases"] == []


def test_training_in_the_low_level_wing_leaves_keras_unloaded(low_first):
    assert low_first["kerases after training"] == []


def test_the_environment_is_what_tensorflow_alone_makes_of_it(low_first):
    assert low_first["changed"] == []
    assert set(low_first["added"]) <= TENSORFLOWS
    assert not low_first["legacy"]


def test_keras_can_be_had_afterwards_by_every_door(low_first):
    assert low_first["shape"] == [1, 3]
    assert low_first["same"]


@pytest.mark.long
def test_training_has_the_same_bits_before_and_after_keras_is_loaded(low_first, high_first):
    assert low_first["before"] == low_first["after"]
    assert low_first["before"] == high_first["low"]


@pytest.mark.long
def test_the_high_level_wing_has_the_same_bits_in_either_order(low_first, high_first):
    assert high_first["loaded"] > 100
    assert high_first["same"]
    assert high_first["high"] == low_first["high"] == low_first["before"]


@pytest.mark.long
def test_keras_first_stays_as_it_is(tmp_path):
    source = """
        import keras
        before = {name: id(sys.modules[name]) for name in kerases()}
        import lowlevel

        print(json.dumps([len(before), before == {name: id(sys.modules[name]) for name in kerases()}]))
    """
    loaded, same = ran(tmp_path, source)
    assert loaded > 100
    assert same


def test_commands_load_no_more_than_they_use(tmp_path):
    source = """
        from lockstep.cli import main

        found = {"train": main(["train", "digits", "--wing", "low", "--epochs", "1", "--out", "net.weights.h5"])}
        found["kerases"] = kerases()
        found["compare"] = main(["compare", "digits", "--epochs", "1", "--hidden", "3", "--require", "identical"])
        found["kerases later"] = len(kerases())
        extras = ("IPython", "matplotlib", "pandas", "sklearn")
        found["extras"] = [name for name in extras if name in sys.modules]
        from sklearn.metrics import confusion_matrix

        found["counted"] = confusion_matrix([0, 1], [0, 1]).tolist()
        print(json.dumps(found))
    """
    found = ran(tmp_path, source)
    assert (found["train"], found["compare"]) == (0, 0)
    assert found["kerases"] == []
    assert found["kerases later"] > 100
    assert found["extras"] == []
    assert found["counted"] == [[1, 0], [0, 1]]


def test_an_import_that_fails_leaves_nothing_behind(tmp_path):
    for name, text in (
        ("tensorflow", "try:\n    import keras.src.optimizers\nexcept ImportError:\n    pass\nraise RuntimeError('broken')"),
        ("keras", ""),
        ("keras/src", ""),
        ("keras/src/optimizers", ""),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(text, encoding="utf-8")
    source = """
        try:
            import lowlevel
        except RuntimeError as error:
            left = [str(error), kerases(), "tensorflow" in sys.modules]
        import keras.src.optimizers

        print(json.dumps([*left, kerases()]))
    """
    loaded = ["keras", "keras.src", "keras.src.optimizers"]
    assert ran(tmp_path, source, tmp_path) == ["broken", [], False, loaded]


def test_a_module_that_is_loaded_stays_and_one_that_is_not_is_absent():
    source = """
        import wave
        from shared.keras_later import absent

        with absent("wave", "chunk.of.no.package"):
            loaded = [sys.modules["wave"] is wave, sys.modules["chunk.of.no.package"]]
        print(json.dumps([*loaded, sys.modules["wave"] is wave, "chunk.of.no.package" in sys.modules]))
    """
    assert ran(ROOT, source) == [True, None, True, False]
