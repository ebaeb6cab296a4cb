"""How a training is run, as against what it computes: the choices that both wings resolve by one rule."""

from shared.spec import require

FORMS = ("eager", "graph", "epoch")


def resolve(execution: str, jit_compile: bool | str, auto: str) -> tuple[str, bool]:
    """The form and whether XLA compiles, from what the user gave.

    The form never changes a bit. XLA does change bits, so ``"auto"`` must mean the same in both wings: no XLA.

    Raises:
        InputError: an unknown form, XLA without a graph, or another word than True, False or "auto".
    """
    known = ("auto", *FORMS)
    known_form = isinstance(execution, str) and execution in known
    require(known_form, "execution names a form.", f"execution={execution!r}", f"Use one of: {', '.join(known)}.")
    require(
        isinstance(jit_compile, bool) or (isinstance(jit_compile, str) and jit_compile == "auto"),
        "jit_compile says whether XLA compiles the step.",
        f"jit_compile={jit_compile!r}",
        'Use True, False or "auto".',
    )
    require(
        not (execution == "eager" and jit_compile is True),
        "XLA compiles graphs, and the eager form has none.",
        "execution='eager', jit_compile=True",
        "Use execution='graph'.",
    )
    return auto if execution == "auto" else execution, jit_compile is True
