"""``docs/benchmarks.md``: every table stands between two marks. What stands outside of the marks is a person's, and stays."""

import re
from pathlib import Path

from timing import plots
from timing.tables import blocks

_BLOCK = re.compile(r"<!-- figures: ([a-z.]+) -->\n.*?<!-- end of figures -->\n", re.DOTALL)


def _marked(name: str, text: str) -> str:
    return f"<!-- figures: {name} -->\n\n{text}\n\n<!-- end of figures -->\n"


def merged(page: str, found: dict[str, tuple[str, str]]) -> str:
    """The page with these blocks in the place of its own; those that it has not yet come in order, with their headings.

    Args:
        page: the page as it stands, or an empty text.
        found: name -> (heading, Markdown), in order.
    """
    page = page or "# Benchmarks\n"
    page = _BLOCK.sub(lambda of: _marked(of[1], found[of[1]][1]) if of[1] in found else of[0], page)
    before = None  # the block after which the next new one stands
    for name, (heading, text) in found.items():
        ends = {of[1]: of.end() for of in _BLOCK.finditer(page)}
        if name not in ends:
            new = "\n" + (f"{heading}\n\n" if heading else "") + _marked(name, text)
            at = ends[before] if before else page.index("\n") + 1
            page = page[:at] + new + page[at:]
        before = name
    return page


def write(figures: dict, folder: Path) -> Path:
    """Write the page and its pictures into the folder; returns the page's path."""
    plots.draw(figures, folder / "pictures")
    path = folder / "benchmarks.md"
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    path.write_text(merged(old, blocks(figures)), encoding="utf-8")
    return path
