"""The top floor: runs both wings side by side and says whether they are the same, and where they part if not.

May import: ``lowlevel``, ``highlevel``, ``shared`` and what these may. The names below are imported when first used, so that
``lockstep --help`` does not wait for TensorFlow.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lockstep.auditing import Cause, Finding, assert_lockstep, audit, audit_run
    from lockstep.comparison import compare
    from lockstep.divergence import Divergence
    from lockstep.prediction import Answer, predict
    from lockstep.report import Report
    from lockstep.sides import Side
    from lockstep.traces import Check, Trace, check, record
    from lockstep.tuning import Choice, IntUniform, LogUniform, OneMinusLogUniform, SearchResult, Space, Uniform, panda, search

__all__ = [
    "Answer",
    "Cause",
    "Check",
    "Choice",
    "Divergence",
    "Finding",
    "IntUniform",
    "LogUniform",
    "OneMinusLogUniform",
    "Report",
    "SearchResult",
    "Side",
    "Space",
    "Trace",
    "Uniform",
    "assert_lockstep",
    "audit",
    "audit_run",
    "check",
    "compare",
    "panda",
    "predict",
    "record",
    "search",
]

_TUNING = ("Choice", "IntUniform", "LogUniform", "OneMinusLogUniform", "SearchResult", "Space", "Uniform", "panda", "search")

_AUDITING = ("Cause", "Finding", "assert_lockstep", "audit", "audit_run")

_HOME = {
    "compare": "lockstep.comparison",
    "Report": "lockstep.report",
    "Side": "lockstep.sides",
    "Divergence": "lockstep.divergence",
    "Answer": "lockstep.prediction",
    "predict": "lockstep.prediction",
    **dict.fromkeys(_AUDITING, "lockstep.auditing"),
    **dict.fromkeys(("Check", "Trace", "check", "record"), "lockstep.traces"),
    **dict.fromkeys(_TUNING, "lockstep.tuning"),
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("lockstep.environment").versions()["keras-lockstep"]
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'lockstep' has no attribute {name!r}")
