"""The space that is searched: a sampler for each hyperparameter, and the net and training that a draw stands for."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from lockstep.tuning.samplers import Choice, IntUniform, LogUniform, OneMinusLogUniform, Sampler, sampler_of
from shared.spec import InverseTimeDecaySpec, L1L2Spec, ModelSpec, TrainSpec, require
from shared.spec.rules import shown
from shared.spec.train import OPTIMIZER_FIELDS

NET = ("layers", "units", "dropout", "l2", "activation", "kernel_initializer", "dtype")
OWN = ("epochs", "seed")  # of the search itself
TRAINING = ("decay_rate", *(field.name for field in fields(TrainSpec) if field.name not in OWN))
MOST_LAYERS = 100


@dataclass(frozen=True, init=False)
class Space:
    """Samplers by the name of what they draw: ``Space(learning_rate=LogUniform(1e-4, 1), units=IntUniform(5, 50))``.

    Names of the net: ``layers`` (how many are hidden; 2 where not given), ``units`` (of each hidden layer; 25 where not given),
    ``dropout`` (after each hidden layer), ``l2`` (of every kernel), ``activation``, ``kernel_initializer``, ``dtype``. Of the
    training: every field of ``TrainSpec`` but ``epochs`` and ``seed``, which are the search's, and ``decay_rate`` (the learning
    rate is divided by 1 + decay_rate · epochs so far).
    A list in place of a sampler is the choice among its values, any other value is fixed. A space is frozen, compared with
    ``==``, written with ``to_json`` and read with ``from_json``.

    Raises:
        InputError: nothing to draw, an unknown name, or what is no sampler.
    """

    settings: tuple[tuple[str, Sampler], ...]

    def __init__(self, /, **settings: Any) -> None:
        unknown = [name for name in settings if name not in NET + TRAINING]
        names = f"A space names what is drawn: {', '.join(NET + TRAINING)}."
        require(len(settings) > 0 and not unknown, names, ", ".join(unknown) or "no names", "Use Space(units=IntUniform(5, 50)).")
        object.__setattr__(self, "settings", tuple((name, sampler_of(value)) for name, value in settings.items()))

    def draw(self, count: int, random_state: Any) -> list[dict[str, Any]]:
        """``count`` draws, each a dictionary by name. scikit-learn: ``ParameterSampler``.

        What belongs to another optimiser than the one drawn is left out of the draw.
        """
        from sklearn.model_selection import ParameterSampler

        draws = ParameterSampler(dict(self.settings), count, random_state=random_state)
        return [{name: draw[name] for name, _ in self.settings if self._applies(name, draw)} for draw in draws]

    def _applies(self, name: str, draw: dict[str, Any]) -> bool:
        optimizers = dict(self.settings).get("optimizer")
        owners = OPTIMIZER_FIELDS.get(name)
        if owners is None or not isinstance(optimizers, Choice) or draw["optimizer"] in owners:
            return True
        return not set(optimizers.values) & set(owners)  # of no optimiser in the space: kept, for the spec to refuse

    def narrow(self, draws: Sequence[dict[str, Any]]) -> "Space":
        """The smallest space around ``draws``, which it has drawn: its ranges lie inside this one's.

        What none of them has, because it belongs to other optimisers, is left out.
        """
        drawn = {name: [draw[name] for draw in draws if name in draw] for name, _ in self.settings}
        return Space(**{name: sampler.narrow(drawn[name]) for name, sampler in self.settings if drawn[name]})

    def to_dict(self) -> dict[str, Any]:
        """Name → sampler, as plain values for JSON."""
        return {name: sampler.to_dict() for name, sampler in self.settings}

    def to_json(self) -> str:
        """``to_dict`` as one JSON object."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> "Space":
        """The space that ``to_json`` wrote; written by hand, lists are choices and other values fixed.

        Raises:
            InputError: not JSON, not an object, or as for ``Space``.
        """
        try:
            values = json.loads(text)
        except (ValueError, TypeError, RecursionError) as error:
            values = f"{type(error).__name__}: {error}"
        require(isinstance(values, dict), "A space is one JSON object: names and samplers.", values, 'Use {"units": [10, 25]}.')
        return cls(**values)

    def __str__(self) -> str:
        return "\n".join(f"{name}: {sampler}" for name, sampler in self.settings)


# The course's ranges for learning rate and β; layers, units and batch sizes around those of the digits' net.
COURSE = Space(
    learning_rate=LogUniform(1e-4, 1),
    beta_1=OneMinusLogUniform(1e-3, 1e-1),
    layers=IntUniform(1, 3),
    units=IntUniform(5, 50),
    batch_size=Choice((16, 32, 64, 128)),
)


def specs_of(
    draw: dict[str, Any], *, rows: int, inputs: int, classes: int, epochs: int, seed: int
) -> tuple[ModelSpec, TrainSpec]:
    """The net and the training, on ``rows`` rows, that a draw stands for.

    Raises:
        InputError: a drawn value breaks a rule of the specs, or the training has no accuracy to rank by.
    """
    settings = {name: draw[name] for name in TRAINING if name in draw}
    rate = settings.pop("decay_rate", None)
    train = TrainSpec(epochs=epochs, seed=seed, **settings)
    if rate is not None:
        first: Any = train.learning_rate
        steps = math.ceil(rows / train.batch_size)
        decay = InverseTimeDecaySpec(initial_learning_rate=first, decay_steps=steps, decay_rate=rate, staircase=True)
        train = replace(train, learning_rate=decay)
    ranked = train.metric == "accuracy"
    require(ranked, "A search ranks by accuracy, so it needs a loss of classes.", shown("loss", train.loss), "Leave loss out.")
    return _net(draw, inputs, classes), train


def _net(draw: dict[str, Any], inputs: int, classes: int) -> ModelSpec:
    layers, rule = draw.get("layers", 2), f"layers counts hidden layers, a whole number from 0 to {MOST_LAYERS}."
    right = isinstance(layers, int) and not isinstance(layers, bool) and 0 <= layers <= MOST_LAYERS
    require(right, rule, shown("layers", layers), "Use layers=IntUniform(1, 3).")
    penalty = L1L2Spec(l2=draw["l2"]) if "l2" in draw else None
    given = {name: draw[name] for name in ("activation", "kernel_initializer", "dropout", "dtype") if name in draw}
    return ModelSpec.mlp(inputs, *[draw.get("units", 25)] * layers, classes, kernel_regularizer=penalty, **given)
