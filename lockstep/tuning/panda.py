"""One net, watched while it trains, its settings changed on the way ("panda", after the animal that raises one cub at a time)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from lockstep.tuning.held import hold_out
from lockstep.tuning.worker import trainer_of
from shared.errors import InputError
from shared.files import check_writable
from shared.records import History
from shared.spec import ModelSpec, TrainSpec, require, slot_names

Adapt = Callable[[tuple["Stage", ...]], Mapping[str, Any] | None]


@dataclass(frozen=True)
class Stage:
    """Some epochs with settings that stayed the same: the training as it was, and its curves."""

    train: TrainSpec
    history: History


@dataclass(frozen=True)
class Watched:
    """What ``panda`` returns: the stages in order, and the trainer, which holds the trained net."""

    stages: tuple[Stage, ...]
    trainer: Any

    @property
    def history(self) -> History:
        """The curves of all stages, one after the other; ``val_`` curves are those of the held-out rows."""
        whole = History(execution=self.stages[0].history.execution, jit_compile=self.stages[0].history.jit_compile)
        for stage in self.stages:
            for name, curve in stage.history.history.items():
                getattr(whole, name).extend(curve)
        return whole

    def picture(self) -> Any:
        """The curves of the loss as a figure, with a line wherever settings changed.

        Raises:
            InputError: matplotlib is missing.
        """
        from shared.plots import curves

        whole, epochs = self.history, 0
        figure = curves({"training": whole, "held out": SimpleNamespace(loss=whole.val_loss)}, title="one net, watched")
        panel, named = figure.axes[0], "settings changed"
        for before, after in zip(self.stages, self.stages[1:], strict=False):
            epochs += len(before.history.loss)
            if before.train != after.train:
                panel.axvline(epochs + 0.5, color="grey", linestyle=":", label=named)
                named = ""  # once in the legend
        panel.legend()
        return figure

    def save(self, path: str | Path) -> None:
        """Write the picture to a ``.png`` file.

        Raises:
            InputError: another ending, a path that cannot be written to, or no matplotlib.
        """
        from shared.plots import save

        if Path(path).suffix.lower() != ".png":
            raise InputError(f"The curve of a watched net is saved as .png. Received: {str(path)!r:.200}. Use panda.png.")
        check_writable(path)
        save(self.picture(), path)


def lower_on_rise(factor: float = 0.5) -> Adapt:
    """Multiply the learning rate by ``factor`` whenever a stage ends with a higher held-out loss than the one before."""

    def adapt(stages: tuple[Stage, ...]) -> dict[str, float] | None:
        rate = stages[-1].train.learning_rate
        require(isinstance(rate, float), "lower_on_rise changes a rate that is a number.", rate, "Use it without a schedule.")
        losses = [stage.history.val_loss[-1] for stage in stages[-2:]]
        if len(losses) == 2 and not losses[1] <= losses[0]:  # so that NaN counts as a rise
            return {"learning_rate": rate * factor}  # type: ignore[operator]
        return None

    return adapt


def panda(
    model: ModelSpec,
    train: TrainSpec,
    data: Any,
    *,
    stages: int = 10,
    adapt: Adapt | None = None,
    wing: str = "low",
    validation: float = 0.2,
    progress: Callable[[Stage], None] | None = None,
) -> Watched:
    """Train one net in ``stages`` of ``train.epochs`` epochs each; between them ``adapt`` may change the settings.

    Args:
        model, train: the net, and how it is trained at first.
        data: a ``Dataset``, whose test set is not looked at, or a pair (x, y).
        stages: how many.
        adapt: gets the stages so far and returns the fields of ``TrainSpec`` to change, or None; ``lower_on_rise()`` where None.
        wing: ``"low"`` or ``"high"``; the curves are the same, bit for bit.
        validation: the share of the training rows that is held out, of every class the same, and that ``adapt`` judges by.
        progress: called with each stage as it ends.

    Weights, optimiser slots and the order of the examples carry on from stage to stage: where nothing is changed, the stages
    are one long training.

    Raises:
        InputError: an argument against its rule, or a change after which the optimiser's slots no longer fit.
    """
    whole = isinstance(stages, int) and not isinstance(stages, bool) and stages >= 1
    require(whole, "stages counts how often the net is looked at.", f"stages={stages!r:.40}", "Use stages=10.")
    split = hold_out(data, validation, train.seed)
    rows, held = (split.x, split.y), (split.x_held, split.y_held)
    adapt = lower_on_rise() if adapt is None else adapt
    make = trainer_of(wing)
    trainer = make(model, train)
    done: list[Stage] = []
    while True:
        done.append(Stage(train, trainer.fit(rows, validation_data=held)))
        if progress is not None:
            progress(done[-1])
        if len(done) == stages:
            return Watched(tuple(done), trainer)
        changes = adapt(tuple(done))
        if changes:
            train = replace(train, **changes)
            trainer = _continued(make(model, train), trainer)


def _continued(new: Any, old: Any) -> Any:
    """``new``, trained as far as ``old`` is; the learning rate is the new one's own."""
    names, before, after = slot_names(new.model, new.train), old.state(), new.state()
    if len(before.slots) == len(after.slots):
        slots = [a if name.endswith("learning_rate") else b for name, b, a in zip(names, before.slots, after.slots, strict=True)]
        new.restore(replace(before, slots=slots))
    else:
        raise InputError(
            f"A change between stages must leave the optimiser what it remembers. Received: {old.train.optimizer} with "
            f"{len(before.slots)} variables, then {new.train.optimizer} with {len(after.slots)}. Keep the optimiser."
        )
    new.epoch = old.epoch
    return new
