"""What the rungs of the ladder take: plain nets and the plainer optimisers. Checked before TensorFlow is waited for."""

from dataclasses import fields
from typing import Any

from shared.errors import InputError
from shared.spec import DenseSpec, ModelSpec, TrainSpec

RUNGS = ("numpy", "tf1", "tf2", "tf2-graph")
_LAYER_FIELDS = ("units", "activation", "kernel_initializer", "bias_initializer", "name")
_TRAIN_FIELDS = (
    *("optimizer", "learning_rate", "momentum", "nesterov", "beta_1", "beta_2", "epsilon", "rho"),
    *("epochs", "batch_size", "shuffle", "seed"),
)


def check_rung(rung: str, model: ModelSpec, train: TrainSpec) -> None:
    """Refuse what the rung of that name has no code for.

    Raises:
        InputError: a layer that is not Dense, a dtype, loss, optimiser or setting that the rungs lack.
    """
    received = []
    if model.dtype not in ("float32", "float64"):
        received.append(f"dtype={model.dtype!r}")
    for layer in model.layers:
        received += _beyond(layer, DenseSpec, _LAYER_FIELDS)
    plain = ("sgd", "adam", "rmsprop") if rung == "numpy" else ("sgd", "adam")
    if train.optimizer not in plain:
        received.append(f"optimizer={train.optimizer!r}")
    elif not isinstance(train.learning_rate, float):
        received.append(f"learning_rate={train.learning_rate!r}")
    elif train.optimizer == "rmsprop" and train.momentum:
        received.append(f"momentum={train.momentum!r} with optimizer='rmsprop'")
    else:
        received += _beyond(train, TrainSpec, _TRAIN_FIELDS)
    if received:
        raise InputError(
            f"The side {rung!r} takes Dense layers in float32 or float64, the loss sparse_categorical_crossentropy, a constant "
            f"learning rate, and the optimisers sgd (with momentum, nesterov), {', '.join(plain[1:])}. "
            f"Received: {', '.join(received)}. "
            "Use the sides eager, graph, epoch and keras for that."
        )


def _beyond(spec: Any, kind: Any, known: tuple[str, ...]) -> list[str]:
    """The settings of ``spec`` that differ from what ``kind`` makes of the known ones alone."""
    if type(spec) is not kind:
        return [type(spec).__name__]
    plain = kind(**{name: getattr(spec, name) for name in known})
    differing = [field.name for field in fields(spec) if getattr(spec, field.name) != getattr(plain, field.name)]
    return [f"{name}={getattr(spec, name)!r}" for name in differing]
