"""A half in a process of its own: for what is settled when TensorFlow starts, cannot be undone, or may hang."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

LIMIT = 300  # seconds; a process that takes longer is ended


def apart(half: Callable[..., Any], *arguments: object, **environment: str) -> Any:
    """What ``half`` gives there, as JSON has it; takes as long as importing TensorFlow.

    Args:
        half: a function of a module, which is imported there by its name.
        arguments: plain values.
        environment: variables of the environment of that process.
    """
    names = f"from {half.__module__} import {half.__name__} as half"
    program = f"import json\n{names}\nprint(json.dumps(half(*{arguments!r})))"
    paths = os.pathsep.join(path for path in sys.path if path)
    full = os.environ | {"PYTHONPATH": paths, "TF_CPP_MIN_LOG_LEVEL": "3"} | environment
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=full, capture_output=True, text=True, check=True, timeout=LIMIT)
    return json.loads(done.stdout.splitlines()[-1])
