"""The finding of an audit as one self-contained page: the verdict first, then each cause with its evidence and its remedy."""

import re
from html import escape
from typing import TYPE_CHECKING

from lockstep.divergence import ulp_text
from lockstep.environment import versions
from lockstep.page.document import document, section, table
from lockstep.report.html import GOOD, ULP

if TYPE_CHECKING:
    from lockstep.auditing.finding import Cause, Finding


def page(finding: "Finding", title: str) -> str:
    """The whole page; ``title`` names the loop. Everything that came from outside is escaped."""
    word = "good" if finding.verdict in GOOD else "bad"
    why = finding.why[:1].upper() + finding.why[1:]
    verdict = [
        f'<h1>{escape(title)} against fit: <span class="{word}">{finding.verdict}</span></h1>',
        f"<p>{escape(why)}.</p>",
        f"<p>{finding.steps:,} steps compared. Largest difference {finding.max_abs:.3g}, {ulp_text(finding.max_ulp)}.</p>",
    ]
    causes = [_cause(number, cause) for number, cause in enumerate(finding.causes, start=1)]
    if finding.error is not None:
        verdict += ["<p>The loop raised an error:</p>", f'<pre tabindex="0">{escape(finding.error)}</pre>']
    parts = [
        section("first", "First divergence", *_first(finding)) if finding.first else "",
        section("causes", "Causes, the likeliest first", *causes) if causes else "",
        section("measured", "Measured", _list(finding.facts)) if finding.facts else "",
        section("notes", "Notes", _list(finding.notes)) if finding.notes else "",
    ]
    return document(
        f"{title} against fit: {finding.verdict}",
        "\n".join([*verdict, *filter(None, parts)]),
        footer=f"<p>Lockstep {escape(versions()['keras-lockstep'])}. This page loads nothing.</p>",
    )


def _first(finding: "Finding") -> list[str]:
    first = finding.first
    assert first is not None
    facts = {
        "step": f"{first.step:,} (epoch {first.epoch})",
        "stage": first.stage,
        "tensor": first.tensor,
        "largest difference": f"{first.max_abs:.3g}, {ulp_text(first.max_ulp)}",
    }
    if finding.over:
        facts["above the floor of rounding"] = f"{_round(finding.over)} times"
    if finding.local:
        shown = ", ".join(map(str, finding.local[:20])) + (", …" if len(finding.local) > 20 else "")
        some = f"{len(finding.local)} of {finding.steps}: {shown}"
        facts["steps that differ by themselves"] = f"all {finding.steps}" if len(finding.local) == finding.steps else some
    shown = table(["what", "value"], facts.items(), "First divergence").replace("<table>", '<table class="settings">')
    return [shown, f'<p class="soft">{ULP}</p>']


def _round(times: float) -> str:
    """Three digits, and no power of ten where a number can be read: 10,100 and not 1.01e+04."""
    return f"{float(f'{times:.3g}'):,.0f}" if 1e3 <= times < 1e9 else f"{times:.3g}"


def _cause(number: int, cause: "Cause") -> str:
    together = f" together with <code>{escape(cause.together)}</code>" if cause.together else ""
    remedy = cause.remedy[:1].upper() + cause.remedy[1:]
    return (
        f'<article class="cause"><h3>{number}. {_words(cause.title)}</h3><p><code>{escape(cause.code)}</code>{together}</p>'
        f'<h4>Evidence</h4>{_list(cause.evidence)}<div class="instead"><h4>Instead</h4><p>{_words(remedy)}</p></div></article>'
    )


def _list(lines: "tuple[str, ...] | list[str]") -> str:
    return f"<ul>{''.join(f'<li>{_words(line)}</li>' for line in lines)}</ul>"


def _words(text: str) -> str:
    """Text as HTML; what stands between backticks is code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
