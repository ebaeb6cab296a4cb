"""The one error that every part of Lockstep raises for input it cannot use."""


class InputError(ValueError):
    """Unusable input.  The message is one line: the rule, what was received, and the remedy.

    The command line prints the message and ends with exit status 2.
    """


class WorkerLost(InputError):
    """Another worker of a training on several machines does not answer any more; those that are left cannot go on without it."""
