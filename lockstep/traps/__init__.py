"""The catalogue of mistakes: a file each, with a wrong half and a right half to set side by side, and the effect measured.

Wrong code stands here and nowhere else. Where a trap is a deviation of one function of a training step, its wrong half takes
the arguments of the right one, and ``Trap.plant`` puts it into that one's place. This file imports no TensorFlow, so that the
names are known at once; a trap's own file is imported when the trap is asked for. Files whose name begins with an underscore
are no traps.
"""

import difflib
import inspect
import textwrap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from types import MappingProxyType, MethodType
from typing import Any

from shared.errors import InputError

__all__ = ["KINDS", "LOOPS", "NAMES", "Effect", "Trap", "Variant", "catalogue", "check", "loops", "trap"]

KINDS = ("loop", "framework", "notes", "test")
LOOPS = (
    "sum-differentiated",
    "mean-divided-by-m",
    "mean-of-batch-means",
    "classes-as-rows",
    "binary-for-six-classes",
    "cost-divided-by-batch-size",
    "remainder-dropped",
    "batched-apart",
    "softmax-in-the-net",
    "probabilities-as-logits",
    "adam-frozen-counter",
    "adam-epsilon-added",
    "order-of-its-own",
    "measured-after",
    "mean-for-sum",
    "fixed-divisor",
    "logits-as-probabilities",
    "labels-broadcast",
    "labels-smoothed-otherwise",
    "half-squared-error",
    "penalty-left-out",
    "penalty-halved",
    "penalty-divided",
    "biases-penalised",
    "inputs-scaled-otherwise",
    "other-activation",
    "batchnorm-in-inference",
    "batchnorm-other-momentum",
    "batchnorm-other-epsilon",
    "batchnorm-sample-variance",
    "dropout-left-out",
    "dropout-not-rescaled",
    "stale-gradient",
    "half-precision-forward",
    "another-loss-reported",
    "adam-epsilon-corrected",
    "adam-epsilon-value",
    "adam-epsilon-inside",
    "adam-no-bias-correction",
    "learning-rate-value",
    "layer-not-trained",
    "bias-not-updated",
    "optimizer-slots-reset",
    "gradients-not-reset",
    "adam-counter-off-by-one",
    "adam-counter-per-weight",
    "adam-beta-value",
    "optimizer-slots-shared",
    "momentum-missing",
    "momentum-value",
    "momentum-form",
    "nesterov-missing",
    "nesterov-added",
    "schedule-missing",
    "schedule-off-by-one",
    "schedule-per-epoch",
    "decay-coupled",
    "decay-missing",
    "decay-value",
    "decay-form",
    "gradient-clipping",
    "rmsprop-epsilon-outside",
    "rmsprop-rho-value",
    "rmsprop-centered",
    "epsilon-value",
    "adagrad-initial-accumulator",
    "adagrad-epsilon-outside",
    "ema-missing",
    "accumulation-sum",
    "accumulation-missing",
    "gradient-ascent",
    "gradients-swapped",
)
OTHERS = (
    "cost-without-mean",
    "misspelt-multiply",
    "bias-gradient-summed",
    "gradient-named-one-off",
    "fit-shuffle-repeats",
    "dataset-shuffle-skips",
    "module-bias-first",
    "jit-auto-without-xla",
    "tensorflow-loads-keras",
    "gradient-terms-by-name",
    "plus-for-bias-add",
    "xla-on-one-side",
    "xla-draws-otherwise",
    "eager-rounds-otherwise",
    "graph-without-a-result",
    "batch-size-known",
    "determinism-changes-numbers",
    "onednn-changes-numbers",
    "threads-change-full-batch",
    "float-through-float32",
    "complement-in-float32",
    "predict-in-float32",
    "loss-in-float32",
    "penalty-refused-in-float64",
    "clip-touches-small",
    "weights-not-in-divisor",
    "class-weights-end",
    "running-loss-in-logs",
    "callback-skips-steps",
    "backup-within-epoch",
    "averages-each-fit",
    "wrapped-nadam-forgets",
    "moving-statistics-left",
    "moving-statistics-lag",
    "layers-without-loss-scale",
    "dropout-shifts-seeds",
    "weight-file-as-text",
    "clone-drops-fit-arguments",
    "tensorboard-missing",
    "fork-hangs",
    "workers-fail-in-fit",
    "epsilon-out-of-sight",
    "tolerance-too-wide",
)
NAMES = LOOPS + OTHERS


@dataclass(frozen=True)
class Effect:
    """What was measured: ``text`` is one line with the figures that matter, ``numbers`` holds them and others by name."""

    text: str
    numbers: Mapping[str, float]

    def __post_init__(self) -> None:
        plain = {name: float(value) for name, value in self.numbers.items()}
        object.__setattr__(self, "numbers", MappingProxyType(plain))


@dataclass(frozen=True)
class Variant:
    """One way in which a step can deviate: other parts, by path. ``detail`` says which way, where a trap has several.

    ``fit``, where given, finds the parts from how the loop's weights changed in its first step and how the rest of the
    replayed step would have changed them: (changes of the loop, changes of the replay) -> (detail, parts), or None.
    ``lone`` is one of so many forms that it is tried with another deviation of the forward pass only where one of the two alone
    comes near the loop's first loss.
    """

    parts: Mapping[str, Any] = field(default_factory=dict)
    detail: str = ""
    fit: Callable[[list[Any], list[Any]], "tuple[str, Mapping[str, Any]] | None"] | None = None
    lone: bool = False

    @property
    def figures(self) -> bool:
        """Whether only what is said at the end of an epoch depends on it."""
        return set(self.parts) == {"figures"}

    @property
    def forward(self) -> bool:
        """Whether the net's outputs can depend on it."""
        return any(path.startswith(("batch", "seen", "inputs", "network.")) for path in self.parts)

    @property
    def early(self) -> bool:
        """Whether the loss and the gradients depend on it; otherwise only what is made of them."""
        return any(not path.startswith(("optimizer.", "first_slots", "emptied", "gradients", "kept")) for path in self.parts)


@dataclass(frozen=True, kw_only=True)
class Trap:
    """One mistake.

    Args:
        name: the name of its file, with hyphens.
        text: the docstring of its file: a title, the mistake, "Instead: ..." and "Seen: ...", a paragraph each.
        source: the row of the course notes, or who else made it.
        met: who ran into it: a public thread, as ``owner/name#number``, or the document; else ``"none found"``.
        kind: ``"loop"``, a part of a training loop deviates; ``"framework"``, TensorFlow or Keras does what few expect;
            ``"notes"``, a line or a printed figure of the notes is wrong; ``"test"``, a test passes what it should not.
        cause: the stable code by which such a deviation is named, where there is one.
        replaces: the function of ``lowlevel.Trainer`` whose place the wrong half can take, by its path.
        stage: the first stage at which ``lockstep.compare`` shows it there.
        wrong, right: the halves.
        measure: runs both on small fixed data; takes seconds at most and changes nothing global.
        variants: the forms in which the deviation can be put into a ``lockstep.auditing.replay.Replay``, for those that can;
            none where it makes no sense for that model.
    """

    name: str
    text: str
    source: str
    met: str = "none found"
    kind: str
    cause: str | None = None
    replaces: str | None = None
    stage: str | None = None
    wrong: Callable[..., Any]
    right: Callable[..., Any]
    measure: Callable[[], Effect]
    variants: Callable[[Any], Iterable[Variant]] | None = None

    @property
    def title(self) -> str:
        """The mistake in a line."""
        return self._parts[0]

    @property
    def mistake(self) -> str:
        """What goes wrong, and where it was met; paragraphs."""
        return "\n\n".join(part for part in self._parts[1:] if not part.startswith(("Instead: ", "Seen: ")))

    @property
    def remedy(self) -> str:
        """What to do instead."""
        return self._marked("Instead: ")

    @property
    def seen(self) -> str:
        """What in a comparison shows it."""
        return self._marked("Seen: ")

    @property
    def halves(self) -> dict[str, str]:
        """The halves as they are written: ``{"wrong": ..., "right": ...}``."""
        return {name: textwrap.dedent(inspect.getsource(getattr(self, name))).strip() for name in ("wrong", "right")}

    @property
    def _parts(self) -> list[str]:
        return [" ".join(part.split()) for part in self.text.split("\n\n")]

    def _marked(self, mark: str) -> str:
        return next(part.removeprefix(mark) for part in self._parts if part.startswith(mark))

    def plant(self, trainer: Any) -> None:
        """Put the wrong half into its place in a ``lowlevel.Trainer`` that has not trained yet.

        Raises:
            InputError: the trap is no deviation of one function of the step.
        """
        if self.replaces is None:
            raise InputError(
                f"Only a deviation of one function of the step can be planted. Received: {self.name}. "
                "Use a trap whose `replaces` is not None."
            )
        *path, name = self.replaces.split(".")
        owner = trainer
        for part in path:
            owner = owner[int(part)] if part.lstrip("-").isdigit() else getattr(owner, part)
        is_method = isinstance(getattr(owner, name), MethodType)
        object.__setattr__(owner, name, MethodType(self.wrong, owner) if is_method else self.wrong)  # layers are frozen


def trap(name: str) -> Trap:
    """The trap of that name; imports TensorFlow.

    Raises:
        InputError: no such name.
    """
    check(name)
    return import_module(f"lockstep.traps.{name.replace('-', '_')}").TRAP


def check(name: str) -> None:
    """Refuse a name that the catalogue does not have, without importing TensorFlow.

    Raises:
        InputError: names what comes near.
    """
    if name not in NAMES:
        near = difflib.get_close_matches(name, NAMES, n=3, cutoff=0.4)
        remedy = f"Did you mean {' or '.join(near)}?" if near else "`lockstep traps` lists all."
        raise InputError(f"A trap is named as in the catalogue. Received: {name[:80]!r}. {remedy}")


def loops() -> list[Trap]:
    """The traps that are deviations of a training loop."""
    return [trap(name) for name in LOOPS]


def catalogue() -> list[Trap]:
    """All traps: loops first."""
    return [trap(name) for name in NAMES]
