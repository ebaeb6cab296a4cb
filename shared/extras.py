"""Optional packages that others import for us, and only in the middle of a training: whether they are there is asked before."""

from shared.errors import InputError


def need_tensorboard() -> None:
    """Refuse now what Keras's callback and ``tf.summary.scalar`` could not do later.

    Raises:
        InputError: TensorBoard is not installed; TensorFlow no longer brings it.
    """
    try:
        import tensorboard  # noqa: F401
    except ImportError as error:
        raise InputError(
            "Keras's callback writes by the package tensorboard, an optional extra. Received: an environment without it. "
            "Install it by pip install 'keras-lockstep[tensorboard]'."
        ) from error
