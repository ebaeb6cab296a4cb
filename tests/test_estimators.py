"""The scikit-learn estimators: scikit-learn's own checks, equal bits in both wings, and what people do with estimators.

``check_estimator`` runs in a process of its own, since ``SCIPY_ARRAY_API`` must be set before SciPy is imported. Quickly it runs
on small nets of one class; ``pytest -n 0 -m long -s -k check_estimator`` runs it on all four as they are made, and prints.
"""

import ast
import copy
import json
import os
import pickle
import random
import re
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy.stats import loguniform
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.experimental import enable_halving_search_cv  # noqa: F401  # makes the next name known
from sklearn.model_selection import GridSearchCV, HalvingRandomSearchCV, RandomizedSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from test_spec import refused
from test_tuning_pages import program

import highlevel
import lowlevel
from shared import ExponentialDecaySpec, ModelSpec, TrainSpec
from shared.spec import OPTIMIZERS
from shared.trainers import KEPT, Trainers

ROOT = Path(__file__).resolve().parents[1]
WINGS = (lowlevel, highlevel)
CLASSIFIERS = (lowlevel.LowLevelClassifier, highlevel.HighLevelClassifier)
REGRESSORS = (lowlevel.LowLevelRegressor, highlevel.HighLevelRegressor)
LONG = pytest.mark.long
SMALL = {"hidden_layer_sizes": (5,), "learning_rate": 0.02, "epochs": 4, "batch_size": 16, "random_state": 3}


@pytest.fixture(scope="module")
def flowers():
    """150 irises: X (150, 4) and their names."""
    x, y = load_iris(return_X_y=True)
    return (x - x.mean(axis=0)) / x.std(axis=0), np.array(["setosa", "versicolor", "virginica"])[y]


@pytest.fixture(scope="module")
def numbers():
    """60 rows (60, 3) and two numbers for each."""
    generator = np.random.default_rng(8)
    x = generator.normal(size=(60, 3))
    return x, np.stack([x @ [1.0, -2.0, 0.5], np.tanh(x[:, 0])], axis=1)


def assert_same_bits(one, other):
    """Equal specs, curves and arrays, to the last bit."""
    assert (one.model_, one.train_, one.n_iter_, one.history_) == (other.model_, other.train_, other.n_iter_, other.history_)
    for first, second in zip((*one.weights_, *one.state_.slots), (*other.weights_, *other.state_.slots), strict=True):
        assert first.dtype == second.dtype
        np.testing.assert_array_equal(first, second)


# ------------------------------------------------------------------------------------------- scikit-learn's own checks

CHECK = """
import collections, json, sys, warnings
import lowlevel, highlevel
from sklearn.utils.estimator_checks import check_estimator

counts = {}
for name in sys.argv[2:]:
    make = getattr(lowlevel if name.startswith("Low") else highlevel, name)
    results = check_estimator(make(**json.loads(sys.argv[1])), on_fail=None, on_skip=None)
    wrong = [[one["check_name"], repr(one["exception"])] for one in results if one["status"] != "passed"]
    names = [one["check_name"] for one in results]
    counts[name] = {"counts": collections.Counter(one["status"] for one in results), "wrong": wrong, "names": names}
json.dump(counts, sys.stdout)
"""


def checked(made, options):
    """What ``check_estimator`` says of each class, with pandas present and array API dispatch on."""
    env = os.environ | {"SCIPY_ARRAY_API": "1", "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    names = [make.__name__ for make in made]
    command = [sys.executable, "-W", "ignore", "-c", CHECK, json.dumps(options), *names]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert list(found) == names
    return found


def assert_all_passed(found):
    """Every check passed: none failed, none was skipped, none was expected to fail."""
    for name, result in found.items():
        assert result["wrong"] == [], name
        assert list(result["counts"]) == ["passed"], name
        assert result["counts"]["passed"] >= 55
        # these are left out, or skipped, without pandas and without SCIPY_ARRAY_API
        assert {"check_sample_weights_pandas_series", "check_array_api_input"} <= set(result["names"])


@pytest.mark.long
def test_check_estimator_passes_in_full_on_small_nets():
    """One of the four: what they share is shared, and the wings' bits are equal."""
    assert_all_passed(checked(CLASSIFIERS[:1], {"hidden_layer_sizes": 5, "learning_rate": 0.05, "epochs": 15}))


@pytest.mark.long
def test_check_estimator_passes_in_full_on_estimators_as_they_are_made():
    found = checked((*CLASSIFIERS, *REGRESSORS), {})
    for name, result in found.items():
        print(f"\n{name}: " + ", ".join(f"{count} {status}" for status, count in result["counts"].items()), end="")
    assert_all_passed(found)


# ------------------------------------------------------------------------------------------------------- equal bits

CASES = {
    "as made": {},
    "sgd": {"optimizer": "sgd", "momentum": 0.9, "activation": "tanh", "l2": 0.01},
    "dropout": {"dropout": 0.3, "hidden_layer_sizes": (6, 5), "optimizer": "rmsprop"},
    "no hidden layer": {"hidden_layer_sizes": (), "shuffle": False},
    "schedule": {"learning_rate": ExponentialDecaySpec(initial_learning_rate=0.05, decay_steps=5, decay_rate=0.5)},
    "early stopping": {"early_stopping": True, "epochs": 30, "learning_rate": 0.3, "n_iter_no_change": 2},
}


@pytest.mark.parametrize("case", CASES)
def test_wings_give_the_same_bits_of_three_classes(flowers, case):
    x, y = flowers
    weights = np.random.default_rng(1).random(len(y)) if case != "early stopping" else None
    low, high = (make(**SMALL | CASES[case]).fit(x, y, weights) for make in CLASSIFIERS)
    assert_same_bits(low, high)
    for method in ("decision_function", "predict", "predict_proba"):
        np.testing.assert_array_equal(getattr(low, method)(x), getattr(high, method)(x))
    assert low.score(x, y) == high.score(x, y)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_wings_give_the_same_bits_of_two_classes(flowers, dtype):
    x, y = flowers[0].astype(dtype), flowers[1] == "virginica"
    low, high = (make(**SMALL).fit(x, y) for make in CLASSIFIERS)
    assert_same_bits(low, high)
    np.testing.assert_array_equal(low.predict_proba(x), high.predict_proba(x))
    assert low.predict_proba(x).dtype == low.weights_[0].dtype == dtype


@pytest.mark.parametrize("columns", [0, slice(None)], ids=["one number", "two numbers"])
def test_wings_give_the_same_bits_of_numbers(numbers, columns):
    x, y = numbers[0], numbers[1][:, columns]
    weights = np.arange(60) % 3
    low, high = (make(**SMALL, early_stopping=True).fit(x, y, weights) for make in REGRESSORS)
    assert_same_bits(low, high)
    np.testing.assert_array_equal(low.predict(x), high.predict(x))
    assert low.predict(x).shape == y.shape


@pytest.mark.parametrize("wing", WINGS, ids=lambda wing: wing.__name__)
@pytest.mark.parametrize("case", ["as made", "dropout", *(pytest.param(one, marks=LONG) for one in ("sgd", "schedule"))])
def test_a_trainer_used_again_gives_the_bits_of_a_new_one(flowers, wing, case):
    """Trainers are shared by nets of one kind. What another seed, rate or order left in one must not show."""
    x, y = flowers
    make = CLASSIFIERS[WINGS.index(wing)]
    for seed, rate in ((1, 0.5), (2, 0.1)):
        rates = {} if case == "schedule" else {"learning_rate": rate}
        make(**SMALL | CASES[case] | rates | {"random_state": seed, "epochs": 2}).fit(x[::-1], y[::-1])
    again = make(**SMALL | CASES[case]).fit(x, y)
    labels = np.searchsorted(again.classes_, y)
    new = wing.Trainer(again.model_, again.train_)
    history = new.fit((x, labels))
    assert again.history_ == history.history
    for one, other in zip(again.weights_, new.weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(again.decision_function(x), new.predict(x))


# --------------------------------------------------------------------------------- against mathematics of its own


def descended(kernel, bias, x, goal, gradient, weights, rate, steps):
    """Gradient descent on the loss sum(w loss) / sum(w) of a single layer, in NumPy; ``gradient`` is that of one row's loss."""
    share = (weights / weights.sum())[:, None]
    for _ in range(steps):
        error = share * gradient(x @ kernel + bias, goal)
        kernel, bias = kernel - rate * x.T @ error, bias - rate * error.sum(axis=0)
    return kernel, bias


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def softmax(z):
    return np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)


@pytest.mark.parametrize("kind", ["two classes", "three classes", "numbers"])
@pytest.mark.parametrize("wing", range(2), ids=["low", "high"])
def test_weighed_descent_is_that_of_the_formulas(flowers, numbers, kind, wing):
    weights = np.random.default_rng(4).integers(0, 4, 150).astype(float)
    x, y = flowers
    make, goal, gradient = CLASSIFIERS[wing], np.eye(3)[np.searchsorted(np.unique(y), y)], lambda z, t: softmax(z) - t
    if kind == "two classes":
        y = y == "setosa"
        goal, gradient = y[:, None], lambda z, t: sigmoid(z) - t
    elif kind == "numbers":
        (x, y), weights = numbers, weights[:60]
        make, goal, gradient = REGRESSORS[wing], y, lambda z, t: 2 * (z - t) / t.shape[1]
    options = {"hidden_layer_sizes": (), "optimizer": "sgd", "learning_rate": 0.25, "random_state": 3, "batch_size": 150}
    found = make(**options, epochs=5).fit(x, y, weights)
    first = [weight.numpy() for weight in WINGS[wing].build(found.model_, 3).weights]
    expected = descended(*first, x, goal, gradient, weights, rate=0.25, steps=5)
    for one, other in zip(found.weights_, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("make", CLASSIFIERS)
def test_only_ratios_of_weights_count_and_a_row_of_no_weight_is_none(flowers, make):
    x, y = flowers
    generator = np.random.default_rng(2)
    weights = generator.random(150)
    assert_same_bits(make(**SMALL).fit(x, y, weights), make(**SMALL).fit(x, y, 1024 * weights))
    assert (np.full(150, 0.1) / np.full(150, 0.1).mean() != 1).all()  # equal weights are none, whatever their mean rounds to
    assert_same_bits(make(**SMALL).fit(x, y, np.full(150, 0.1)), make(**SMALL).fit(x, y))
    some = generator.random(150) < 0.7
    assert_same_bits(make(**SMALL).fit(x, y, 5.0 * some), make(**SMALL).fit(x[some], y[some]))
    unlike = make(**SMALL).fit(x, y, weights)
    assert not np.array_equal(unlike.weights_[0], make(**SMALL).fit(x, y).weights_[0])


@pytest.mark.parametrize("make", CLASSIFIERS)
def test_a_class_without_weight_is_still_a_class(flowers, make):
    x, y = flowers
    found = make(**SMALL | {"epochs": 40}).fit(x, y, (y != "setosa").astype(float))
    assert list(found.classes_) == ["setosa", "versicolor", "virginica"]
    assert "setosa" not in found.predict(x)


# --------------------------------------------------------------------------------------------------- going on


@pytest.mark.parametrize("make", CLASSIFIERS)
def test_training_that_goes_on_is_one_training(flowers, make):
    """The same bits whether in one call of ``fit``, in two, or epoch by epoch; masks, order and optimiser go on."""
    x, y = flowers
    options = SMALL | {"dropout": 0.3}
    whole = make(**options).fit(x, y)
    warm = make(**options | {"epochs": 3, "warm_start": True}).fit(x, y).set_params(epochs=1).fit(x, y)
    partial = make(**options)
    for _ in range(4):
        partial.partial_fit(x, y, classes=np.unique(y))
    for found in (warm, partial):
        assert found.history_ == whole.history_
        assert found.n_iter_ == whole.n_iter_ == 4
        for one, other in zip((*found.weights_, *found.state_.slots), (*whole.weights_, *whole.state_.slots), strict=True):
            np.testing.assert_array_equal(one, other)
    fresh = warm.set_params(warm_start=False, epochs=4).fit(x, y)
    assert_same_bits(fresh, whole)


@pytest.mark.parametrize("make", CLASSIFIERS)
def test_a_rate_may_change_between_two_calls_and_the_net_may_not(flowers, make):
    x, y = flowers
    found = make(**SMALL, warm_start=True).fit(x, y)
    before = [weight.copy() for weight in found.weights_]
    found.set_params(learning_rate=1e-9).fit(x, y)
    for one, other in zip(found.weights_, before, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-7)
        assert not np.array_equal(one, other)
    kept = pickle.dumps(found.state_)
    refused(lambda: found.set_params(hidden_layer_sizes=(4,)).fit(x, y), "same net")
    refused(lambda: found.set_params(hidden_layer_sizes=(5,), l2=0.1).fit(x, y), "same net")
    refused(lambda: found.set_params(l2=0.0, optimizer="sgd").fit(x, y), "same optimizer")
    refused(lambda: found.set_params(optimizer="adam").partial_fit(x, y, ["setosa", "versicolor"]), "same classes")
    refused(lambda: found.fit(x, np.where(y == "setosa", "rosa", y)), "among the classes")
    assert pickle.dumps(found.state_) == kept


@pytest.mark.parametrize("make", CLASSIFIERS)
def test_partial_fit_learns_from_parts_and_knows_all_classes(flowers, make):
    x, y = flowers
    found = make(**SMALL | {"learning_rate": 0.1})
    refused(lambda: found.partial_fit(x, y), "all classes")
    for _ in range(5):
        for part in (slice(0, 50), slice(50, 100), slice(100, 150)):  # each part has one class only
            found.partial_fit(x[part], y[part], classes=np.unique(y))
    assert found.n_iter_ == 15
    assert found.predict_proba(x).shape == (150, 3)


@pytest.mark.parametrize("make", REGRESSORS)
def test_partial_fit_of_numbers_goes_on(numbers, make):
    x, y = numbers
    found = make(**SMALL)
    for _ in range(4):
        found.partial_fit(x, y)
    np.testing.assert_array_equal(found.predict(x), make(**SMALL).fit(x, y).predict(x))


@pytest.mark.parametrize("wing", range(2), ids=["low", "high"])
def test_early_stopping_keeps_the_best_of_the_rows_held_back(flowers, wing):
    x, y = flowers
    options = SMALL | {"epochs": 60, "learning_rate": 0.3, "l2": 0.0}
    found = CLASSIFIERS[wing](**options, early_stopping=True, validation_fraction=0.2, n_iter_no_change=3, tol=0.0).fit(x, y)
    curve = found.history_["val_loss"]
    assert len(curve) == found.n_iter_ < 60
    assert found.n_iter_ == int(np.argmin(curve)) + 1 + 3
    parts = train_test_split(x, np.searchsorted(found.classes_, y), test_size=0.2, random_state=3, stratify=y)
    assert np.bincount(parts[3]).tolist() == [10, 10, 10]
    loss = -np.log(found.predict_proba(parts[1])[np.arange(30), parts[3]]).mean()
    np.testing.assert_allclose(loss, min(curve), rtol=1e-6)


# ------------------------------------------------------------------------------------------- what estimators are for


@pytest.mark.parametrize("make", CLASSIFIERS)
@pytest.mark.parametrize(
    "names",
    [np.array(["b", "a", "c"]), np.array(["b", "a", "c"], object), np.array([7, -1, 30]), np.array([2.0, 1.0, 0.0])],
    ids=["strings", "objects", "integers", "whole floats"],
)
def test_labels_of_any_kind_come_back(flowers, make, names):
    x, y = flowers
    labels = names[np.searchsorted(np.unique(y), y)]
    found = make(**SMALL | {"epochs": 30}).fit(x, labels)
    np.testing.assert_array_equal(found.classes_, np.unique(names))
    answers = found.predict(x)
    assert answers.dtype == labels.dtype
    assert (answers == labels).mean() > 0.9
    probabilities = found.predict_proba(x)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    np.testing.assert_array_equal(found.classes_[probabilities.argmax(axis=1)], answers)
    np.testing.assert_allclose(probabilities, softmax(found.decision_function(x)), rtol=1e-12)


@pytest.mark.parametrize("make", CLASSIFIERS)
def test_two_classes_have_one_logit_and_two_probabilities(flowers, make):
    x, y = flowers[0], flowers[1] == "virginica"
    found = make(**SMALL | {"epochs": 30}).fit(x, y)
    logits = found.decision_function(x)
    assert (logits.shape, found.model_.outputs, found.predict(x).dtype) == ((150,), 1, bool)
    np.testing.assert_array_equal(found.predict(x), logits > 0)
    np.testing.assert_allclose(found.predict_proba(x), np.stack([sigmoid(-logits), sigmoid(logits)], axis=1), rtol=1e-9)
    assert found.score(x, y) > 0.9


@pytest.mark.parametrize("make", [*CLASSIFIERS, *REGRESSORS])
def test_estimators_are_cloned_copied_and_pickled(flowers, tmp_path, make):
    x, y = flowers[0], np.searchsorted(np.unique(flowers[1]), flowers[1])
    fresh = make(**SMALL, activation="tanh")
    assert clone(fresh).get_params() == fresh.get_params()
    found = fresh.fit(x, y)
    pickled = pickle.dumps(found)
    assert not any(word in pickled for word in (b"tensorflow", b"keras.src"))  # arrays and specs only
    joblib.dump(found, tmp_path / "net.joblib")
    for same in (pickle.loads(pickled), copy.deepcopy(found), joblib.load(tmp_path / "net.joblib")):
        np.testing.assert_array_equal(same.predict(x), found.predict(x))
        assert_same_bits(same, found)
    on = pickle.loads(pickled).partial_fit(x, y)
    assert_same_bits(on, found.partial_fit(x, y))  # the optimiser's state went along
    with pytest.raises(NotFittedError):
        clone(found).predict(x)
    with pytest.raises(NotFittedError):
        clone(found).weights_  # noqa: B018


def test_parameters_are_the_same_in_all_four():
    (first, *others) = [list(make().get_params()) for make in (*CLASSIFIERS, *REGRESSORS)]
    assert all(one == first for one in others)
    assert "learning_rate=0.5" in repr(CLASSIFIERS[0](learning_rate=0.5))


@pytest.mark.parametrize("make", CLASSIFIERS)
def test_pipelines_hand_data_frames_on(flowers, make):
    x, y = flowers
    frame = pd.DataFrame(x, columns=["a", "b", "c", "d"])
    pipeline = make_pipeline(StandardScaler(), make(**SMALL)).set_output(transform="pandas").fit(frame, pd.Series(y))
    assert list(pipeline[-1].feature_names_in_) == ["a", "b", "c", "d"]
    assert list(pipeline.classes_) == sorted(set(y))
    plain = make(**SMALL).fit(x, y)
    named = make(**SMALL).fit(frame, pd.Series(y))
    assert_same_bits(named, plain)
    np.testing.assert_array_equal(named.predict(frame), plain.predict(x))
    np.testing.assert_array_equal(pipeline.predict(frame), plain.predict(x))  # the scaler sums a frame in another order
    with pytest.raises(ValueError, match="feature names"):
        named.predict(frame.rename(columns={"a": "e"}))
    with pytest.raises(ValueError, match="expecting 4 features"):
        plain.predict(x[:, :3])


def searched(search, x, y):
    """The figures of a search that time has no part in."""
    results = search.fit(x, y).cv_results_
    return {name: np.array(values) for name, values in results.items() if "time" not in name}


def searches(make):
    pipeline = make_pipeline(StandardScaler(), make(**SMALL))
    name = make.__name__.lower()
    grid = {f"{name}__hidden_layer_sizes": [(3,), (4, 3)], f"{name}__learning_rate": np.array([1e-3, 0.05])}
    draws = {f"{name}__learning_rate": loguniform(1e-3, 1), f"{name}__dropout": [0.0, 0.2], f"{name}__shuffle": [True, False]}
    halving = {"resource": f"{name}__epochs", "max_resources": 9, "min_resources": 1, "cv": 2, "random_state": 1}
    return {
        "grid": GridSearchCV(pipeline, grid, cv=2, error_score="raise", return_train_score=True),
        "random": RandomizedSearchCV(pipeline, draws, n_iter=3, cv=2, random_state=1, error_score="raise"),
        "halving": HalvingRandomSearchCV(pipeline, draws, n_candidates=4, **halving),
    }


@pytest.mark.parametrize("kind", ["grid", *(pytest.param(kind, marks=LONG) for kind in ("random", "halving"))])
def test_searches_over_a_pipeline_score_alike_in_both_wings(flowers, kind):
    low, high = (searched(searches(make)[kind], *flowers) for make in CLASSIFIERS)
    scores = [name for name in low if "score" in name]
    assert len(scores) >= 5
    assert len(set(low["mean_test_score"])) > 1
    for name in scores:
        np.testing.assert_array_equal(low[name], high[name], err_msg=name)


@pytest.mark.parametrize("make", [CLASSIFIERS[0], pytest.param(CLASSIFIERS[1], marks=LONG)])
def test_threads_do_not_share_a_trainer(flowers, make):
    serial = searched(searches(make)["grid"], *flowers)
    with joblib.parallel_backend("threading", n_jobs=3):
        threaded = searched(searches(make)["grid"], *flowers)
    np.testing.assert_array_equal(serial["mean_test_score"], threaded["mean_test_score"])


@pytest.mark.long
@pytest.mark.parametrize("make", CLASSIFIERS)
def test_worker_processes_score_as_one_process_does(flowers, make):
    serial = searched(searches(make)["grid"], *flowers)
    with joblib.parallel_backend("loky", n_jobs=2):
        parallel = searched(searches(make)["grid"], *flowers)
    np.testing.assert_array_equal(serial["mean_test_score"], parallel["mean_test_score"])


# -------------------------------------------------------------------------------------------------------- refusals

WRONG = {
    "hidden_layer_sizes has": {"hidden_layer_sizes": (5, 0)},
    "whole numbers from 1": {"hidden_layer_sizes": "ab"},
    "units of each": {"hidden_layer_sizes": None},
    "names a function": {"activation": "swish"},
    "DropoutSpec.rate": {"dropout": 1.0},
    "L1L2Spec.l2": {"l2": -0.1},
    "names an update rule": {"optimizer": "lbfgs"},
    "learning_rate must be": {"learning_rate": 0.0},
    "sgd and rmsprop only": {"momentum": 0.9},
    "epochs must be": {"epochs": 0},
    "batch_size must be": {"batch_size": 2.5},
    "shuffle is True or False": {"shuffle": "yes"},
    "early_stopping is": {"early_stopping": 1},
    "share of the rows": {"validation_fraction": 1.0},
    "counts epochs": {"n_iter_no_change": 0},
    "tol is": {"tol": -1},
    "warm_start is": {"warm_start": None},
    "TrainSpec.seed": {"random_state": -1},
    "verbose is": {"verbose": 3},
}


@pytest.mark.parametrize("make", CLASSIFIERS)
@pytest.mark.parametrize("rule", WRONG)
def test_a_wrong_parameter_is_refused_by_fit_in_one_line(flowers, make, rule):
    wrong = make(**SMALL | WRONG[rule])
    refused(lambda: wrong.fit(*flowers), rule)
    assert not hasattr(wrong, "state_")


@pytest.mark.parametrize("make", CLASSIFIERS)
def test_what_cannot_be_learned_is_refused(flowers, make):
    x, y = flowers
    refused(lambda: make(**SMALL).fit(x[:50], y[:50]), "two classes", "1 class")
    with pytest.raises(ValueError, match="zero"):
        make(**SMALL).fit(x, y, np.zeros(150))
    with pytest.raises(ValueError, match="egative"):
        make(**SMALL).fit(x, y, np.full(150, -1.0))
    with pytest.raises(ValueError, match="Unknown label type"):
        make(**SMALL).fit(x, x[:, 0])
    with pytest.raises(ValueError, match="least populated class"):
        make(**SMALL, early_stopping=True).fit(x[:51], y[:51])


@pytest.mark.parametrize("make", REGRESSORS)
def test_a_training_that_runs_away_is_refused_and_leaves_nothing(numbers, make):
    x, y = numbers
    wild = make(hidden_layer_sizes=(), optimizer="sgd", learning_rate=1e6, epochs=60, random_state=0)
    refused(lambda: wild.fit(x, y), "finite weights")
    assert not hasattr(wild, "state_")


# --------------------------------------------------------------------------------------------------- house and seeds


def test_the_wings_import_the_estimators_only_when_asked():
    """scikit-learn's base is there before: TensorFlow brings Keras, which brings that."""
    source = (
        "import sys, lowlevel, highlevel\n"
        "heavy = ('shared.estimators', 'sklearn.model_selection', 'sklearn.metrics')\n"
        "assert not [name for name in heavy if name in sys.modules]\n"
        "assert 'LowLevelClassifier' in lowlevel.__all__ and not hasattr(lowlevel, 'Classifier')\n"
        "lowlevel.LowLevelClassifier\n"
        "assert 'shared.estimators' in sys.modules and 'highlevel.estimator' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", source], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("make", CLASSIFIERS)
def test_random_state_fixes_everything_and_none_disturbs_nobody(flowers, make):
    x, y = flowers
    before = (random.getstate(), np.random.get_state()[1].tolist())
    one, other = (make(**SMALL | {"random_state": None, "epochs": 1}).fit(x, y) for _ in range(2))
    assert one.train_.seed != other.train_.seed
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before
    again = make(**SMALL | {"random_state": one.train_.seed, "epochs": 1}).fit(x, y)
    assert_same_bits(again, one)
    assert_same_bits(again.partial_fit(x, y), one.partial_fit(x, y))  # going on, None draws no other seed
    drawn = [make(**SMALL | {"random_state": np.random.RandomState(5), "epochs": 1}).fit(x, y) for _ in range(2)]
    assert_same_bits(*drawn)


def test_trainers_are_kept_up_to_a_number_and_lent_to_one_at_a_time():
    model = ModelSpec.mlp(3, 2)
    state = lowlevel.Trainer(model, TrainSpec()).state()

    class Fake:
        made = 0

        def __init__(self, model, train):
            Fake.made += 1

        def state(self):
            return state

        def restore(self, state):
            pass

    trainers = Trainers(Fake, lowlevel.build, None)
    with trainers.lend(model, TrainSpec()) as one, trainers.lend(model, TrainSpec()) as two:
        assert one is not two
    with trainers.lend(model, TrainSpec(epochs=9, seed=4, learning_rate=0.5, shuffle=False)) as again:
        assert again in (one, two)
    assert Fake.made == 2
    with pytest.raises(KeyError), trainers.lend(model, TrainSpec()) as failed:
        raise KeyError
    with trainers.lend(model, TrainSpec()) as left, trainers.lend(model, TrainSpec()) as new:
        assert failed not in (left, new)
        assert Fake.made == 3
    for size in range(1, KEPT + 5):
        with trainers.lend(model, TrainSpec(batch_size=size)):
            pass
    assert len(trainers._idle) == KEPT


def test_the_page_on_scikit_learn_runs_and_lists_the_parameters():
    program("scikit-learn.md")
    text = (ROOT / "docs" / "scikit-learn.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| `(.*?)` \|", text.split("## Parameters")[1], re.MULTILINE)
    assert {name: ast.literal_eval(default) for name, default in rows} == CLASSIFIERS[0]().get_params()
    assert all(f"`{name}`" in text for name in OPTIMIZERS)
