"""For pytest: fixtures that audit a training loop, or check a recorded training, and fail with what was found.

Installing the package is enough; pytest finds this file by its entry point. Nothing heavy is imported before a test asks.
"""

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def assert_lockstep() -> Callable[..., Any]:
    """``lockstep.assert_lockstep``, whose failure is the finding's text alone.

    A test calls ``assert_lockstep(step, variables, model, x, y)``, with the options of ``lockstep.audit`` and ``require``; or
    ``assert_lockstep(run=run, model=model, x=x, y=y)`` with those of ``lockstep.audit_run``. It returns the finding.
    """

    def check(*arguments: Any, require: str = "round-off", run: Callable | None = None, **options: Any) -> Any:
        import lockstep
        from lockstep.auditing.by_step import in_lockstep

        try:
            if run is None:
                return lockstep.assert_lockstep(*arguments, require=require, **options)
            return in_lockstep(lockstep.audit_run(run, *arguments, **options), require)
        except AssertionError as error:
            pytest.fail(str(error), pytrace=False)

    return check


@pytest.fixture
def assert_trace() -> Callable[..., Any]:
    """Fails unless this installation still reproduces a recorded training: ``assert_trace("digits.trace.h5")``.

    Takes what ``lockstep.check`` takes, and ``require``; returns its result.
    """

    def check(path: Any, data: Any = None, *, require: str = "round-off") -> Any:
        import lockstep

        result = lockstep.check(path, data)
        if not result.meets(require):
            pytest.fail(f"the recorded training is not reproduced\n{result}", pytrace=False)
        return result

    return check
