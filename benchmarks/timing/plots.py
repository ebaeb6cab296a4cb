"""The pictures of the page: bars of the ratios of each job, and curves of the sweeps; drawn as in ``shared.plots``."""

import statistics
from pathlib import Path

from shared.plots.figures import figure, save
from timing import sweeps
from timing.contenders import CONTENDERS, REFERENCE
from timing.slopes import ratios
from timing.tables import TIMES, TITLES, times

COLOURS = {"keras": "tab:grey", "high": "tab:orange", "low": "tab:blue"}
OTHER = "#c9c9c9"


def _colour(key: str) -> str:
    return COLOURS.get(key.partition("-")[0], OTHER)


def jobs(parts: dict, path: Path) -> None:
    """A panel for each job: how many times as fast as plain fit, on a logarithmic scale, with the range of the rounds."""
    found = {name.partition(".")[2]: part["figures"] for name, part in parts.items() if name.startswith("jobs.")}
    from matplotlib.ticker import LogLocator

    made = figure(4.2 * len(found) + 1.2, 5.4)
    panels = made.subplots(1, len(found), sharey=True, squeeze=False)[0]
    keys = list(CONTENDERS)
    for panel, (name, figures) in zip(panels, found.items(), strict=True):
        reference = figures["contenders"][REFERENCE]["slopes"]
        for at, key in enumerate(keys):
            if key not in figures["contenders"]:
                panel.text(1, at, " not run", va="center", fontsize=8, color="grey")
                continue
            middle, least, most = ratios(reference, figures["contenders"][key]["slopes"])
            reach = [[middle - least], [most - middle]]
            panel.barh(at, middle - 1, left=1, color=_colour(key), xerr=reach, error_kw={"ecolor": "black", "elinewidth": 0.8})
            panel.text(max(most, 1) * 1.06, at, times(middle), va="center", fontsize=8)
        panel.set_xscale("log")
        right = panel.get_xlim()[1]
        panel.set_xlim(right=right * 2.2)
        panel.axvline(1, color="black", linewidth=0.8)
        panel.set_title(f"{TITLES[name]}\n{'-'.join(map(str, figures['sizes']))}, batch {figures['batch']}", fontsize=10)
        panel.set_xlabel("times as fast as plain fit")
        panel.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        panel.xaxis.set_major_formatter(lambda value, _: f"{value:g}{TIMES}")
        panel.xaxis.set_minor_formatter(lambda value, _: "")
        panel.grid(alpha=0.3, axis="x")
    panels[0].set_yticks(range(len(keys)), [CONTENDERS[key].label.replace("`", "") for key in keys], fontsize=9)
    panels[0].invert_yaxis()
    save(made, path)


def curves(parts: dict, path: Path) -> None:
    """A panel for each sweep, doubly logarithmic; the thin line has the exponent 1."""
    found = {name.partition(".")[2]: part["figures"] for name, part in parts.items() if name.startswith("sweeps.")}
    made = figure(9.6, 3.6 * -(-len(found) // 2))
    panels = made.subplots(-(-len(found) // 2), 2, squeeze=False).ravel()
    for panel in panels[len(found) :]:
        panel.set_axis_off()
    for panel, (name, figures) in zip(panels, found.items(), strict=False):
        for key, pairs in figures["contenders"].items():
            sizes, least = [size for size, _ in pairs], [min(times) for _, times in pairs]
            label = CONTENDERS[key].label.replace("`", "")
            panel.plot(sizes, least, marker="o", markersize=4, color=_colour(key), label=label)
        ends = figures["points"][0], figures["points"][-1]
        last = statistics.fmean(pairs[-1][1][0] for pairs in figures["contenders"].values())
        if name in ("samples", "epochs"):
            panel.plot(ends, [last * ends[0] / ends[1], last], color="black", linewidth=0.7, linestyle=":", label="linear")
        panel.set_xscale("log")
        panel.set_yscale("log")
        panel.set_xlabel(sweeps.AXES[name])
        panel.set_ylabel("seconds a fit")
        panel.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        panel.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        panel.set_xticks(figures["points"])
        panel.minorticks_off()
        panel.grid(alpha=0.3)
        panel.legend(fontsize=8)
    save(made, path)


def draw(figures: dict, folder: Path) -> list[Path]:
    """All pictures for which there are figures, into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    for start, name, of in (("jobs.", "benchmarks-jobs.png", jobs), ("sweeps.", "benchmarks-sweeps.png", curves)):
        if any(part.startswith(start) for part in figures["parts"]):
            of(figures["parts"], folder / name)
            drawn.append(folder / name)
    return drawn
