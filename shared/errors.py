"""The one error that every part of Lockstep raises for input it cannot use."""


class InputError(ValueError):
    """Unusable input.  The message is one line: the rule, what was received, and the remedy.

    The command line prints the message and ends with exit status 2.
    """
