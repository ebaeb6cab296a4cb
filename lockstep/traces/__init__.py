"""Golden traces: a training written to a file step by step, against which a later installation is checked.

Imports neither TensorFlow nor a wing: a file is read and refused before those are waited for.
"""

from lockstep.traces.checking import check
from lockstep.traces.file import read
from lockstep.traces.recording import record
from lockstep.traces.result import Check
from lockstep.traces.trace import Trace

__all__ = ["Check", "Trace", "check", "read", "record"]
