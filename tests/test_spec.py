"""Specs, and what is fed and loaded beside them, refuse every wrong value in one plain line; specs come back from JSON."""

import dataclasses
import json
import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import DenseSpec, InputError, ModelSpec, TrainSpec
from shared.data.card import DataCard
from shared.feed import feed, targets
from shared.formats.progress import Progress
from shared.settings import FORMS, FUSED, compiles, resolve
from shared.spec import ACTIVATIONS, DTYPES, INITIALIZERS, LOSSES, OPTIMIZERS, InverseTimeDecaySpec, slot_names
from shared.weights import checked, written

HUGE = 10**400  # no float can hold it


def refused(make, *words):
    """The message of the InputError that ``make`` ends in: one line with rule, what was received, and remedy."""
    with pytest.raises(InputError) as caught:
        make()
    message = str(caught.value)
    assert re.fullmatch(r"[A-Za-z].+\. Received: .+\. [A-Z].+\.", message), message
    assert len(message.splitlines()) == 1
    assert len(message) < 600
    for word in words:
        assert word in message, message
    return message


def dense(**changes):
    return DenseSpec(**{"units": 3, "name": "L1", **changes})


def net(**changes):
    return ModelSpec(**{"inputs": 4, "layers": (dense(),), **changes})


# ------------------------------------------------------------------------------------------------------- what is refused

NO_COUNT = [0, -1, 1.0, 2.5, "3", None, True, False, math.nan, math.inf, [3], (3,), {}, b"3", 3j, np.float64(3), np.array([3, 4])]
NO_NAME = ["", "a b", "a/b", "1a", "a-b", "a\nb", "a.b", "_a", "é", "名", "a\n", None, 3, b"a", ["a"], "a " * 1000]


@pytest.mark.parametrize("value", [*NO_COUNT, HUGE], ids=lambda value: repr(value)[:20])
def test_counts_must_be_whole_numbers_of_at_least_one(value):
    refused(lambda: dense(units=value), "DenseSpec.units", "units=")
    refused(lambda: net(inputs=value), "ModelSpec.inputs", "inputs=")
    refused(lambda: TrainSpec(epochs=value), "TrainSpec.epochs", "epochs=")
    refused(lambda: TrainSpec(batch_size=value), "TrainSpec.batch_size", "batch_size=")


@pytest.mark.parametrize(
    "value", [-1, 1.0, "3", None, True, math.nan, 2**31, HUGE, np.float32(1), [1]], ids=lambda value: repr(value)[:20]
)
def test_seed_must_be_a_whole_number_of_at_least_zero(value):
    refused(lambda: TrainSpec(seed=value), "TrainSpec.seed", "seed=")


@pytest.mark.parametrize("value", NO_NAME, ids=lambda value: repr(value)[:20])
def test_names_must_be_identifiers(value):
    refused(lambda: dense(name=value), "DenseSpec.name", "name=")
    refused(lambda: net(name=value), "ModelSpec.name", "name=")


@pytest.mark.parametrize(
    "value", ["", "nothing", "RELU", None, 3, True, ["relu"], {}, math.nan, b"relu", "a\nb", np.array(["relu", "tanh"])]
)
def test_choices_must_be_known_and_are_listed(value):
    refused(lambda: dense(activation=value), "DenseSpec.activation", "activation=", "relu, sigmoid")
    refused(lambda: dense(kernel_initializer=value), "kernel_initializer=", "he_uniform")
    refused(lambda: dense(bias_initializer=value), "bias_initializer=", "zeros")
    refused(lambda: net(dtype=value), "ModelSpec.dtype", "float32, float64")
    refused(lambda: TrainSpec(optimizer=value), "TrainSpec.optimizer", "sgd, adam")
    refused(lambda: TrainSpec(loss=value), "TrainSpec.loss", "sparse_categorical_crossentropy")


NO_NUMBER = [
    math.nan,
    math.inf,
    -math.inf,
    -0.1,
    "0.1",
    None,
    True,
    False,
    [0.1],
    1j,
    HUGE,
    np.float64("nan"),
    np.array([0.1, 0.2]),
]


@pytest.mark.parametrize("value", NO_NUMBER, ids=lambda value: repr(value)[:20])
def test_rates_must_be_finite_numbers(value):
    refused(lambda: TrainSpec(learning_rate=value), "TrainSpec.learning_rate", "learning_rate=", "0.001")
    refused(lambda: TrainSpec(epsilon=value), "TrainSpec.epsilon", "epsilon=", "1e-07")
    refused(lambda: TrainSpec(optimizer="sgd", momentum=value), "TrainSpec.momentum", "momentum=")
    refused(lambda: TrainSpec(beta_1=value), "TrainSpec.beta_1", "beta_1=", "0.9")
    if value is not None:  # which asks for the optimiser's own default
        refused(lambda: TrainSpec(beta_2=value), "TrainSpec.beta_2", "beta_2=", "0.999")


def test_rates_keep_to_their_ranges():
    for field in ("learning_rate", "epsilon"):
        refused(lambda field=field: TrainSpec(**{field: 0.0}), f"TrainSpec.{field}", "above 0")
        assert getattr(TrainSpec(**{field: 1e-300}), field) == 1e-300
    for field in ("beta_1", "beta_2"):
        refused(lambda field=field: TrainSpec(**{field: 1.0}), f"TrainSpec.{field}", "below 1")
        assert getattr(TrainSpec(**{field: 0.0}), field) == 0.0
    refused(lambda: TrainSpec(optimizer="sgd", momentum=1.0), "TrainSpec.momentum")
    assert TrainSpec(optimizer="sgd", momentum=math.nextafter(1.0, 0.0)).momentum < 1


@pytest.mark.parametrize("value", [0, 1, None, "True", "", np.True_, [True]], ids=repr)
def test_switches_must_be_true_or_false(value):
    refused(lambda: TrainSpec(shuffle=value), "TrainSpec.shuffle", "shuffle=")
    refused(lambda: TrainSpec(optimizer="sgd", momentum=0.9, nesterov=value), "TrainSpec.nesterov", "nesterov=")


@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": "adam", "momentum": 0.9},
        {"optimizer": "adam", "nesterov": True},
        {"optimizer": "sgd", "beta_1": 0.8},
        {"optimizer": "sgd", "beta_2": 0.8},
        {"optimizer": "sgd", "epsilon": 1e-3},
    ],
    ids=str,
)
def test_settings_without_effect_are_refused(settings):
    _, field = settings
    refused(lambda: TrainSpec(**settings), f"TrainSpec.{field} has an effect with", f"{field}=", "Leave it out")


def test_nesterov_needs_momentum():
    refused(lambda: TrainSpec(optimizer="sgd", nesterov=True), "Nesterov", "momentum=0.9")
    assert TrainSpec(optimizer="sgd", momentum=0.5, nesterov=True).nesterov


@pytest.mark.parametrize("value", [(), [], None, 3, "L1", dense(), {"units": 3}, {dense()}], ids=lambda value: repr(value)[:20])
def test_a_net_needs_a_sequence_of_layers(value):
    refused(lambda: net(layers=value), "ModelSpec.layers")


@pytest.mark.parametrize("value", [3, None, "L1", DenseSpec, net()], ids=lambda value: repr(value)[:20])
def test_layers_must_be_layer_specs(value):
    refused(lambda: net(layers=(dense(), value)), "layer specs")


def test_layers_given_as_dictionaries_follow_the_same_rules():
    assert net(layers=[{"units": 3, "name": "L1"}]) == net()
    refused(lambda: net(layers=[{"units": 0, "name": "L1"}]), "DenseSpec.units")
    refused(lambda: net(layers=[{"units": 3}]), "DenseSpec", "name")
    refused(lambda: net(layers=[{"units": 3, "name": "L1", "unit": 4}]), "DenseSpec", "unit")
    refused(lambda: net(layers=[{3: 4}]), "DenseSpec")


def test_each_name_stands_once():
    refused(lambda: net(layers=(dense(name="a"), dense(name="b"), dense(name="a"))), "each name stands once", "a, b, a")


def test_mlp_refuses_what_its_layers_refuse():
    refused(lambda: ModelSpec.mlp(4), "mlp")
    refused(lambda: ModelSpec.mlp(4, 0, 3), "DenseSpec.units")
    refused(lambda: ModelSpec.mlp(0, 3), "ModelSpec.inputs")
    refused(lambda: ModelSpec.mlp(4, "3"), "DenseSpec.units")
    refused(lambda: ModelSpec.mlp(4, 3, dtype="float16"), "ModelSpec.dtype")
    refused(lambda: ModelSpec.mlp(4, 3, 2, activation="softmax"), "DenseSpec.activation")


# ------------------------------------------------------------------------------------------------------ what is accepted


def test_numpy_numbers_become_plain_ones():
    spec = ModelSpec.mlp(np.int64(4), np.int32(3), np.uint8(2))
    assert spec == ModelSpec.mlp(4, 3, 2)
    train = TrainSpec(learning_rate=np.float64(0.5), epochs=np.int64(2), batch_size=np.int32(4), seed=np.uint16(5))
    assert train == TrainSpec(learning_rate=0.5, epochs=2, batch_size=4, seed=5)
    assert TrainSpec(learning_rate=np.float32(0.5)).learning_rate == 0.5
    assert TrainSpec(learning_rate=1).learning_rate == 1.0
    assert ModelSpec.from_json(spec.to_json()) == spec
    assert TrainSpec.from_json(train.to_json()) == train
    for made in (spec.inputs, spec.layers[0].units, train.epochs, train.batch_size, train.seed):
        assert type(made) is int
    assert type(train.learning_rate) is float


def test_digits_net_has_the_figures_of_the_course():
    spec = ModelSpec.mlp(400, 25, 15, 10)
    assert [layer.name for layer in spec.layers] == ["L1", "L2", "L3"]
    assert [layer.activation for layer in spec.layers] == ["relu", "relu", "linear"]
    assert spec.weight_shapes == {
        "L1/kernel": (400, 25),
        "L1/bias": (25,),
        "L2/kernel": (25, 15),
        "L2/bias": (15,),
        "L3/kernel": (15, 10),
        "L3/bias": (10,),
    }
    assert [400 * 25 + 25, 25 * 15 + 15, 15 * 10 + 10] == [10025, 390, 160]
    assert spec.parameters == 10575
    assert spec.outputs == 10


def test_slots_are_what_the_optimiser_keeps():
    assert TrainSpec().slots == ("momentum", "velocity")
    assert TrainSpec(optimizer="sgd").slots == ()
    assert TrainSpec(optimizer="sgd", momentum=0.9).slots == ("momentum",)
    assert slot_names(net(), TrainSpec()) == (
        "iteration",
        "learning_rate",
        "L1/kernel/momentum",
        "L1/kernel/velocity",
        "L1/bias/momentum",
        "L1/bias/velocity",
    )


def test_S1_04_hyperparameters_are_fields():
    fields = {field.name for field in dataclasses.fields(TrainSpec)}
    assert {"learning_rate", "momentum", "beta_1", "beta_2", "epsilon", "batch_size"} <= fields
    assert "layers" in {field.name for field in dataclasses.fields(ModelSpec)}
    assert "units" in {field.name for field in dataclasses.fields(DenseSpec)}
    decay = {"initial_learning_rate": 0.1, "decay_steps": 100, "decay_rate": 1.0}  # learning-rate decay takes the rate's place
    assert TrainSpec(learning_rate=InverseTimeDecaySpec(**decay)).learning_rate.to_dict().items() >= decay.items()
    assert TrainSpec() == TrainSpec(learning_rate=1e-3, momentum=0.0, beta_1=0.9, beta_2=0.999, epsilon=1e-7, batch_size=32)


@pytest.mark.parametrize("spec", [dense(), net(), TrainSpec()], ids=lambda spec: type(spec).__name__)
def test_specs_are_frozen_keyword_only_and_hashable(spec):
    for field in dataclasses.fields(spec):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(spec, field.name, getattr(spec, field.name))
        assert field.kw_only
    with pytest.raises(TypeError, match="positional"):
        type(spec)(3)
    assert len({spec, dataclasses.replace(spec)}) == 1


def test_layers_cannot_be_changed_through_the_list_they_came_in():
    layers = [dense()]
    spec = net(layers=layers)
    layers.append(dense(name="L2"))
    assert spec.layers == (dense(),)


# ------------------------------------------------------------------------------------------------------------------ JSON

names = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,20}", fullmatch=True)
counts = st.integers(1, 10**6)
shares = st.floats(0, 1, exclude_max=True)
rates = st.floats(0, exclude_min=True, allow_infinity=False)
layer_specs = st.builds(
    DenseSpec,
    units=counts,
    activation=st.sampled_from(ACTIVATIONS),
    kernel_initializer=st.sampled_from(INITIALIZERS),
    bias_initializer=st.sampled_from(INITIALIZERS),
    name=names,
)
model_specs = st.builds(
    ModelSpec,
    inputs=counts,
    layers=st.lists(layer_specs, min_size=1, max_size=5, unique_by=lambda layer: layer.name),
    dtype=st.sampled_from(DTYPES),
    name=names,
)
of_adam = {"beta_1": shares, "beta_2": shares, "epsilon": rates}
of_both = {
    "learning_rate": rates,
    "loss": st.sampled_from(LOSSES),
    "epochs": counts,
    "batch_size": counts,
    "shuffle": st.booleans(),
    "seed": st.integers(0, 2**31 - 1),
}
train_specs = st.one_of(
    st.builds(TrainSpec, optimizer=st.just("adam"), **of_adam, **of_both),
    st.builds(TrainSpec, optimizer=st.just("sgd"), momentum=shares, **of_both),
    st.builds(
        TrainSpec,
        optimizer=st.just("sgd"),
        momentum=st.floats(0, 1, exclude_min=True, exclude_max=True),
        nesterov=st.booleans(),
        **of_both,
    ),
)


@given(st.one_of(model_specs, train_specs))
def test_specs_come_back_from_json_as_they_were(spec):
    text = spec.to_json()
    again = type(spec).from_json(text)
    assert again == spec
    assert again.to_json() == text
    assert list(json.loads(text)) == [field.name for field in dataclasses.fields(spec)]
    assert "NaN" not in text
    assert "Infinity" not in text
    assert dataclasses.replace(spec) == spec


def made_or_refused(make):
    """What ``make`` returns, or None where it ends in a proper InputError; any other exception passes through."""
    try:
        return make()
    except InputError as error:
        refusal = str(error)
    assert len(refusal.splitlines()) == 1
    assert "Received: " in refusal
    return None


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["adam", "relu", "L1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["units", "name", "x"]), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from([DenseSpec, ModelSpec, TrainSpec]), st.data())
def test_any_value_is_accepted_or_refused_by_an_input_error(cls, data):
    valid = {DenseSpec: dense(), ModelSpec: net(), TrainSpec: TrainSpec()}[cls]
    changed = data.draw(st.sampled_from([field.name for field in dataclasses.fields(cls)]))
    made = made_or_refused(lambda: dataclasses.replace(valid, **{changed: data.draw(anything)}))
    assert made is None or cls.from_json(made.to_json()) == made


@given(st.sampled_from([ModelSpec, TrainSpec]), anything)
def test_any_json_is_read_or_refused_by_an_input_error(cls, value):
    made = made_or_refused(lambda: cls.from_json(json.dumps(value)))
    assert made is None or isinstance(made, cls)


@pytest.mark.parametrize("cls", [ModelSpec, TrainSpec])
@pytest.mark.parametrize("text", ["", "{", "nonsense", "{'a': 1}", "[1, 2", "\n", "[" * 100000])
def test_what_is_no_json_is_refused(cls, text):
    refused(lambda: cls.from_json(text), f"{cls.__name__} is read from JSON", "to_json()")


@pytest.mark.parametrize("cls", [ModelSpec, TrainSpec])
@pytest.mark.parametrize("value", [None, 3, b"{}\xff", {}, []], ids=repr)
def test_what_is_no_text_is_refused(cls, value):
    refused(lambda: cls.from_json(value), cls.__name__)


@pytest.mark.parametrize("cls", [ModelSpec, TrainSpec])
@pytest.mark.parametrize("text", ["[]", "3", "null", '"text"', "NaN", "true"])
def test_what_is_no_object_is_refused(cls, text):
    refused(lambda: cls.from_json(text), f"{cls.__name__} is a JSON object", "to_json()")


def test_unknown_and_missing_fields_are_named():
    refused(lambda: TrainSpec.from_json('{"learning_rat": 0.1, "rate": 1}'), "learning_rat, rate", "batch_size")
    refused(lambda: ModelSpec.from_json('{"inputs": 4}'), "ModelSpec", "layers")
    refused(lambda: ModelSpec.from_json("{}"), "ModelSpec", "inputs")
    refused(lambda: ModelSpec.from_json('{"inputs": 4, "layers": [{"units": 2}]}'), "DenseSpec", "name")
    refused(lambda: ModelSpec.from_json('{"inputs": 4, "layers": [{"units": 2, "name": "a", "x\\ny": 1}]}'), "DenseSpec")
    refused(lambda: TrainSpec.from_json('{"a\\nb": 1}'), "TrainSpec")
    refused(lambda: TrainSpec.from_dict({f"field{count}": 1 for count in range(1000)}), "TrainSpec")
    refused(lambda: TrainSpec.from_dict({3: 4, "x": 5}), "TrainSpec")


def test_values_in_json_follow_the_same_rules():
    refused(lambda: TrainSpec.from_json('{"learning_rate": NaN}'), "learning_rate=nan")
    refused(lambda: TrainSpec.from_json('{"learning_rate": Infinity}'), "learning_rate=inf")
    refused(lambda: TrainSpec.from_json('{"learning_rate": 1e999}'), "learning_rate=inf")
    refused(lambda: TrainSpec.from_json('{"epochs": true}'), "epochs=True")
    refused(lambda: TrainSpec.from_json('{"epochs": 2.0}'), "epochs=2.0")
    refused(lambda: TrainSpec.from_json('{"optimizer": ["adam"]}'), "optimizer=['adam']")
    refused(lambda: TrainSpec.from_json(f'{{"epochs": {"9" * 5000}}}'), "TrainSpec")
    refused(lambda: TrainSpec(epochs=10**5000), "TrainSpec.epochs")
    refused(lambda: TrainSpec(learning_rate=10**5000), "TrainSpec.learning_rate")
    assert TrainSpec.from_json("{}") == TrainSpec()
    assert set(OPTIMIZERS) == {"sgd", "adam", "adamw", "rmsprop", "adagrad", "lion", "nadam"}


# ------------------------------------------------------------------------------------- settings, targets, data, weights


LARGE = ModelSpec.mlp(400, 25, 15, 10)


def test_form_and_xla_are_resolved_by_one_rule():
    small = ModelSpec.mlp(4, 3)
    assert resolve("auto", "auto", small) == ("epoch", False)
    assert resolve("auto", "auto", LARGE) == resolve("epoch", "auto", LARGE) == ("epoch", True)
    assert resolve("auto", "auto", LARGE, alone=False) == ("graph", False)
    assert resolve("auto", False, LARGE) == ("epoch", False)
    assert resolve("auto", True, small) == ("epoch", True)
    assert resolve("eager", False, LARGE) == resolve("eager", "auto", LARGE) == ("eager", False)
    assert resolve("graph", True, small) == ("graph", True)
    assert resolve("fused", "auto", LARGE, forms=(*FORMS, FUSED)) == ("fused", False)
    for form in ("eager", "fused"):
        refused(lambda form=form: resolve(form, True, small, forms=(*FORMS, FUSED)), f"execution='{form}', jit_compile=True")
    refused(lambda: resolve("fused", False, small), "execution='fused'", "eager, graph, epoch")


def test_xla_compiles_from_5000_parameters_on():
    """Unless weights and activations are of different types; float64 counts as one."""
    assert ModelSpec.mlp(999, 5).parameters == 5000
    assert compiles(ModelSpec.mlp(999, 5))
    assert not compiles(ModelSpec.mlp(998, 5))
    assert compiles(dataclasses.replace(LARGE, dtype="float64"))
    assert not compiles(dataclasses.replace(LARGE, dtype="mixed_bfloat16"))


@pytest.mark.parametrize("value", ["", "Graph", None, 1, True, ["graph"], b"graph", np.array(["a", "b"])], ids=repr)
def test_unknown_forms_are_refused(value):
    refused(lambda: resolve(value, False, LARGE), "execution=", "eager, graph, epoch")


@pytest.mark.parametrize("value", ["", "yes", None, 1, 0, 1.0, np.True_, [True], np.array([1, 2])], ids=repr)
def test_whatever_else_than_true_false_or_auto_is_refused(value):
    refused(lambda: resolve("graph", value, LARGE), "jit_compile=")


SPARSE, CATEGORICAL = TrainSpec(), TrainSpec(loss="categorical_crossentropy")
NET = ModelSpec.mlp(4, 3)
ROWS = np.linspace(0, 1, 8).reshape(2, 4)


def test_targets_take_the_form_that_the_loss_wants():
    for labels in ([2, 0], [[2], [0]], np.array([2.0, 0.0]), np.array([2, 0], np.uint8)):
        assert targets(labels, NET, SPARSE).tolist() == [2, 0]
        assert targets(labels, NET, CATEGORICAL).tolist() == [[0, 0, 1], [1, 0, 0]]
    smooth = targets([[0.1, 0.2, 0.7], [1, 0, 0]], NET, CATEGORICAL)
    assert smooth.dtype == np.float32
    assert np.array_equal(smooth, np.array([[0.1, 0.2, 0.7], [1, 0, 0]], np.float32))
    assert targets([[True, False, False]], NET, CATEGORICAL).tolist() == [[1, 0, 0]]


NO_LABELS = [None, "ab", ["a", "b"], [1j], [{}], [0, 3], [0, -1], [0.5, 1], [math.nan, 0], [[0], [1, 2]], [[0, 1]], 3, [2**63]]


@pytest.mark.parametrize("value", NO_LABELS, ids=repr)
def test_labels_that_are_none_are_refused(value):
    refused(lambda: targets(value, NET, SPARSE))
    refused(lambda: targets(value, NET, CATEGORICAL))


@pytest.mark.parametrize(
    "value", [[["0", "1", "0"]], [[math.nan, 0, 1]], [[math.inf, 0, 1]], [[1j, 0, 1]], [[{}, 0, 1]]], ids=repr
)
def test_rows_of_targets_must_be_finite_numbers(value):
    refused(lambda: targets(value, NET, CATEGORICAL))


@pytest.mark.parametrize(
    "data",
    [
        None,
        3,
        "ab",
        {},
        ROWS,
        (ROWS,),
        (ROWS, [0, 1], 2),
        (ROWS, [0]),
        (ROWS[:0], []),
        (ROWS[:, :3], [0, 1]),
        (ROWS * math.nan, [0, 1]),
    ],
    ids=lambda data: repr(data)[:20],
)
def test_data_that_cannot_be_trained_on_are_refused(data):
    refused(lambda: feed(data, NET, SPARSE))
    if data is not None:
        refused(lambda: feed((ROWS, [0, 1]), NET, SPARSE, data))


KERNEL, BIAS = np.ones((4, 3)), np.zeros(3)
NO_WEIGHTS = [
    *(
        None,
        5,
        "ab",
        [],
        [KERNEL],
        [BIAS, KERNEL],
        [KERNEL, BIAS, BIAS],
        [KERNEL.T, BIAS],
        [KERNEL, BIAS[None]],
        {0: KERNEL, 1: BIAS},
    ),
    *([KERNEL.astype(str), BIAS], [KERNEL.astype(object), BIAS], [KERNEL * 1j, BIAS], [[[1, 2], [3]], BIAS], [KERNEL, None]),
]


@pytest.mark.parametrize("value", NO_WEIGHTS, ids=lambda value: repr(value)[:20])
def test_weights_that_do_not_fit_are_refused(value):
    refused(lambda: checked(value, NET), "L1/kernel (4, 3), L1/bias (3,)")


def test_weights_are_copied_in_the_nets_dtype():
    for given_kernel in (KERNEL, KERNEL.astype(np.float32), KERNEL.astype(int), KERNEL.tolist()):
        kernel, bias = checked((given_kernel, BIAS), NET)
        assert kernel.dtype == bias.dtype == np.float32
        assert np.array_equal(kernel, KERNEL)
    original = KERNEL.astype(np.float32)
    assert not np.shares_memory(checked([original, BIAS], NET)[0], original)


@pytest.mark.parametrize(
    "name", ["net.h5", "net", "nowhere/net.weights.h5", "a\nb", "folder.weights.h5", "x" * 300 + ".weights.h5"]
)
def test_weights_files_that_cannot_be_written_are_refused_before_anything_is(tmp_path, name):
    (tmp_path / "folder.weights.h5").mkdir()

    def write():
        with written(tmp_path / name, NET, SPARSE, DataCard.numbered(NET.outputs), Progress()):
            pytest.fail("the block was entered")

    refused(write)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.weights.h5"]
