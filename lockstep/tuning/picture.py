"""A picture of a search: learning rate against score, coloured by another hyperparameter."""

import math
from typing import TYPE_CHECKING, Any

from lockstep.tuning.result import Point, SearchResult
from lockstep.tuning.samplers import Choice, LogUniform
from shared.plots.figures import figure as blank
from shared.spec import require

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STAGES = (("drawn first", "o"), ("drawn closer", "^"))


def need_matplotlib() -> None:
    """Raise ``InputError`` where matplotlib, an optional extra, is missing."""
    blank(width=1, height=1)


def picture(result: SearchResult, *, colour: str | None = None) -> "Figure":
    """Every point's score over its learning rate: dots of the first stage, triangles of the second, a ring around the best.

    Where no learning rate was drawn, over the first number that was, or over the points' own numbers. ``colour`` names what
    colours the points; where None it is ``units``, or else the first that was drawn and is not on the axis.

    Raises:
        InputError: ``colour`` was not drawn, or matplotlib is missing.
    """
    space = dict(result.spaces[0].settings)
    drawn = [name for name, sampler in space.items() if not (isinstance(sampler, Choice) and len(sampler.values) == 1)]
    numbers = [name for name in drawn if not isinstance(space[name], Choice)]
    axis = next((name for name in ("learning_rate", *numbers) if name in numbers), "point")
    others = [name for name in drawn if name != axis]
    require(colour is None or colour in drawn, "colour names what was drawn.", f"colour={colour!r:.40}", f"Use one of {drawn}.")
    colour = colour or next((name for name in ("units", *others) if name in others), "")

    figure = blank(width=6.4, height=4)
    from matplotlib import colormaps  # after blank, which says so where there is no matplotlib

    panel = figure.subplots()

    def scatter(points: list[Point], **looks: Any) -> Any:
        x = [point.number if axis == "point" else point.settings.get(axis, math.nan) for point in points]
        return panel.scatter(x, [point.score for point in points], **looks)

    values = {point.number: point.settings.get(colour) for point in result.points}  # None: not of this point's optimiser
    stages = [[point for point in result.points if point.stage == stage] for stage in range(1, len(result.spaces) + 1)]
    if colour in numbers:
        known = [value for value in values.values() if value is not None]
        scale = {"vmin": min(known, default=0), "vmax": max(known, default=1)}
        shades = {"cmap": colormaps["viridis"].with_extremes(bad="grey"), "plotnonfinite": True, **scale}
        for points, (label, marker) in zip(stages, STAGES, strict=False):
            shade = [math.nan if values[point.number] is None else values[point.number] for point in points]
            dots = scatter(points, c=shade, marker=marker, label=label, **shades)
        figure.colorbar(dots, label=colour.replace("_", " "))
    else:
        for place, value in enumerate(dict.fromkeys(values.values())):
            for points, (label, marker) in zip(stages, STAGES, strict=False):
                chosen = [point for point in points if values[point.number] == value]
                words = f"{colour.replace('_', ' ')} {value}, {label}" if colour else label
                scatter(chosen, color=f"C{place}", marker=marker, label=words)
    scatter([result.best], s=140, facecolors="none", edgecolors="black", label="best")
    if isinstance(space.get(axis), LogUniform):
        panel.set_xscale("log")
    panel.set_xlabel(axis.replace("_", " "))
    panel.set_ylabel(f"accuracy on {result.held_out:,} held-out rows")
    panel.set_title(f"{len(result.points)} points, {result.epochs} epochs each")
    panel.grid(alpha=0.3)
    panel.legend()
    return figure
