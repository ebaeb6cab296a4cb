"""What ``config.json`` in a ``.keras`` file says of a net and its training, in Keras's words; written and read without Keras.

Keras fills in the settings that are left out. Read back, a setting that specs do not have must have Keras's default.
"""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from shared.seeds import layer_seeds
from shared.spec import (
    INITIALIZERS,
    LAYERS,
    LOSSES,
    SCHEDULES,
    BatchNormalizationSpec,
    DenseSpec,
    DropoutSpec,
    L1L2Spec,
    ModelSpec,
    ScheduleSpec,
    TrainSpec,
    require,
)

_OPTIMIZERS = {"sgd": "SGD", "rmsprop": "RMSprop", "adamw": "AdamW"}  # the others are written like any class
_AROUND = (
    *("weight_decay", "clipnorm", "clipvalue", "global_clipnorm"),
    *("use_ema", "ema_momentum", "ema_overwrite_frequency", "gradient_accumulation_steps"),
)
_OWN = {
    "sgd": ("momentum", "nesterov"),
    "adam": ("beta_1", "beta_2", "epsilon"),
    "adamw": ("beta_1", "beta_2", "epsilon"),
    "rmsprop": ("rho", "momentum", "epsilon", "centered"),
    "adagrad": ("initial_accumulator_value", "epsilon"),
    "lion": ("beta_1", "beta_2"),
    "nadam": ("beta_1", "beta_2", "epsilon"),
}
_METRICS = {
    "sparse_categorical_crossentropy": "SparseCategoricalAccuracy",
    "categorical_crossentropy": "CategoricalAccuracy",
    "binary_crossentropy": "BinaryAccuracy",
    "mean_squared_error": "MeanAbsoluteError",
}
# Settings of Keras that specs do not have, each with the values that change nothing.
_NEUTRAL: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(("trainable", "center", "scale"), (True,)),
    **dict.fromkeys(("synchronized", "renorm", "amsgrad", "sparse", "ragged", "optional"), (False,)),
    "axis": (-1, 1, [-1], [1]),
    "beta_initializer": ("zeros",),
    "moving_mean_initializer": ("zeros",),
    "gamma_initializer": ("ones",),
    "moving_variance_initializer": ("ones",),
    "reduction": ("sum_over_batch_size",),
    "initial_scale": (2.0**15,),
    "dynamic_growth_steps": (2000,),
}
_ANY = ("name", "dtype", "seed", "renorm_momentum", "input_axes", "output_axes")  # these may have any value


def config_of(model: ModelSpec, train: TrainSpec, jit_compile: bool = False) -> dict[str, Any]:
    """The configuration of the compiled ``keras.Sequential`` that the specs describe, as plain values for JSON."""
    seeds = layer_seeds(model, train.seed)
    layers = [_layer(layer, inputs, own, model.dtype) for (layer, inputs), own in zip(model.stack, seeds, strict=True)]
    # as in highlevel/network.py, so that the net has the same names, and thus the same order of additions
    first = _object("InputLayer", "layers", batch_shape=[None, model.inputs], dtype=model.variable_dtype, name="_x")
    shape = {"input_shape": [None, model.inputs]}
    net = _object("Sequential", "", name=model.name, layers=[first, *layers], build_input_shape=shape["input_shape"])
    return net | {"build_config": shape, "compile_config": _compilation(train, model) | {"jit_compile": jit_compile}}


def _object(class_name: str, module: str, **config: Any) -> dict[str, Any]:
    return {
        "module": f"keras.{module}".rstrip("."),
        "class_name": class_name,
        "config": config,
        "registered_name": None,
    }


def _layer(layer: Any, inputs: int, seeds: tuple[int | None, ...], dtype: str) -> dict[str, Any]:
    settings = layer.to_dict()
    settings.pop("class_name")
    if isinstance(layer, DenseSpec):
        for field, seed in zip(("kernel_initializer", "bias_initializer"), seeds, strict=True):
            settings[field] = _object(_camel(settings[field]), "initializers", **({} if seed is None else {"seed": seed}))
        for field in ("kernel_regularizer", "bias_regularizer"):
            settings[field] = _penalty(getattr(layer, field))
    elif isinstance(layer, DropoutSpec):
        settings["seed"] = seeds[0]
    made = _object(layer.CLASS_NAME, "layers", **settings, dtype=_object("DTypePolicy", "", name=dtype))
    return made | {"build_config": {"input_shape": [None, inputs]}}


def _penalty(spec: L1L2Spec | None) -> dict[str, Any] | None:
    if spec is None:
        return None
    factors = {name: value for name, value in spec.to_dict().items() if value}
    return _object("".join(factors).upper(), "regularizers", **factors)


def _compilation(train: TrainSpec, model: ModelSpec) -> dict[str, Any]:
    rate = train.learning_rate
    settings = {name: getattr(train, name) for name in (*_AROUND, *_OWN[train.optimizer])}
    settings["learning_rate"] = _schedule(rate) if isinstance(rate, ScheduleSpec) else rate
    kind = _OPTIMIZERS.get(train.optimizer, train.optimizer.capitalize())
    optimizer = _object(kind, "optimizers", name=train.optimizer, **settings)
    if model.dtype == "mixed_float16":
        scaling = {"initial_scale": 2.0**15, "dynamic_growth_steps": 2000, "name": "loss_scale_optimizer"}
        optimizer = _object("LossScaleOptimizer", "optimizers", inner_optimizer=optimizer, **scaling)
    # dtype: left out, Keras would cast the logits of a float64 net to float32
    loss: dict[str, Any] = {"reduction": "sum_over_batch_size", "dtype": model.variable_dtype}
    if train.loss != "mean_squared_error":
        loss["from_logits"] = True
    if train.label_smoothing:
        loss["label_smoothing"] = train.label_smoothing
    metric: dict[str, Any] = {"name": train.metric}
    if train.loss == "binary_crossentropy":
        # Logits are told apart at 0, which Keras's metric refuses as a threshold; the smallest normal number stands for it.
        metric["threshold"] = float(np.finfo(np.float32).tiny)
    return {
        "optimizer": optimizer,
        "loss": _object(_camel(train.loss), "losses", **loss),
        "loss_weights": None,
        "metrics": [_object(_METRICS[train.loss], "metrics", **metric)],
        "weighted_metrics": None,
        "run_eagerly": False,
        "steps_per_execution": 1,
    }


def _schedule(rate: ScheduleSpec) -> dict[str, Any]:
    settings = rate.to_dict()
    return _object(settings.pop("class_name"), "optimizers.schedules", **settings)


def _camel(name: str) -> str:
    """``glorot_uniform`` as the class is called."""
    return "".join(word.capitalize() for word in name.split("_"))


# ------------------------------------------------------------------------------------------------------------ reading


def model_of(config: Any) -> ModelSpec:
    """The spec of the ``keras.Sequential`` that a configuration describes.

    Raises:
        InputError: another kind of model, or a layer or setting that specs do not have.
    """
    right = isinstance(config, dict) and (config.get("module"), config.get("class_name")) == ("keras", "Sequential")
    require(right, "A .keras file holds a net.", "a net that is no keras.Sequential", "Build and save it as one.")
    _, net = _read(config, "a net")
    layers, inputs, dtypes = [], None, set()
    for entry in _list(net, "layers"):
        kind, settings = _read(entry, "a layer")
        if kind == "InputLayer":
            inputs = _columns(settings.get("batch_shape"))
            continue
        spec = {one.CLASS_NAME: one for one in LAYERS}.get(kind)
        known = ", ".join(one.CLASS_NAME for one in LAYERS)
        require(spec is not None, f"A layer is one of {known}.", repr(kind), "Leave it out.")
        dtype = settings.get("dtype")
        layers.append(_layer_spec(spec, settings))
        dtypes.add(_policy(dtype))
    if inputs is None:
        inputs = _columns(net.get("build_input_shape"))
    require(len(dtypes) == 1, "The layers of a net have one dtype.", ", ".join(sorted(dtypes)) or "none", "Give them one.")
    return ModelSpec(inputs=inputs, layers=tuple(layers), dtype=dtypes.pop(), name=net.get("name", "net"))


def train_of(config: Mapping[str, Any]) -> TrainSpec:
    """The spec of a compiled model's training, as far as a configuration says it; what it does not say has the spec's defaults.

    Raises:
        InputError: an optimiser, a loss or a setting that specs do not have.
    """
    compiled = config.get("compile_config")
    if compiled is None:
        return TrainSpec()
    require(isinstance(compiled, dict), "compile_config is a JSON object.", type(compiled).__name__, "Save the model again.")
    kind, settings = _read(compiled.get("optimizer"), "an optimiser")
    if kind == "LossScaleOptimizer":
        inner = settings.pop("inner_optimizer", None)
        _spec_fields(settings, ())
        kind, settings = _read(inner, "an optimiser")
    optimizer = kind.lower()
    require(optimizer in _OWN, f"An optimiser is one of {', '.join(_OWN)}.", kind, "Compile the model with one of these.")
    fields = _spec_fields(settings, ("learning_rate", *_AROUND, *_OWN[optimizer]))
    rate = fields.get("learning_rate")
    if isinstance(rate, dict):
        schedule, own = _read(rate, "a schedule")
        known = {one.CLASS_NAME: one for one in SCHEDULES}
        require(schedule in known, f"A schedule is one of {', '.join(known)}.", schedule, "Use one of these.")
        own.pop("name", None)
        fields["learning_rate"] = known[schedule].from_dict(own)
    elif isinstance(rate, float):
        fields["learning_rate"] = _short(rate)
    loss, given = _read(compiled.get("loss"), "a loss")
    name = _snake(loss)
    require(name in LOSSES, f"A loss is one of {', '.join(LOSSES)}.", loss, "Compile the model with one of these.")
    logits = given.pop("from_logits", False)
    rule = "A net gives logits, and its loss is told so."
    require(logits is True or name == "mean_squared_error", rule, f"from_logits={logits!r}", "Compile with from_logits=True.")
    return TrainSpec(optimizer=optimizer, loss=name, **fields, **_spec_fields(given, ("label_smoothing",)))


def _read(entry: Any, what: str) -> tuple[str, dict[str, Any]]:
    """Class and settings of an object of Keras's own; a name alone stands for an object with its defaults."""
    if isinstance(entry, str):
        return entry, {}
    found = entry if isinstance(entry, dict) else {}
    kind, config, module = found.get("class_name"), found.get("config"), found.get("module")
    ours = module is None or re.fullmatch(r"keras(\.[a-z_.]+)?", str(module)) is not None
    sound = isinstance(kind, str) and isinstance(config, dict) and ours and found.get("registered_name") in (None, kind)
    rule = f"A .keras file describes {what} by the class_name of one of Keras's own classes, and its config."
    require(sound, rule, f"{kind!r} of {found.get('registered_name') or module!r}", "Use Keras's own.")
    assert isinstance(kind, str)
    assert isinstance(config, dict)
    return kind, dict(config)


def _list(settings: Mapping[str, Any], name: str) -> list[Any]:
    found = settings.get(name)
    require(isinstance(found, list), f"{name!r} in a .keras file is a list.", type(found).__name__, "Save the model again.")
    return found  # type: ignore[return-value]


def _columns(shape: Any) -> int:
    sound = isinstance(shape, list) and len(shape) == 2 and shape[0] is None and type(shape[1]) is int
    require(
        sound, "A net takes rows of numbers, of the shape [null, columns].", str(shape), "Build it on keras.Input((columns,))."
    )
    return shape[1]


def _policy(dtype: Any) -> str:
    if isinstance(dtype, dict) and isinstance(dtype.get("config"), dict):
        dtype = dtype["config"].get("name")
    require(isinstance(dtype, str), "A dtype policy has a name.", str(dtype), "Save the model again.")
    return dtype


def _layer_spec(spec: Any, settings: dict[str, Any]) -> Any:
    if spec is DenseSpec:
        for field in ("kernel_initializer", "bias_initializer"):
            if field in settings:
                settings[field] = _snake(_read(settings[field], "an initialiser")[0])
                known = settings[field] in INITIALIZERS
                require(known, f"Specs have the initialisers {', '.join(INITIALIZERS)}.", settings[field], "Use one of these.")
        for field in ("kernel_regularizer", "bias_regularizer"):
            if settings.get(field) is not None:
                kind, factors = _read(settings[field], "a penalty")
                require(kind in ("L1", "L2", "L1L2"), "A penalty is L1, L2 or L1L2.", kind, "Use one of these.")
                settings[field] = L1L2Spec(**{name: _short(value) for name, value in _spec_fields(factors, ("l1", "l2")).items()})
        if settings.get("use_bias") is False:
            settings |= {"bias_initializer": "zeros", "bias_regularizer": None}
    elif spec is BatchNormalizationSpec:
        for field in ("beta", "gamma", "moving_mean", "moving_variance"):
            if f"{field}_initializer" in settings:
                settings[f"{field}_initializer"] = _snake(_read(settings[f"{field}_initializer"], "an initialiser")[0])
    return spec(**{"name": settings.get("name")} | _spec_fields(settings, tuple(spec.__dataclass_fields__)))


def _spec_fields(settings: Mapping[str, Any], known: tuple[str, ...]) -> dict[str, Any]:
    """Those of the settings that a spec has; any other must be without effect."""
    for name, value in settings.items():
        neutral = name in known or name in _ANY or value is None or value in _NEUTRAL.get(name, ())
        require(neutral, f"{name!r} is no setting that specs have.", f"{name}={value!r}", "Leave it out.")
    return {name: value for name, value in settings.items() if name in known}


def _short(value: Any) -> Any:
    """The shortest number that rounds to the same float32: Keras keeps 0.001 as 0.0010000000474974513."""
    short = float(str(np.float32(value))) if isinstance(value, float) else value
    return short if isinstance(value, float) and np.float32(value) == value else value


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
