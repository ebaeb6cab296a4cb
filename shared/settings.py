"""How a training is run, as against what it computes: the choices that both wings resolve by one rule."""

from shared.spec import DenseSpec, ModelSpec, TrainSpec, require

FORMS = ("eager", "graph", "epoch")  # of both wings; the low-level one has FUSED too
FUSED = "fused"
COMPILED = 5_000  # parameters from which on XLA's faster steps are worth the second that it takes to compile them


def resolve(
    execution: str, jit_compile: bool | str, model: ModelSpec, *, alone: bool = True, forms: tuple[str, ...] = FORMS
) -> tuple[str, bool]:
    """The form and whether XLA compiles, from what the user gave.

    The form never changes a bit, but for ``fused``, which therefore must be named. XLA does change bits, so ``"auto"`` means the
    same in both wings and for trainings of any length: see ``compiles``.

    Args:
        alone: False where replicas share the batches; they train a step at a time, without XLA.
        forms: those that the wing has.

    Raises:
        InputError: an unknown form, XLA without a graph, or another word than True, False or "auto".
    """
    known = ("auto", *forms)
    known_form = isinstance(execution, str) and execution in known
    require(known_form, "execution names a form.", f"execution={execution!r}", f"Use one of: {', '.join(known)}.")
    require(
        isinstance(jit_compile, bool) or (isinstance(jit_compile, str) and jit_compile == "auto"),
        "jit_compile says whether XLA compiles the step.",
        f"jit_compile={jit_compile!r}",
        'Use True, False or "auto".',
    )
    form = execution if execution != "auto" else "epoch" if alone else "graph"
    plain = form in ("eager", FUSED)
    require(
        not (plain and jit_compile is True),
        "XLA compiles graphs: the eager form has none, and the fused one a kernel that XLA cannot take in.",
        f"execution={execution!r}, jit_compile=True",
        "Use execution='graph'.",
    )
    return form, alone and not plain and compiles(model) if jit_compile == "auto" else bool(jit_compile)


def compiles(model: ModelSpec) -> bool:
    """Whether XLA compiles where nobody says: nets of 5,000 parameters or more that compute in the type of their weights.

    Smaller ones are trained before XLA has compiled them. It hangs on nothing else: ``docs/speed.md``.
    """
    return model.parameters >= COMPILED and model.compute_dtype == model.variable_dtype


def starts_with_column(model: ModelSpec) -> bool:
    """Whether the first product is with one column: XLA computes it otherwise where a program takes rows out by itself."""
    return next((layer.units for layer in model.layers if isinstance(layer, DenseSpec)), 0) == 1


def check_fused(train: TrainSpec) -> None:
    """Refuse what the form ``fused`` has no kernel for.

    Raises:
        InputError: another rule than Adam's.
    """
    rule = "The form fused runs TensorFlow's own kernel of Adam."
    remedy = "Use optimizer='adam' or 'adamw', or execution='epoch'."
    require(train.optimizer in ("adam", "adamw"), rule, f"optimizer={train.optimizer!r}", remedy)
