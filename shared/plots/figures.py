"""What all pictures share: a figure without anything global, text as it is, and saving.

Matplotlib is an optional extra, so it is imported inside the functions.  Figures are made as plain objects, without pyplot:
nothing is global, nothing opens a window, and it works where there is no display.
"""

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.errors import InputError
from shared.extras import needed
from shared.files import write_together

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def figure(width: float, height: float) -> "Figure":
    """An empty figure of ``width`` x ``height`` inches; InputError where matplotlib is missing."""
    with needed("matplotlib", "plot", "Drawing a picture"):
        from matplotlib.figure import Figure
    return Figure(figsize=(width, height), layout="constrained")


def plain(text: Any) -> str:
    """``text`` as it is: a dollar sign in the name of a class is no formula."""
    return str(text).replace("$", r"\$")


def save(figure: "Figure", path: str | os.PathLike[str]) -> None:
    """Write ``figure`` to ``path`` (the ending says the format: png, svg, pdf), without date or version in it.

    The file appears whole or not at all.  Raises InputError where the folder is missing or the ending is unknown.
    """
    path = Path(path)
    # otherwise drawing a picture anew would change its bytes though nothing in it changed
    metadata = {".png": {"Software": None}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
    drawn = io.BytesIO()
    try:
        figure.savefig(drawn, format=path.suffix.lstrip(".") or "none", metadata=metadata.get(path.suffix.lower()))
    except ValueError as error:
        raise InputError(
            f"A picture is written as png, svg or pdf. Received: {str(path)!r} ({' '.join(str(error).split())[:120]}). "
            "Name another file."
        ) from None
    write_together({path: drawn.getvalue()})
