"""What is imported only by those who ask for it: the packages of the extra ``export``."""

from collections.abc import Iterator
from contextlib import contextmanager

from shared.errors import InputError


@contextmanager
def extra(package: str, what: str) -> Iterator[None]:
    """Around the import of a package that may not be installed.

    Raises:
        InputError: it is not.
    """
    try:
        yield
    except ImportError:
        raise InputError(
            f"{what} needs the package {package}. Received: an installation without it. "
            "Install the extra: pip install 'keras-lockstep[export]'."
        ) from None
