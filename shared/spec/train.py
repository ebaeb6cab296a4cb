"""How a network is trained: loss, optimiser, batches, epochs, seed."""

from dataclasses import dataclass, fields
from typing import Any

from shared.spec.model import ModelSpec
from shared.spec.rules import Json, count, one_of, read_kind, real, require, shown, switch
from shared.spec.schedules import SCHEDULES, ScheduleSpec

LOSSES = ("sparse_categorical_crossentropy", "categorical_crossentropy", "binary_crossentropy", "mean_squared_error")
OPTIMIZERS = ("sgd", "adam", "adamw", "rmsprop", "adagrad", "lion", "nadam")
# Which settings belong to which optimiser: one that would have no effect is refused, not ignored.
OPTIMIZER_FIELDS = {
    "momentum": ("sgd", "rmsprop"),
    "nesterov": ("sgd",),
    "beta_1": ("adam", "adamw", "lion", "nadam"),
    "beta_2": ("adam", "adamw", "lion", "nadam"),
    "epsilon": ("adam", "adamw", "rmsprop", "adagrad", "nadam"),
    "rho": ("rmsprop",),
    "centered": ("rmsprop",),
    "initial_accumulator_value": ("adagrad",),
}
# Defaults that are one optimiser's own; None in a field asks for its default.
OWN_DEFAULTS: dict[str, dict[str, Any]] = {"lion": {"beta_2": 0.99}, "adamw": {"weight_decay": 0.004}}
CLIPPING = ("clipnorm", "clipvalue", "global_clipnorm")


@dataclass(frozen=True, kw_only=True)
class TrainSpec(Json):
    """How a net is trained: loss, optimiser with its settings, batches, epochs, seed.

    The names are Keras's. ``learning_rate`` is a number or a schedule. ``seed`` fixes the initial weights, the order of the
    examples and the masks of dropout.

    Raises:
        InputError: a field breaks its rule, or belongs to another optimiser or loss.

    >>> TrainSpec(optimizer="lion").beta_2
    0.99
    >>> TrainSpec.from_json(TrainSpec(epochs=40).to_json()) == TrainSpec(epochs=40)
    True
    """

    optimizer: str = "adam"
    learning_rate: float | ScheduleSpec = 1e-3
    momentum: float = 0.0
    nesterov: bool = False
    beta_1: float = 0.9
    beta_2: float = None  # type: ignore[assignment]  # 0.999, and 0.99 for Lion
    epsilon: float = 1e-7
    rho: float = 0.9
    centered: bool = False
    initial_accumulator_value: float = 0.1
    weight_decay: float | None = None
    clipnorm: float | None = None
    clipvalue: float | None = None
    global_clipnorm: float | None = None
    use_ema: bool = False
    ema_momentum: float = 0.99
    ema_overwrite_frequency: int | None = None
    gradient_accumulation_steps: int | None = None
    loss: str = "sparse_categorical_crossentropy"
    label_smoothing: float = 0.0
    epochs: int = 1
    batch_size: int = 32
    shuffle: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        one_of(self, "optimizer", OPTIMIZERS, "an update rule")
        one_of(self, "loss", LOSSES, "a loss")
        for field, default in ({"beta_2": 0.999} | OWN_DEFAULTS.get(self.optimizer, {})).items():
            if getattr(self, field) is None:
                object.__setattr__(self, field, default)
        object.__setattr__(self, "learning_rate", read_kind(self.learning_rate, SCHEDULES))
        if not isinstance(self.learning_rate, ScheduleSpec):
            real(self, "learning_rate", 0.0)
        for field in ("momentum", "beta_1", "beta_2", "rho", "ema_momentum", "label_smoothing"):
            open_low = field == "beta_1" and self.optimizer == "lion"
            real(self, field, 0.0, 1.0, open_low=open_low, default=0.999 if field == "beta_2" else None)
        real(self, "epsilon", 0.0)
        real(self, "initial_accumulator_value", 0.0, open_low=False)
        for field in ("weight_decay", *CLIPPING):
            if getattr(self, field) is not None:
                real(self, field, 0.0, open_low=field != "weight_decay")
        for field, least in (("epochs", 1), ("batch_size", 1), ("seed", 0)):
            count(self, field, f"Use {field}={max(least, 1)}.", least)
        for field, least in (("ema_overwrite_frequency", 1), ("gradient_accumulation_steps", 2)):
            if getattr(self, field) is not None:
                count(self, field, f"Use {field}={max(least, 10)}, or leave it out.", least)
        for field in ("nesterov", "centered", "use_ema", "shuffle"):
            switch(self, field)
        self._refuse_settings_without_effect()

    def _refuse_settings_without_effect(self) -> None:
        defaults = {field.name: field.default for field in fields(self)} | {"beta_2": 0.999}
        for name, owners in OPTIMIZER_FIELDS.items():
            require(
                self.optimizer in owners or getattr(self, name) == defaults[name],
                f"TrainSpec.{name} has an effect with {' and '.join(owners)} only.",
                f"{name}={getattr(self, name)!r} with optimizer={self.optimizer!r}",
                f"Leave it out, or use optimizer={owners[0]!r}.",
            )
        require(
            not self.nesterov or self.momentum > 0,
            "Nesterov's rule looks ahead along the momentum, so it needs one.",
            "nesterov=True, momentum=0.0",
            "Use momentum=0.9.",
        )
        clipped = [shown(name, getattr(self, name)) for name in CLIPPING if getattr(self, name) is not None]
        require(len(clipped) < 2, "Gradients are clipped in one way.", ", ".join(clipped), "Keep one of them.")
        for name in ("ema_momentum", "ema_overwrite_frequency"):
            require(
                self.use_ema or getattr(self, name) == defaults[name],
                f"TrainSpec.{name} has an effect with use_ema=True only.",
                shown(name, getattr(self, name)),
                "Leave it out, or use use_ema=True.",
            )
        require(
            self.label_smoothing == 0 or self.loss in ("categorical_crossentropy", "binary_crossentropy"),
            "TrainSpec.label_smoothing has an effect with categorical_crossentropy and binary_crossentropy only.",
            f"label_smoothing={self.label_smoothing!r} with loss={self.loss!r}",
            "Leave it out, or use loss='categorical_crossentropy'.",
        )

    @property
    def slots(self) -> tuple[str, ...]:
        """What the optimiser keeps beside each weight, without regard to averages and accumulators."""
        return tuple(slot for group in self.slot_groups for slot in group)

    @property
    def slot_groups(self) -> tuple[tuple[str, ...], ...]:
        """The slots of the update rule as Keras lays them out: group by group, and within a group weight by weight."""
        momentum = (("momentum",),) if self.momentum > 0 else ()
        return {
            "sgd": momentum,
            "adam": (("momentum", "velocity"),),
            "adamw": (("momentum", "velocity"),),
            "nadam": (("momentum", "velocity"),),
            "rmsprop": (("velocity",), *momentum, *((("average_gradient",),) if self.centered else ())),
            "adagrad": (("accumulator",),),
            "lion": (("momentum",),),
        }[self.optimizer]

    @property
    def rate(self) -> str:
        """The learning rate as people read it: the number, or the name of the schedule."""
        schedule = isinstance(self.learning_rate, ScheduleSpec)
        return self.learning_rate.CLASS_NAME if schedule else f"{self.learning_rate:g}"  # type: ignore[union-attr]

    @property
    def metric(self) -> str:
        """What is measured beside the loss: the share of right answers, or a regression's mean absolute error."""
        return "mean_absolute_error" if self.loss == "mean_squared_error" else "accuracy"


def slot_names(model: ModelSpec, train: TrainSpec) -> tuple[str, ...]:
    """Names of the optimiser's state, in the order of ``keras.optimizers.Optimizer.variables``.

    Of a net in mixed float16 the variables of ``LossScaleOptimizer`` come first.
    """
    scaling = ("iteration", "learning_rate", "step_counter", "dynamic_scale") if model.dtype == "mixed_float16" else ()
    rate = () if isinstance(train.learning_rate, ScheduleSpec) else ("learning_rate",)
    average = (("average",),) if train.use_ema else ()
    accumulator = (("gradient_accumulator",),) if train.gradient_accumulation_steps else ()
    groups = (*average, *accumulator, *train.slot_groups)
    slots = [f"{weight}/{slot}" for group in groups for weight in model.trainable_shapes for slot in group]
    product = ("u_product",) if train.optimizer == "nadam" and not scaling else ()  # Keras loses track of a wrapped Nadam's
    return (*(f"loss_scale/{name}" for name in scaling), "iteration", *rate, *slots, *product)
