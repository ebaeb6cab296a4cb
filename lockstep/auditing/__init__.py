"""The audit of a person's own training loop: where it parts from Keras, by how much, why, and how to mend it.

Reading order: ``by_step`` and ``by_run`` (what people call), ``observe`` (the loop, watched from outside), ``reference`` (the
real ``fit`` beside it), ``ground`` (what rounding may do), ``analysis`` (verdict and first divergence), ``replay`` (the step in
parts), ``causes`` (which trap reproduces the loop), ``finding`` (what is printed).
"""

from lockstep.auditing.by_run import audit_run
from lockstep.auditing.by_step import assert_lockstep, audit
from lockstep.auditing.finding import Cause, Finding

__all__ = ["Cause", "Finding", "assert_lockstep", "audit", "audit_run"]
