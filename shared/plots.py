"""Pictures of data and of training: a grid of titled images, and loss curves.

Matplotlib is an optional extra, so it is imported inside the functions.  Figures are made as plain objects,
without pyplot: nothing is global, nothing opens a window, and it works where there is no display.

    python -m shared.plots          # draws docs/pictures/digits.png anew
"""

import argparse
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from shared.data import load_digits
from shared.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class HasLoss(Protocol):
    """Anything with one loss per epoch, such as a History."""

    @property
    def loss(self) -> Sequence[float]:
        """The losses."""
        ...


def grid(images: Any, titles: Sequence[Any], *, rows: int, columns: int, title: str | None = None) -> "Figure":
    """A figure of ``rows`` x ``columns`` upright images, each under its title.

    ``images`` is (n, height, width) or (n, height, width, channels) with 1, 3 or 4 channels: integers 0..255, or
    floats drawn from 0 to 1 (values beyond are clipped).  ``titles`` has n entries; n may be less than the grid
    holds.  Raises InputError where the shapes or counts do not fit, or matplotlib is missing.
    """
    images = np.asarray(images)
    if images.dtype.kind not in "uif" or images.ndim not in (3, 4) or images.shape[3:] not in ((), (1,), (3,), (4,)):
        raise InputError(
            "grid() draws images of shape (n, height, width) or (n, height, width, 1, 3 or 4). "
            f"Received: shape {images.shape} of {images.dtype}. Use Dataset.images(rows) to get them."
        )
    if rows < 1 or columns < 1 or not 1 <= len(images) <= rows * columns or len(titles) != len(images):
        raise InputError(
            f"grid() draws 1 to rows x columns images with a title each. Received: {len(images)} images and "
            f"{len(titles)} titles for {rows} x {columns}. Choose as many images as the grid holds."
        )
    white = 255 if images.dtype.kind in "ui" else 1
    pictures = np.clip(images, 0, white) / white
    if pictures.shape[3:] == (1,):
        pictures = pictures[..., 0]
    figure = _figure(width=columns, height=1.25 * rows + (0.4 if title else 0))
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for panel in panels:
        panel.set_axis_off()
    for panel, picture, text in zip(panels, pictures, titles, strict=False):  # the last panels may stay empty
        panel.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        panel.set_title(_plain(text), fontsize=9, pad=3)
    if title:
        figure.suptitle(_plain(title), fontsize=12)
    return figure


def curves(histories: Mapping[str, HasLoss], *, title: str | None = None) -> "Figure":
    """A figure of the loss over the epochs, one named curve for each history.

    Each value has a ``loss`` with one number an epoch; values that are not finite leave a gap.
    Raises InputError where there is nothing to draw or matplotlib is missing.
    """
    if not histories or not all(len(history.loss) for history in histories.values()):
        raise InputError(
            f"curves() needs at least one history of at least one epoch. Received: {list(histories)!r:.80}. Train first."
        )
    figure = _figure(width=6.4, height=4)
    from matplotlib.ticker import MaxNLocator  # after _figure, which says so where there is no matplotlib

    panel = figure.subplots()
    # equal curves lie on top of one another: ever thinner lines let all of them be seen
    for position, (name, history) in enumerate(histories.items()):
        epochs = np.arange(1, len(history.loss) + 1)
        width = 1.2 + 1.6 * (len(histories) - 1 - position)
        marker = "o" if len(epochs) == 1 else None  # one point makes no line
        panel.plot(epochs, history.loss, label=_plain(name), linewidth=width, marker=marker)
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    panel.set_xlabel("epoch")
    panel.set_ylabel("loss")
    panel.grid(alpha=0.3)
    panel.legend()
    if title:
        panel.set_title(_plain(title))
    return figure


def save(figure: "Figure", path: str | os.PathLike[str]) -> None:
    """Write ``figure`` to ``path`` (the ending says the format: png, svg, pdf), without date or version in it.

    Raises InputError where the folder is missing or the ending is unknown.
    """
    path = Path(path)
    # otherwise drawing a picture anew would change its bytes though nothing in it changed
    metadata = {".png": {"Software": None}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
    try:
        figure.savefig(path, metadata=metadata.get(path.suffix.lower()))
    except (OSError, ValueError) as error:
        raise InputError(
            f"A picture is written to a folder that exists, as png, svg or pdf. Received: {str(path)!r} "
            f"({' '.join(str(error).split())[:120]}). Name another file."
        ) from error


def digits_page() -> "Figure":
    """64 of the 5,000 digits, evenly spread over the ten classes, each under its label."""
    digits = load_digits()
    chosen = (np.arange(64) * 2 + 1) * len(digits.x_train) // 128  # the middle of each 64th
    labels = digits.y_train[chosen, 0]
    return grid(
        digits.images(digits.x_train[chosen]),
        [digits.classes[label] for label in labels],
        rows=8,
        columns=8,
        title="64 of the 5,000 digits, with their labels",
    )


def _figure(*, width: float, height: float) -> "Figure":
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise InputError(
            "Pictures are drawn with matplotlib, an optional extra. Received: an environment without it. "
            "Install it with: pip install 'keras-lockstep[plot]'"
        ) from error
    return Figure(figsize=(width, height), layout="constrained")


def _plain(text: Any) -> str:
    """``text`` as it is: a dollar sign in the name of a class is no formula."""
    return str(text).replace("$", r"\$")


def main(arguments: list[str] | None = None) -> int:
    """Draw the page of digits that the documentation shows."""
    parser = argparse.ArgumentParser(prog="python -m shared.plots", description="Draw 64 of the digits.")
    parser.add_argument("--out", type=Path, default=Path("docs/pictures/digits.png"))
    options = parser.parse_args(arguments)
    try:
        save(digits_page(), options.out)
    except InputError as error:
        parser.error(str(error))
    print(f"{options.out}: {math.ceil(options.out.stat().st_size / 1000)} kB")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
