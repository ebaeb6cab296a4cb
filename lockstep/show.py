"""What the lessons in ``notebooks/`` show: code of two wings side by side, pictures, and sliders to play with.

Nothing here needs a notebook. Where there is none, code is printed as text, a picture as what it shows, and sliders are left out.
"""

import html
import inspect
import io
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Picture", "SideBySide", "picture", "side_by_side", "sliders"]

# No colour of its own, so that it can be read on a light and on a dark page.
_TABLE = "width:100%; table-layout:fixed; border-collapse:collapse"
_CELL = (
    "order:{place}; width:{share:.4g}%; text-align:left; vertical-align:top; padding:0.4em 0.8em; "
    "border:1px solid rgba(128,128,128,0.5); overflow-wrap:anywhere"
)
# On a phone two columns of code are too narrow to be read: each piece then stands under its own heading, one below the other.
_NARROW = (
    "<style>@media (max-width: 40em) { .side-by-side { display: flex; flex-direction: column } "
    ".side-by-side :is(thead, tbody, tr) { display: contents } .side-by-side :is(th, td) { width: auto !important } }</style>"
)
_CODE = (
    "margin:0; padding:0; border:0; white-space:pre-wrap; word-break:normal; overflow-wrap:anywhere; "
    "font-family:monospace; font-size:100%; color:inherit; background:transparent"
)


@dataclass(frozen=True)
class SideBySide:
    """Pieces of source code next to one another: a table in a notebook, text elsewhere.

    Attributes:
        columns: (heading, source text) of each piece, from left to right.
    """

    columns: tuple[tuple[str, str], ...]

    def _repr_html_(self) -> str:
        heads, sources = "", ""
        for place, (heading, source) in enumerate(self.columns):
            cell = _CELL.format(place=place, share=100 / len(self.columns))
            heads += f'<th scope="col" style="{cell}">{html.escape(heading)}</th>'
            sources += f'<td style="{cell}"><pre style="{_CODE}">{html.escape(source)}</pre></td>'
        rows = f"<thead><tr>{heads}</tr></thead><tbody><tr>{sources}</tr></tbody>"
        return f'{_NARROW}<table class="side-by-side" style="{_TABLE}">{rows}</table>'

    def __str__(self) -> str:
        return "\n\n".join(f"{heading}\n{'-' * len(heading)}\n{source}" for heading, source in self.columns)

    __repr__ = __str__


def side_by_side(*pieces: Any) -> SideBySide:
    """The source of functions, methods or classes next to one another, read from their files when called.

    So a lesson shows the code that runs and no copy of it. A heading is the file and the name in it:
    ``lowlevel/layers.py: Dense.__call__``.

    Raises:
        InputError: nothing was given, or something that has no source in Python.

    >>> import highlevel, lowlevel
    >>> [heading for heading, source in side_by_side(lowlevel.layers.Dense, highlevel.layers.Dense).columns]
    ['lowlevel/layers.py: Dense', 'highlevel/layers.py: Dense']
    """
    sources = [_source(piece) for piece in pieces]
    return SideBySide(tuple(zip(map(_heading, pieces), sources, strict=True)) or _none())


def _heading(piece: Any) -> str:
    """Where a function, method or class stands: the file of its module and its name there."""
    piece = inspect.unwrap(piece)
    return f"{piece.__module__.replace('.', '/')}.py: {piece.__qualname__}"


def _source(piece: Any) -> str:
    try:
        return textwrap.dedent(inspect.getsource(inspect.unwrap(piece))).rstrip()
    except (TypeError, OSError):
        raise InputError(
            "side_by_side shows functions, methods and classes that are written in Python. "
            f"Received: {piece!r:.100}. Give one of a module, such as lowlevel.layers.Dense."
        ) from None


def _none() -> Any:
    raise InputError("side_by_side shows at least one piece of code. Received: none. Give a function or a class.")


@dataclass(frozen=True)
class Picture:
    """A drawn figure as PNG with a text that says what it shows.

    Attributes:
        png: the bytes; without date and version, so that drawing again gives the same.
        text: for readers who do not see it, and where pictures cannot be shown.
    """

    png: bytes
    text: str

    def _repr_png_(self) -> tuple[bytes, dict[str, str]]:
        return self.png, {"alt": self.text}

    def __repr__(self) -> str:
        return f"[picture: {self.text}]"


def picture(figure: "Figure", text: str, dpi: int = 80) -> Picture:
    """``figure`` as a notebook shows it; ``text`` says in words what is to be seen."""
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=dpi, metadata={"Software": None}, facecolor="white")
    return Picture(drawn.getvalue(), text)


def sliders(draw: Callable[..., Any], low: float = -5.0, high: float = 5.0, step: float = 0.5, **starts: float) -> Any:
    """A slider for each name of ``starts``, from ``low`` to ``high``; ``draw(**values)`` is called anew whenever one moves.

    Returns:
        The widget, to stand last in a cell; what ``draw`` returns is shown below the sliders. None outside of a notebook, and
        without ipywidgets, which is an optional extra.
    """
    try:
        from IPython import get_ipython
        from ipywidgets import FloatSlider, interactive
    except ImportError:
        return None
    if get_ipython() is None:
        return None
    made = {name: FloatSlider(value=value, min=low, max=high, step=step, description=name) for name, value in starts.items()}
    return interactive(draw, **made)
