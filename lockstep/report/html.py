"""The report as one self-contained page: the verdict first, then what it rests on. Nothing is fetched."""

import json
import math
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from lockstep.divergence import ulp_text
from lockstep.page.document import document, scrolled, section, table
from lockstep.page.drawing import Drawing, drawable
from lockstep.report.charts import Line, chart, styled
from lockstep.report.png import data_uri
from lockstep.report.report import listed
from lockstep.sides import IN_WORDS
from lockstep.verdict import FACTOR, reached

if TYPE_CHECKING:
    from lockstep.report.report import Answers, Pair, Report

GOOD = ("identical", "round-off")
EPOCHS, CLASSES, PICTURES = 100, 20, 48  # of these no more are shown
PICTURE_BYTES, NET_BYTES = 300_000, 400_000  # what pictures, and nets to be drawn for, may take
ULP = "ULP (units in the last place) counts the steps from one floating-point number to the other: 0 ULP means the same bits."
CURVES = {"loss": "loss", "val_loss": "loss on the test set"}


def page(report: "Report") -> str:
    """The whole page; everything that came from outside is escaped."""
    drawing = _drawing(report)
    sections = {
        "pairs": ("Pairs", [_pairs(report)]),
        "curves": ("Curves", [f'<div class="charts">{"".join(_curves(report))}</div>']),
        "divergence": ("Divergence at every step", _divergences(report)),
        "outcome": ("Outcome", [_outcomes(report)]),
        "confusion": ("What is taken for what", _confusion(report)),
        "wrong": ("What is misclassified", _misclassified(report)),
        "epochs": ("Epochs", [_epochs(report)]),
        "settings": ("Settings", [_settings(report)]),
    }
    parts = {name: section(name, heading, *inner) for name, (heading, inner) in sections.items() if inner}
    if drawing is not None:
        later = {name: parts.pop(name) for name in ("epochs", "settings")}
        parts |= {"draw": drawing.html()} | later
    headings = {name: sections[name][0] if name in sections else "Draw a digit" for name in parts}
    links = "".join(f'<li><a href="#{name}">{escape(heading)}</a></li>' for name, heading in headings.items())
    return document(
        f"{report.title}: {report.verdict}",
        "\n".join([_verdict(report), f'<nav aria-label="Sections"><ul>{links}</ul></nav>', *parts.values()]),
        footer=f"<p>Lockstep {escape(str(report.environment['versions']['keras-lockstep']))}. This page loads nothing.</p>",
        script=drawing.script() if drawing else "",
        data=drawing.data() if drawing else None,
    )


def _verdict(report: "Report") -> str:
    word = "good" if report.verdict in GOOD else "bad"
    why = report.worst.why
    lines = [f"{why[:1].upper()}{why[1:]}."]
    lines += [f"Largest difference {report.max_abs:.3g}, {ulp_text(report.max_ulp)}."] if math.isfinite(report.max_abs) else []
    lines += [f"First difference: {report.first}."] if report.first else []
    lines += report.notes
    return "\n".join(
        [
            f'<h1>{escape(report.title)}: <span class="{word}">{report.verdict}</span></h1>',
            *(f"<p>{escape(line)}</p>" for line in lines),
            f'<p class="soft">{escape(report.data)}</p>',
        ]
    )


def _pairs(report: "Report") -> str:
    head = ["sides", "verdict", "largest difference", "ULP"]
    rows = [
        [
            f"{pair.left} against {pair.right}",
            pair.verdict,
            f"{pair.max_abs:.3g}" if math.isfinite(pair.max_abs) else "no number",
            f"{pair.max_ulp:,.0f}" if math.isfinite(pair.max_ulp) else "no count",
        ]
        for pair in report.pairs
    ]
    lines = []
    for pair in report.pairs:
        said = f"{pair.numbers:,} numbers compared"
        if len(report.pairs) > 1:  # why a single pair has its verdict is said at the head of the page
            said = pair.why if pair.verdict == "identical" else f"{said}; {pair.why}"
        lines.append(f"{pair.left} against {pair.right}: {pair.steps:,} steps; {said}")
    lines += [f"{name}: {IN_WORDS[name]}" for name in report.sides if name in IN_WORDS]
    return (
        table(head, rows, "Pairs") + f'<ul>{"".join(f"<li>{escape(line)}</li>" for line in lines)}</ul><p class="soft">{ULP}</p>'
    )


def _curves(report: "Report") -> list[str]:
    """Each curve with all sides over one another."""
    metric = report.train.metric
    words = metric.replace("_", " ")
    curves = CURVES | {metric: words, f"val_{metric}": f"{words} on the test set"}
    drawn = []
    for name, title in curves.items():
        lines = [
            Line(side, getattr(history, name), styled(number, len(report.histories)))
            for number, (side, history) in enumerate(report.histories.items())
            if getattr(history, name)
        ]
        drawn += [chart(title, lines, "epoch", from_zero="accuracy" not in name)] if lines else []
    return drawn


def _divergences(report: "Report") -> list[str]:
    note = (
        "The noise floor is what the reference does to itself when its inputs change in the last bit. "
        f"Rounding may reach {FACTOR:g} times as far. Drawn are the largest difference and the largest floor of all weights; "
        "the verdict holds every tensor against its own floor."
    )
    measured = any(pair.floor for pair in report.pairs)
    return [part for pair in report.pairs for part in _divergence(pair)] + [f'<p class="soft">{note}</p>'] * measured


def _divergence(pair: "Pair") -> list[str]:
    """How far the weights are apart after every step, beside the measured floor of rounding."""
    apart = [_widest(gaps, lambda gap: gap.distance) for gaps in pair.gaps]
    name = f"{pair.left} against {pair.right}"
    if not any(apart):
        return [f"<p>{escape(name)}: no weight differs after any of the {pair.steps:,} steps.</p>"]
    lines = [Line("largest difference of any weight", _known(apart), "c0")]
    if pair.floor is None:
        return [chart(name, lines, "step", log=True)]
    highest = zip(apart, reached(pair.floor.perturbed), strict=True)  # which goes on through the ends of epochs
    floors = [None if distance is None else _widest(ground, float) for distance, ground in highest]
    parts = [chart(name, [*lines, Line("noise floor", _known(floors), "cf d1")], "step", log=True)]
    if pair.left in pair.floor.sides:
        single = [_widest(gaps, lambda gap: gap.distance) for gaps in pair.floor.sides[pair.left]]
        ground = [_widest(one, float) for one in pair.floor.one_step]
        both = [
            Line("largest difference of any weight", _known(single), "c0"),
            Line("noise floor of one step", _known(ground), "cf d1"),
        ]
        parts.append(chart(f"{name}, {len(single)} single steps taken from equal state", both, "single step", log=True))
    return parts


def _widest(gaps: dict[tuple[str, str], Any], distance: Any) -> float | None:
    """The largest difference of any weight; None at the end of an epoch, when none is compared."""
    return max((distance(gap) for (stage, _), gap in gaps.items() if stage == "weights out"), default=None)


def _known(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _outcomes(report: "Report") -> str:
    rows = [
        [
            name,
            _wrong(one.train_errors, one.train_rows),
            _wrong(one.test_errors, one.test_rows),
            "no test set" if one.test_accuracy is None else f"{100 * one.test_accuracy:.2f}%",
        ]
        for name, one in report.outcomes.items()
    ]
    return table(["side", "training rows wrong", "test rows wrong", "test accuracy"], rows, "Outcome")


def _wrong(errors: int | None, rows: int | None) -> str:
    if rows is None:
        return "no test set"
    return "no classes" if errors is None else f"{errors:,} of {rows:,}"


def _groups(answers: "Answers") -> dict[str, np.ndarray]:
    """The classes that were said, by the names of the sides; sides that say the same stand together."""
    groups: dict[bytes, tuple[list[str], np.ndarray]] = {}
    for side, said in answers.predicted.items():
        groups.setdefault(said.tobytes(), ([], said))[0].append(side)
    return {listed(sides): said for sides, said in groups.values()}


def _confusion(report: "Report") -> list[str]:
    """The confusion matrix of each side on the test set."""
    if report.answers is None:
        return []
    if len(report.classes) > CLASSES:
        return [f"<p>Not shown for more than {CLASSES} classes.</p>"]
    from shared.evaluation import confusion

    note = "" if _finite(report) else " A net that has come to NaN answers nothing; the first class stands for that."
    parts = [f'<p class="soft">Test set. A row is the true class, a column what was said.{note}</p>']
    for sides, said in _groups(report.answers).items():
        counts = confusion(report.answers.labels, said, len(report.classes))
        most = max(1, (counts - np.diag(np.diag(counts))).max())
        head = "".join(f'<th scope="col">{escape(name)}</th>' for name in report.classes)
        body = "".join(
            f'<tr><th scope="row">{escape(name)}</th>'
            + "".join(f"<td{_shade(count, most, row == column)}>{count:,}</td>" for column, count in enumerate(counts[row]))
            + "</tr>"
            for row, name in enumerate(report.classes)
        )
        inner = f"<thead><tr><th scope='col'>true</th>{head}</tr></thead><tbody>{body}</tbody>".replace("'", '"')
        parts.append(f"<h3>{escape(sides)}</h3>")
        parts.append(scrolled(f'<table class="matrix">{inner}</table>', f"Confusion matrix of {sides}"))
    return parts


def _shade(count: int, most: int, right: bool) -> str:
    if right:
        return ' class="right"'
    return f' class="h{-(-3 * count // most)}"' if count else ""


def _misclassified(report: "Report") -> list[str]:
    """The pictures of the test set that any side gets wrong; first those on which the sides disagree."""
    answers = report.answers
    if answers is None or answers.pictures is None:
        return []
    groups = _groups(answers)
    said = np.stack(list(groups.values()))
    rows = np.flatnonzero((said != answers.labels).any(axis=0))
    if not len(rows):
        return ["<p>Nothing of the test set.</p>"]
    split = (said[:, rows] != said[0, rows]).any(axis=0)
    figures: list[str] = []
    for row in [*rows[split], *rows[~split]][:PICTURES]:
        true = report.classes[answers.labels[row]]
        names = {side: report.classes[label] for side, label in zip(groups, said[:, row], strict=True)}
        taken = next(iter(names.values())) if len(set(names.values())) == 1 else "; ".join(f"{b} ({a})" for a, b in names.items())
        picture = f'<img src="{data_uri(answers.pictures[row])}" alt="{escape(f"test row {row}: {true}, taken for {taken}")}">'
        figures.append(f"<figure>{picture}<figcaption>{escape(f'{true} → {taken}')}</figcaption></figure>")
        if sum(map(len, figures)) > PICTURE_BYTES:
            break
    alike = "All sides get the same rows wrong, and in the same way. " if len(groups) == 1 and len(answers.predicted) > 1 else ""
    differ = f"On {int(split.sum()):,} of them the sides disagree; these come first. " if split.any() else ""
    line = f"{len(rows):,} of {len(answers.labels):,} test rows, {len(figures)} of them shown: the true class → what was said. "
    return [f"<p>{line}{alike}{differ}</p>", f'<div class="digits">{"".join(figures)}</div>']


def _drawing(report: "Report") -> Drawing | None:
    """The pad for the nets as they are at the end, where they are fed digits, finite, and small enough for the page."""
    if report.card is None or not drawable(report.model, report.card):
        return None
    distinct = {b"".join(weight.tobytes() for weight in weights) for weights in report.nets.values()}
    if sum(map(len, distinct)) > NET_BYTES or not _finite(report):
        return None
    return Drawing(report.model, report.card, {(name, name): weights for name, weights in report.nets.items()})


def _finite(report: "Report") -> bool:
    """Whether every net has come to its end without NaN and infinity."""
    return all(np.isfinite(weight).all() for weights in report.nets.values() for weight in weights)


def _epochs(report: "Report") -> str:
    """The curves in numbers; of a long training some epochs, evenly spread."""
    shown = ("loss", report.train.metric)
    count = len(report.histories[report.sides[-1]].loss)
    some = sorted(set(np.linspace(0, count - 1, min(count, EPOCHS)).astype(int).tolist()))
    rows = [
        [str(epoch + 1)] + [_figure(curve, side.history[curve][epoch]) for side in report.histories.values() for curve in shown]
        for epoch in some
    ]
    head = ["epoch", *(f"{name} {curve}" for name in report.sides for curve in shown)]
    return f"<details><summary>{len(some)} of {count} epochs</summary>{table(head, rows, 'Epochs')}</details>"


def _figure(curve: str, value: float) -> str:
    """As in the table that the command prints."""
    if math.isnan(value):
        return "NaN"
    return f"{value:.4f}" if curve == "accuracy" else f"{value:.6f}"


def _plain(name: str, value: Any) -> str:
    if value is None or value in ("", []):
        return "none"
    if name.endswith("_op_threads") and value == 0:
        return "0: TensorFlow chooses"
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ", ".join(value)
    return value if isinstance(value, str) else json.dumps(value)


def _settings(report: "Report") -> str:
    known: dict[str, Any] = {"net": str(report.model), "parameters": f"{report.model.parameters:,}", "dtype": report.model.dtype}
    known |= json.loads(report.train.to_json()) | report.environment
    known |= {f"version of {name}": version for name, version in known.pop("versions", {}).items()}
    rows = [[name, _plain(name, value)] for name, value in known.items()]
    settings = table(["setting", "value"], rows, "Settings").replace("<table>", '<table class="settings">')
    return settings.replace("_", "_<wbr>")  # where long names may break
