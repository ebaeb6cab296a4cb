"""Nothing of ours changes anything global: generators, Keras's names and settings, TensorFlow's, the process's.

One child process takes a picture of all that before and after each of our calls; the pictures must be equal.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.long  # one process, half a minute
ROOT = Path(__file__).resolve().parents[1]

SOURCE = '''
import hashlib, json, locale, logging, os, random, signal, sys, threading, warnings

sys.path.insert(0, sys.argv[1])
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
import tensorflow as tf
from keras.src.backend.common import global_state
from tensorflow.python.eager import context
from tensorflow.python.framework import config

# What a user may have set, so that a return to the defaults would be seen too.
random.seed(11)
np.random.seed(12)
tf.random.set_seed(13)
tf.random.get_global_generator().normal([3])
logging.getLogger("tensorflow").setLevel(logging.ERROR)
keras.layers.Flatten()  # a user's own layer: the next is flatten_1
os.environ["A_USERS_OWN"] = "1"


def digest(value):
    return hashlib.sha256(repr(value).encode()).hexdigest()[:16]


def loggers():
    known = [logging.getLogger()] + [logging.getLogger(name) for name in ("tensorflow", "keras", "absl", "h5py", "sklearn")]
    return [(one.name, one.level, one.disabled, one.propagate, [repr(handler) for handler in one.handlers]) for one in known]


def modules():
    """Settings that live in other packages as plain values."""
    import h5py
    import sklearn

    return [h5py.get_config().track_order, sklearn.get_config(), np.get_printoptions(), np.geterr()]


def numpy_state():
    name, keys, *rest = np.random.get_state()
    return [name, digest(keys.tolist()), *rest]


# Every Sequential counts these inside itself, and saving makes one of each of the four next. Nadam makes a variable, and
# accumulation and loss scaling a cond. No argument reaches them.
KERAS_OWN = ("keras_tensor", "functional", "layer", "loss", "metric", "optimizer", "variable", "cond", "seed_generator")


def names():
    counted = global_state.get_global_attribute("object_name_uids")
    return {name: count for name, count in counted.items() if name not in KERAS_OWN}


def picture():
    return {
        "random": digest(random.getstate()),
        "np.random": numpy_state(),
        "tf generator": tf.random.get_global_generator().state.numpy().tolist(),
        "tf seed": context.global_seed(),
        "tf eager draws": digest(context.context()._rng.getstate()),
        "keras names": names(),
        "floatx": keras.config.floatx(),
        "epsilon": keras.config.epsilon(),
        "policy": keras.config.dtype_policy().name,
        "image format": keras.config.image_data_format(),
        "backend": keras.config.backend(),
        "interactive logging": keras.config.is_interactive_logging_enabled(),
        "traceback filtering": [keras.config.is_traceback_filtering_enabled(), tf.debugging.is_traceback_filtering_enabled()],
        "safe mode": keras.src.saving.serialization_lib.in_safe_mode(),
        "distribution": repr(keras.distribution.distribution()),
        "flash attention": keras.config.is_flash_attention_enabled(),
        "threads": [
            tf.config.threading.get_inter_op_parallelism_threads(),
            tf.config.threading.get_intra_op_parallelism_threads(),
        ],
        "determinism": config.is_op_determinism_enabled(),
        "soft placement": tf.config.get_soft_device_placement(),
        "run eagerly": tf.config.functions_run_eagerly(),
        "jit": tf.config.optimizer.get_jit(),
        "optimizer options": tf.config.optimizer.get_experimental_options(),
        "devices": [repr(device) for device in tf.config.get_visible_devices()],
        "tensor float 32": tf.config.experimental.tensor_float_32_execution_enabled(),
        "policy of devices": context.context().device_policy,
        "synchronous": tf.config.experimental.get_synchronous_execution(),
        "numpy behaviour": hasattr(tf.constant(1.0), "T"),
        "eager": tf.executing_eagerly(),
        "default graph": id(tf.compat.v1.get_default_graph()) == GRAPH,
        "strategy": type(tf.distribute.get_strategy()).__name__,
        "environment": dict(os.environ),
        "folder": os.getcwd(),
        "umask": umask(),
        "loggers": loggers(),
        "warnings": [repr(one) for one in warnings.filters],
        "showwarning": repr(warnings.showwarning),
        "path": list(sys.path),
        "path hooks": [repr(one) for one in (*sys.meta_path, *sys.path_hooks)],
        "signals": {str(number): repr(signal.getsignal(number)) for number in signal.valid_signals()},
        "locale": locale.setlocale(locale.LC_ALL),
        "hooks": [repr(sys.excepthook), repr(sys.displayhook), repr(threading.excepthook), repr(sys.gettrace())],
        "limits": [sys.getrecursionlimit(), sys.getswitchinterval(), sys.get_int_max_str_digits()],
        "streams": [id(sys.stdout), id(sys.stderr), id(sys.stdin)],
        "our threads": sorted(one.name for one in threading.enumerate()),
        "files": sorted(os.listdir(".")),
        "modules": modules(),
    }


def umask():
    old = os.umask(0)
    os.umask(old)
    return old


GRAPH = id(tf.compat.v1.get_default_graph())
tf.config.list_logical_devices()  # TensorFlow starts up at the first operation, whoever runs it
before = picture()
changes = []


def look(call):
    """Note what is another than before, and take that as the new state."""
    global before
    after = json.loads(json.dumps(picture(), default=repr))
    was = json.loads(json.dumps(before, default=repr))
    changes.extend(f"{call}: {name}: {was[name]} -> {after[name]}" for name in was if was[name] != after[name])
    before = after


look("the picture itself")
import shared
look("import shared")
import lowlevel
look("import lowlevel")
import highlevel
look("import highlevel")
import lockstep
import lockstep.cli, lockstep.comparison, lockstep.environment, lockstep.report.html, lockstep.table
look("import lockstep")

from shared import ModelSpec, TrainSpec
from shared.spec import OPTIMIZERS, CosineDecaySpec

files = sys.argv[2]
generator = np.random.default_rng(0)
x, y = generator.normal(size=(45, 6)), generator.integers(0, 3, 45)
models = [
    ModelSpec.mlp(6, 5, 3, kernel_initializer=kernel)
    for kernel in ("glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_uniform", "lecun_normal")
]
models.append(ModelSpec.mlp(6, 5, 3, dtype="float64", activation="tanh"))
adam = TrainSpec(batch_size=10, epochs=2)
cosine = CosineDecaySpec(initial_learning_rate=0.1, decay_steps=3)
every_rule = [
    TrainSpec(optimizer=rule, learning_rate=cosine, clipnorm=1.0, weight_decay=0.1, use_ema=True, gradient_accumulation_steps=2)
    for rule in OPTIMIZERS
]
look("specs and data")
for wing in (lowlevel, highlevel):
    name = wing.__name__
    for model in models:
        net = wing.build(model, seed=3)
        wing.spec_of(net)
        wing.summary(net, print_fn=lambda text: None)
        look(f"{name}.build, {model.layers[0].kernel_initializer}, {model.dtype}")
    for train in (adam, TrainSpec(optimizer="sgd", momentum=0.9, nesterov=True, batch_size=10, loss="categorical_crossentropy")):
        wing.Trainer(models[0], train)
        look(f"{name}.Trainer, {train.optimizer}")
    net = wing.build(models[0])
    weights = net.weights if name == "lowlevel" else net.trainable_variables
    for train in every_rule:
        optimizer = wing.optimizers.get(train, "mixed_float16")
        optimizer.build(weights)
        optimizer.apply([tf.ones_like(weight) for weight in weights], weights)
        look(f"{name}.optimizers, {train.optimizer}")
    for form, record in zip(("eager", "graph", "graph", "epoch", "epoch", "graph-xla"), (1, 0, 1, 0, 1, 0), strict=True):
        trainer = wing.Trainer(models[0], adam, execution=form.removesuffix("-xla"), jit_compile=form.endswith("-xla"))
        trainer.fit((x, y), record=bool(record), validation_data=(x[:7], y[:7]))
        look(f"{name}.fit, {form}, record={record}")
    wing.Trainer(models[-1], adam).fit((x, y))
    look(f"{name}.fit, float64")
    trainer.predict(x)
    trainer.predict_proba(x)
    trainer.evaluate(x, y)
    trainer.train_on_batch(x[:10], y[:10])
    look(f"{name}.predict, evaluate, train_on_batch")
    trainer.summary(print_fn=lambda text: None)
    trainer.restore(trainer.state())
    trainer.load(trainer.weights())
    trainer.save(f"{files}/{name}.weights.h5")
    trainer.load(f"{files}/{name}.weights.h5")
    look(f"{name}.save, load")
    trainer.save(f"{files}/{name}.keras")
    wing.load_model(f"{files}/{name}.keras")
    look(f"{name}.load_model")
    for exported in (".onnx", ".tflite", ".safetensors", ""):
        trainer.export(f"{files}/{name}-{form}{exported}")
        look(f"{name}.export, {exported}")
    try:
        trainer.fit((x, y + 7))
    except shared.InputError:
        look(f"{name}.fit, refused")
for sides in ("epoch,keras", "graph-xla,graph", "numpy,tf1,tf2,tf2-graph,keras"):
    report = lockstep.compare(models[0], adam, (x, y), sides=sides)
    str(report)
    report.to_json()
    report.save(f"{files}/report.html")
    look(f"lockstep.compare, {sides}")
shared.load_digits()
look("load_digits")
from lowlevel.ladder import numpy_by_hand, numpy_training, tf1_session, tf2_functions, tf2_graph_functions

columns, one_hot = x.T, tf1_session.convert_to_one_hot(y, 3)
numpy_by_hand.two_layer_model(columns, y[None] > 0, (6, 4, 1), num_iterations=2)
numpy_training.model(columns, y, (6, 4, 3), num_epochs=1)
look("ladder, numpy")
tf1_session.predict(columns, tf1_session.model(columns, one_hot, columns, one_hot, num_epochs=1, print_cost=False))
tf1_session.linear_function()
look("ladder, tf1")
for rung in (tf2_functions, tf2_graph_functions):
    datasets = [tf.data.Dataset.from_tensor_slices(rows.astype("float32")) for rows in (x, one_hot.T)]
    rung.model(*datasets, *datasets, num_epochs=1, print_cost=False)
    rung.linear_function()
    look(f"ladder, {rung.__name__}")
for wing in ("low", "high"):
    found = lockstep.search({"units": [3, 5], "dropout": lockstep.Uniform(0.1, 0.5)}, (x, y), points=2, epochs=1, wing=wing)
    found.save(f"{files}/search.png")
    lockstep.panda(models[0], adam, (x, y), stages=2, wing=wing, adapt=lambda stages: {"learning_rate": 0.1})
    look(f"lockstep.search and lockstep.panda, {wing}")
from sklearn.model_selection import cross_val_score

classifiers = (lowlevel.LowLevelClassifier, highlevel.HighLevelClassifier)
for make in (*classifiers, lowlevel.LowLevelRegressor, highlevel.HighLevelRegressor):
    net = make(epochs=2, early_stopping=True)
    look(f"{make.__name__}, made")
    net.fit(x, y, sample_weight=y + 1.0).predict(x)
    net.partial_fit(x, y)
    cross_val_score(net, x, y, cv=2)
    look(f"{make.__name__}, used")

def users_own():
    return [
        keras.layers.Dense(1),
        keras.layers.Flatten(),
        keras.Sequential(),
        keras.optimizers.Adam(),
        keras.optimizers.SGD(),
        keras.metrics.Mean(),
    ]


json.dump({"changes": changes, "own": [one.name for one in users_own()],
           "looked": sorted(before)}, sys.stdout)
'''


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder, files = tmp_path_factory.mktemp("here"), tmp_path_factory.mktemp("files")
    command = [sys.executable, "-c", SOURCE, str(ROOT), str(files)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_no_call_of_ours_changes_anything_global(found):
    assert found["changes"] == [], "\n".join(found["changes"])


def test_a_users_own_layers_are_named_as_if_we_were_not_there(found):
    assert found["own"] == ["dense", "flatten_1", "sequential", "adam", "sgd", "mean"]


def test_the_pictures_show_what_matters(found):
    wanted = {"random", "np.random", "tf generator", "tf seed", "floatx", "policy", "keras names", "threads", "determinism"}
    wanted |= {"soft placement", "run eagerly", "devices", "environment", "folder", "loggers", "warnings", "path", "signals"}
    assert wanted | {"locale", "image format"} <= set(found["looked"])
