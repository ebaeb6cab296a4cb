"""Loops that end before their time: an exception, numbers that are none, a variable of another shape, no step at all."""

from dataclasses import replace

from lockstep.auditing.finding import Cause, Finding
from lockstep.auditing.observe import Observed

# code -> (title, remedy)
FAULTS = {
    "step-raised": ("The step raised an exception.", "Mend it first; the traceback is the loop's own."),
    "shape-changed": (
        "A variable changed its shape.",
        "Update in place what keeps its shape; a variable made with shape=None takes any.",
    ),
    "nan": (
        "The loop leaves the finite numbers.",
        "Look at the step before: a logarithm of zero, a division by zero, or a learning rate that is too high.",
    ),
    "no-update": ("The loop updates nothing.", "Pass the variables that the step updates, and update them in place."),
}


def fault_line(seen: Observed) -> str:
    """The fault in a line."""
    assert seen.fault is not None
    title, _ = FAULTS[seen.fault.code]
    return f"step {seen.fault.step}: {title if seen.fault.code == 'step-raised' else seen.fault.text}"


def no_update(seen: Observed) -> Cause:
    """The cause where no weight ever changed."""
    evidence = [f"none of the {len(seen.weights[0])} variables changed in {seen.steps} steps"]
    if seen.elsewhere:
        others = seen.elsewhere[:4]
        evidence.append(f"others that the step reaches did: {', '.join(others)}{' and more' if len(seen.elsewhere) > 4 else ''}")
    title, remedy = FAULTS["no-update"]
    return Cause("no-update", title, tuple(evidence), remedy)


def with_fault(seen: Observed, finding: Finding) -> Finding:
    """The finding on a loop that ended before its time: the fault comes first among its causes."""
    fault = seen.fault
    assert fault is not None
    title, remedy = FAULTS[fault.code]
    raised = fault.code == "step-raised"
    cause = Cause(fault.code, title, (f"at step {fault.step}" if raised else f"step {fault.step}: {fault.text}",), remedy)
    return replace(
        finding,
        verdict="different",
        why=fault_line(seen),
        causes=[cause, *finding.causes],
        error=fault.text if raised else None,
    )
