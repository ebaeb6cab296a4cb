"""The report as one self-contained page: no scripts, no files beside it, nothing fetched."""

from html import escape
from typing import TYPE_CHECKING

from lockstep.divergence import ulp_text

if TYPE_CHECKING:
    from lockstep.report.report import Report

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #ffffff; --soft: #57606a; --line: #d0d7de;
  --good: #116329; --bad: #a40e26; --one: #0550ae; --two: #953800; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --paper: #0d1117; --soft: #9da7b1; --line: #30363d;
  --good: #56d364; --bad: #ff9492; --one: #79c0ff; --two: #ffa657; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 0 auto; max-width: 60rem;
  padding: 1rem; }
h1 { line-height: 1.2; } .good { color: var(--good); } .bad { color: var(--bad); } .soft { color: var(--soft); }
table { border-collapse: collapse; } th, td { padding: .2rem .7rem; border-bottom: 1px solid var(--line); text-align: right; }
th:first-child, td:first-child { text-align: left; } .wide { overflow-x: auto; }
svg { width: 100%; min-width: 36rem; height: auto; }
polyline { fill: none; stroke-width: 2; } .one { stroke: var(--one); } .two { stroke: var(--two); stroke-dasharray: 6 5; }
svg text { fill: var(--ink); font-size: 13px; } .axis { stroke: var(--line); }
"""


def page(report: "Report") -> str:
    """The whole page; everything that came from outside is escaped."""
    word = "good" if report.verdict in ("identical", "round-off") else "bad"
    title = f"{report.title}: {report.verdict}"
    facts = [f"<p>Largest difference {report.max_abs:.3g}, {ulp_text(report.max_ulp)}.</p>"]
    facts += [f"<p>First difference: {escape(str(report.first))}.</p>"] if report.first else []
    facts += [f"<p>{escape(note)}</p>" for note in report.notes]
    return "\n".join(
        [
            '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>",
            f'<h1>{escape(report.title)}: <span class="{word}">{report.verdict}</span></h1>',
            *facts,
            f'<p class="soft">{escape(report.data)}</p>',
            "<h2>Pairs</h2>",
            _table(
                ["sides", "verdict", "largest difference", "ULP", "steps", "numbers compared", "why"],
                [
                    [
                        f"{pair.left} against {pair.right}",
                        pair.verdict,
                        f"{pair.max_abs:.3g}",
                        f"{pair.max_ulp:,.0f}",
                        f"{pair.steps:,}",
                        f"{pair.numbers:,}",
                        pair.why,
                    ]
                    for pair in report.pairs
                ],
            ),
            "<h2>Loss</h2>",
            _curves(report),
            "<h2>Outcome</h2>",
            _table(["side", "training rows wrong", "test rows wrong", "test accuracy"], _outcomes(report)),
            "<h2>Epochs</h2>",
            _table(["epoch", *(f"{name} {curve}" for name in report.sides for curve in _shown(report))], _epochs(report)),
            "<h2>Settings</h2>",
            _table(["setting", "value"], [[name, str(value)] for name, value in _settings(report).items()]),
            "</body></html>\n",
        ]
    )


def _table(head: list[str], rows: list[list[str]]) -> str:
    top = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def _outcomes(report: "Report") -> list[list[str]]:
    return [
        [
            name,
            _wrong(one.train_errors, one.train_rows),
            _wrong(one.test_errors, one.test_rows),
            "no test set" if one.test_accuracy is None else f"{100 * one.test_accuracy:.2f}%",
        ]
        for name, one in report.outcomes.items()
    ]


def _wrong(errors: int | None, rows: int | None) -> str:
    if rows is None:
        return "no test set"
    return "no classes" if errors is None else f"{errors:,} of {rows:,}"


def _epochs(report: "Report") -> list[list[str]]:
    return [
        [str(epoch + 1)] + [f"{side.history[curve][epoch]:.6f}" for side in report.histories.values() for curve in _shown(report)]
        for epoch in range(len(report.histories[report.sides[-1]].loss))
    ]


def _shown(report: "Report") -> tuple[str, str]:
    """The curves of the table."""
    return "loss", report.train.metric


def _settings(report: "Report") -> dict[str, object]:
    return {"net": str(report.model), "training": report.train.to_json(), **report.environment}


def _curves(report: "Report") -> str:
    """The first side's and the reference's loss, one over the other."""
    left, right = report.sides[0], report.sides[-1]
    shown = [report.histories[left].loss, report.histories[right].loss]
    finite = [value for curve in shown for value in curve if value == value and abs(value) != float("inf")]
    if not finite:
        return "<p>No finite loss to draw.</p>"
    top, width, height = max(*finite, 1e-9), 900, 320

    def points(curve: list[float]) -> str:
        across = max(len(curve) - 1, 1)
        return " ".join(
            f"{60 + (width - 80) * at / across:.1f},{height - 40 - (height - 60) * value / top:.1f}"
            for at, value in enumerate(curve)
            if value == value and abs(value) != float("inf")
        )

    text = f"Loss an epoch, from {shown[0][0]:.4f} to {shown[0][-1]:.4f} ({left}) and {shown[1][-1]:.4f} ({right})"
    return (
        f'<div class="wide"><svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(text)}">'
        f'<line class="axis" x1="60" y1="{height - 40}" x2="{width - 20}" y2="{height - 40}"/>'
        f'<line class="axis" x1="60" y1="20" x2="60" y2="{height - 40}"/>'
        f'<text x="55" y="28" text-anchor="end">{top:.2f}</text><text x="55" y="{height - 38}" text-anchor="end">0</text>'
        f'<text x="60" y="{height - 15}">epoch 1</text>'
        f'<text x="{width - 20}" y="{height - 15}" text-anchor="end">epoch {len(shown[0])}</text>'
        f'<polyline class="one" points="{points(shown[0])}"/><polyline class="two" points="{points(shown[1])}"/>'
        f'<text x="{width - 250}" y="40">solid: {escape(left)}, dashed: {escape(right)}</text></svg></div>'
        f'<p class="soft">{escape(text)}.</p>'
    )
