"""Line charts of a page: the lines stretch with the page, and the words are the page's own, so they stay readable."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

POINTS = 400  # of a line at most: more than a screen has room for in such a chart
TICKS = 5


@dataclass(frozen=True)
class Line:
    """A line: its name, its values from the first to the last, and the class of its stroke."""

    name: str
    values: Sequence[float]
    style: str = "c0"


def styled(number: int, of: int) -> str:
    """The stroke of a side. The first is broad and the others thinner above it, so that equal lines are all seen."""
    return f"c{number % 4} {'broad' if number == 0 and of > 1 else f'd{number % 4}'}"


def chart(title: str, lines: Sequence[Line], unit: str, *, log: bool = False, from_zero: bool = True) -> str:
    """A figure of HTML.

    Args:
        title: what is drawn, in a few words.
        unit: what is counted from left to right, such as "epoch".
        log: a logarithmic scale, with a line of its own at the bottom for 0.
        from_zero: a linear scale begins at 0; where False, at the smallest value.

    Values that are not finite are left out of a linear chart, and stand at the top of a logarithmic one.
    """
    shown = [value for line in lines for value in line.values if math.isfinite(value)]
    if not shown or (log and not any(shown)):
        return f"<p>{escape(title)}: {_in_words(lines, unit)}.</p>"
    ticks, height_of = _log_scale(shown) if log else _linear_scale(shown, from_zero)
    paths = "".join(f'<path class="grid" d="M0 {100 * at / (len(ticks) - 1):.4g}H100"/>' for at in range(len(ticks)))
    paths += "".join(f'<path class="{line.style}" d="{_path(line.values, height_of, log)}"/>' for line in lines)
    keys = "".join(
        f'<span class="key"><svg viewBox="0 0 10 2" preserveAspectRatio="none" aria-hidden="true"><path class="{line.style}" '
        f'vector-effect="non-scaling-stroke" d="M0 1H10"/></svg>{escape(line.name)}</span>'
        for line in lines
    )
    ends = "; ".join(f"{line.name} from {line.values[0]:.4g} to {line.values[-1]:.4g}" for line in lines)
    count = max(len(line.values) for line in lines)
    return (
        f'<figure><figcaption>{escape(title)}<br>{keys}</figcaption><div class="plot">'
        f'<div class="ticks" aria-hidden="true">{"".join(f"<span>{tick}</span>" for tick in ticks)}</div>'
        f'<svg viewBox="0 0 100 100" preserveAspectRatio="none" role="img" aria-label="{escape(f"{title}: {ends}")}">'
        f"{paths}</svg>"
        f'<div class="across" aria-hidden="true"><span>{escape(unit)} 1</span><span>{escape(unit)} {count:,}</span></div>'
        "</div></figure>"
    )


def _in_words(lines: Sequence[Line], unit: str) -> str:
    """What there is to say of lines that hold zeros and what is no number."""
    lost = [at for line in lines for at, value in enumerate(line.values, start=1) if not math.isfinite(value)]
    return f"NaN or infinite from {unit} {min(lost):,} on" if lost else "0 throughout"


def _linear_scale(shown: list[float], from_zero: bool):
    """Ticks from the top down, and the function from a value to its height, 0 at the top and 100 at the bottom."""
    low = min(0.0, *shown) if from_zero else min(shown)
    step = _round_up((max(shown) - low) / (TICKS - 1) or 1.0)
    low = math.floor(low / step) * step
    rows = max(1, math.ceil((max(shown) - low) / step - 1e-9))
    ticks = [f"{low + step * row:.6g}" for row in range(rows, -1, -1)]
    return ticks, lambda value: 100 * (1 - (value - low) / (step * rows)) if math.isfinite(value) else None


def _round_up(step: float) -> float:
    """The next of 1, 2, 2.5, 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= step * (1 - 1e-9))


def _log_scale(shown: list[float]):
    """As ``_linear_scale``, by powers of ten; 0 stands one tick below the lowest power."""
    positive = [math.log10(value) for value in shown if value > 0]
    high, low = math.ceil(max(positive)), math.floor(min(positive))
    step = max(1, math.ceil((high - low) / TICKS))
    rows = max(1, math.ceil((high - low) / step))
    zero = rows + (min(shown) <= 0)  # a row more where there is a 0
    ticks = [f"1e{high - step * row}" for row in range(rows + 1)] + ["0"] * (zero - rows)
    full = step * zero

    def height_of(value: float) -> float:
        if not math.isfinite(value):
            return 0.0
        return 100.0 if value <= 0 else 100 * (high - math.log10(value)) / full

    return ticks, height_of


def _path(values: Sequence[float], height_of, log: bool) -> str:
    """The line as a path; of a long one the largest value of each stretch."""
    count = len(values)
    if count > POINTS:
        stretches = [values[count * at // POINTS : count * (at + 1) // POINTS] for at in range(POINTS)]
        values = [max(stretch) for stretch in stretches] if log else [stretch[-1] for stretch in stretches]
    across = max(len(values) - 1, 1)
    places = [(100 * at / across, height_of(value)) for at, value in enumerate(values)]
    drawn = [f"{x:.4g} {y:.4g}" for x, y in places if y is not None]
    return f"M{drawn[0]}H100" if len(values) == 1 and drawn else "M" + "L".join(drawn) if drawn else ""
