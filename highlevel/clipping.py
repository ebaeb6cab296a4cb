"""Twin: lowlevel/clipping.py. Three ways to clip gradients, each an argument of Keras's optimisers."""

from shared.spec import TrainSpec

__all__ = ["by_global_norm", "by_norm", "by_value", "get"]

by_norm = "clipnorm"
by_value = "clipvalue"
by_global_norm = "global_clipnorm"


def get(train: TrainSpec) -> dict[str, float | None]:
    """The arguments that ask for the clipping of a spec; Keras takes at most one that is not None."""
    return {name: getattr(train, name) for name in (by_norm, by_value, by_global_norm)}
