"""The frame of a page: one file, and a policy by which the browser itself refuses to load or to run anything else."""

import base64
import hashlib
import json
from collections.abc import Iterable
from functools import cache
from html import escape
from pathlib import Path
from typing import Any


def document(title: str, main: str, *, footer: str = "", script: str = "", data: Any = None, connect: str = "'none'") -> str:
    """A whole page of HTML.

    Args:
        title: its name and first heading, plain text.
        main: the HTML below that.
        footer: HTML at the end.
        script: JavaScript that runs once the page is there; it reads ``data``, as JSON, from the element ``nets``.
        connect: what the script may ask, in the words of the policy; nothing as a rule.
    """
    style = asset("page.css")
    block = json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")  # no tag ends it early
    tail = f'<script type="application/json" id="nets">{block}</script>\n<script>{script}</script>\n' if script else ""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy(script, connect))}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n"
        f"<main>\n{main}\n</main>\n<footer>{footer}</footer>\n{tail}</body>\n</html>\n"
    )


def policy(script: str, connect: str = "'none'") -> str:
    """The Content-Security-Policy of such a page: its own style, its own script, pictures that it holds itself, and no more."""
    return (
        f"default-src 'none'; style-src {_digest(asset('page.css'))}; script-src {_digest(script)}; "
        f"img-src data:; connect-src {connect}; base-uri 'none'; form-action 'none'"
    )


def table(head: Iterable[str], rows: Iterable[Iterable[str]], label: str) -> str:
    """A table of plain text whose first column names the rows; where it is too wide it scrolls by itself."""
    top = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
    body = "".join(
        f'<tr><th scope="row">{escape(first)}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in rest)}</tr>'
        for first, *rest in rows
    )
    return scrolled(f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>", label)


def scrolled(inner: str, label: str) -> str:
    """HTML that scrolls sideways where it is too wide, by keyboard too."""
    return f'<div class="wide" role="region" aria-label="{escape(label)}" tabindex="0">{inner}</div>'


def section(name: str, heading: str, *parts: str) -> str:
    """A section under its heading; ``name`` is its anchor."""
    return (
        f'<section id="{name}" aria-labelledby="{name}-title">\n<h2 id="{name}-title">{escape(heading)}</h2>\n'
        + "\n".join(parts)
        + "\n</section>"
    )


@cache
def asset(name: str) -> str:
    """The text of a file beside this one."""
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
