"""Lines: loss or accuracy over the epochs, and activation functions.  What is drawn is computed by the caller."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from shared.errors import InputError
from shared.plots.figures import figure, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class HasLoss(Protocol):
    """Anything with one loss per epoch, such as a History."""

    @property
    def loss(self) -> Sequence[float]:
        """The losses."""
        ...


def curves(
    histories: Mapping[str, HasLoss | Sequence[float]],
    *,
    quantity: str = "loss",
    every: int = 1,
    title: str | None = None,
) -> "Figure":
    """A figure of the loss over the epochs, one named curve for each history.

    Each value is a list of numbers or has one, such as ``History.loss``, under the name of ``quantity``, which labels the
    axis.  ``every`` is the number of epochs from one number to the next, where not all were kept; the first then belongs to
    epoch 0.  Values that are not finite leave a gap.  Raises InputError where there is nothing to draw or matplotlib is missing.
    """
    found: dict[str, Any] = {name: getattr(history, quantity, history) for name, history in histories.items()}
    if not found or not all(isinstance(values, Sequence | np.ndarray) and len(values) for values in found.values()) or every < 1:
        raise InputError(
            f"curves() needs at least one history of at least one epoch with a {quantity!r}. "
            f"Received: {list(histories)!r:.80}, every={every}. Train first."
        )
    made = figure(6.4, 4)
    from matplotlib.ticker import MaxNLocator  # after figure(), which says so where there is no matplotlib

    panel = made.subplots()
    for width, (name, values) in zip(_widths(len(found)), found.items(), strict=True):
        epochs = np.arange(1, len(values) + 1) if every == 1 else np.arange(len(values)) * every
        marker = "o" if len(epochs) == 1 else None  # one point makes no line
        panel.plot(epochs, values, label=plain(name), linewidth=width, marker=marker)
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    panel.set_xlabel("epoch")
    panel.set_ylabel(plain(quantity))
    panel.grid(alpha=0.3)
    panel.legend()
    if title:
        panel.set_title(plain(title))
    return made


def activations(
    sides: Mapping[str, Mapping[str, Callable[[Any], Any]]], *, reach: float = 5.0, title: str | None = None
) -> "Figure":
    """The graphs of activation functions from -``reach`` to ``reach``: a panel for each function, a line for each side.

    ``sides`` maps the name of a side to its functions by name; a function takes and returns an array (or a tensor that
    NumPy can read).  Raises InputError where there is nothing to draw, or sides have other functions than the first.
    """
    names = list(next(iter(sides.values()), {}))
    if not names or any(list(functions) != names for functions in sides.values()) or not 0 < reach < math.inf:
        raise InputError(
            "activations() draws the same functions for every side, at least one. "
            f"Received: { {side: list(functions) for side, functions in sides.items()}!r:.160}, reach={reach}. "
            "Give {'low-level': {'relu': lowlevel.activations.relu}}."
        )
    z = np.linspace(-reach, reach, 401)
    columns = math.ceil(math.sqrt(len(names)))
    rows = math.ceil(len(names) / columns)
    made = figure(3.2 * columns, 2.6 * rows + (0.4 if title else 0))
    panels = made.subplots(rows, columns, squeeze=False).ravel()
    for panel in panels[len(names) :]:
        panel.set_axis_off()
    for panel, name in zip(panels, names, strict=False):
        panel.axhline(0, color="0.6", linewidth=0.8)
        panel.axvline(0, color="0.6", linewidth=0.8)
        for width, (side, functions) in zip(_widths(len(sides)), sides.items(), strict=True):
            panel.plot(z, np.asarray(functions[name](z)), label=plain(side), linewidth=width)
        panel.set_title(plain(name))
        panel.set_xlabel("z")
        panel.grid(alpha=0.3)
    for panel in panels[: len(names) : columns]:
        panel.set_ylabel("activation")
    panels[0].legend()
    if title:
        made.suptitle(plain(title), fontsize=12)
    return made


def _widths(count: int) -> list[float]:
    """Ever thinner lines: equal curves lie on top of one another, and so all of them are seen."""
    return [1.2 + 1.6 * (count - 1 - position) for position in range(count)]
