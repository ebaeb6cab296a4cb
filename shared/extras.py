"""Optional packages: who asks for what they do without having them is told which extra to install."""

from collections.abc import Iterator
from contextlib import contextmanager

from shared.errors import InputError


@contextmanager
def needed(package: str, extra: str, what: str) -> Iterator[None]:
    """Around the import of ``package``, which the extra of that name brings and ``what`` needs.

    Raises:
        InputError: it is not installed.
    """
    try:
        yield
    except ImportError as error:
        raise InputError(
            f"{what} needs the package {package}, an optional extra. Received: an environment without it. "
            f"Install it with: pip install 'keras-lockstep[{extra}]'."
        ) from error


def need_tensorboard() -> None:
    """Refuse now what Keras's callback and ``tf.summary.scalar`` could not do in the middle of a training.

    Raises:
        InputError: TensorBoard is not installed; TensorFlow no longer brings it.
    """
    with needed("tensorboard", "tensorboard", "Keras's callback"):
        import tensorboard  # noqa: F401
