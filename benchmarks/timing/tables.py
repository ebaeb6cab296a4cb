"""The blocks of the page: figures in, Markdown out. Each says in a sentence how to read its table."""

import statistics
import textwrap
from collections.abc import Sequence

from timing import sweeps
from timing.contenders import CONTENDERS, REFERENCE
from timing.inference import PREDICTORS
from timing.observers import WATCHERS
from timing.parts import PARTS
from timing.profile import KINDS
from timing.slopes import ratios

TITLES = {"digits": "Digits", "signs": "Hand signs", "large": "The larger net"}
TIMES = "\N{MULTIPLICATION SIGN}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def times(ratio: float) -> str:
    """``12×``, ``3.4×``, ``0.12×``."""
    return f"{ratio:.{0 if ratio >= 20 else 1 if ratio >= 2 else 2}f}{TIMES}"


def joined(*paragraphs: str) -> str:
    """Paragraphs with an empty line between them, prose broken at 130 columns; lists, tables and pictures as they are."""
    broken = (textwrap.fill(one, 130, break_long_words=False, break_on_hyphens=False) for one in paragraphs)
    return "\n\n".join(one if one[:2] in ("| ", "- ", "![") else new for one, new in zip(paragraphs, broken, strict=True))


def number(value: float) -> str:
    """Three digits that count."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def bounds(least: float, most: float) -> str:
    """From the least to the most."""
    return f"{times(least)} to {times(most)}"


def ran(parts: dict) -> str:
    """What was run, where, with which versions."""
    machines: dict[str, list[str]] = {}
    for name, part in parts.items():
        of = part["machine"]
        versions = ", ".join(f"{package} {version or 'not installed'}" for package, version in of["versions"].items())
        machines.setdefault(f"{of['system']}, {of['cores']} cores, no GPU used, Python {of['python']}; {versions}", []).append(
            name
        )
    lines = [f"- {machine}" + ("" if len(machines) == 1 else f": {', '.join(of)}") for machine, of in machines.items()]
    took = ", ".join(f"{name} {part['seconds']:.0f} s" for name, part in parts.items())
    quick = [name for name, part in parts.items() if part["quick"]]
    warning = [f"**Measured with `--quick`, on tiny sizes: {', '.join(quick)}. Not results.**"] if quick else []
    return joined(
        *warning,
        "`python benchmarks/speed.py` measures all of this and writes this page. A speed is a ratio to plain "
        "`fit`, which was "
        "measured in the same round: `model.fit(x, y, batch_size=…, verbose=0)`, compiled with "
        '`metrics=["accuracy"]`, on NumPy '
        f"arrays. `{TIMES}` is how many times as fast. An epoch's time is the slope between a short and a long "
        "training, so what a "
        "training costs once falls out. Contenders run in turn, A B C A B C …, and the median of the rounds' "
        "ratios is given. "
        "Absolute times are those of one machine; ratios hold better elsewhere.",
        "\n".join(lines),
        f"Seconds that the parts took: {took}.",
    )


def _rows_of(figures: dict) -> list[tuple[str, tuple[float, float, float], dict]]:
    found = figures["contenders"]
    reference = found[REFERENCE]["slopes"]
    rows = [(key, ratios(reference, of["slopes"]), of) for key, of in found.items()]
    return sorted(rows, key=lambda row: row[1][0])


def overview(parts: dict) -> str:
    """All jobs side by side: the ratios alone."""
    jobs = {name.partition(".")[2]: part["figures"] for name, part in parts.items() if name.startswith("jobs.")}
    found = {job: {key: ratio[0] for key, ratio, _ in _rows_of(figures)} for job, figures in jobs.items()}
    rows = [
        [contender.label, *(times(of[key]) if key in of else "not run" for of in found.values())]
        for key, contender in CONTENDERS.items()
    ]
    heads = [
        f"{TITLES[job].lower()} {'-'.join(map(str, figures['sizes']))}, batch {figures['batch']}" for job, figures in jobs.items()
    ]
    return joined(
        "How many times as fast as plain `fit` an epoch is; higher is faster.",
        "![How many times as fast as plain fit each contender is, for each job](pictures/benchmarks-jobs.png)",
        table(["contender", *heads], rows),
    )


def job(name: str, figures: dict) -> str:
    """One job in full, the slowest first."""
    rows = []
    for key, (middle, least, most), of in _rows_of(figures):
        slope = statistics.median(of["slopes"])
        rows.append(
            [
                CONTENDERS[key].label,
                times(middle),
                bounds(least, most),
                number(1e6 * slope / figures["steps"]),
                number(1e3 * max(0.0, of["fixed"])),
                number(of["compiling"]),
            ]
        )
    missing = [f"- {CONTENDERS[key].label}: not run: {reason}" for key, reason in figures["left out"].items()]
    sizes = "-".join(map(str, figures["sizes"]))
    kind = "real digits" if name == "digits" else "random rows"
    return joined(
        f"{sizes}, {figures['parameters']:,} parameters, Adam, {figures['rows']:,} {kind} in batches of "
        f"{figures['batch']}, shuffled: "
        f"{figures['steps']} steps an epoch. `{TIMES}` is the median of the rounds and the range their least and "
        "most; µs a step is an "
        "epoch's time by its steps; a training costs once what the fifth column says, and the first one also what "
        "compiling takes.",
        table(["contender", f"{TIMES} plain `fit`", "range", "µs a step", "ms a training besides", "s compiling"], rows),
        *(["\n".join(missing)] if missing else []),
    )


def least_step(figures: dict, parts: dict) -> str:
    """The limit of each job, and how near each contender comes."""
    heads, rows, sums = ["part of a step", *(TITLES[job].lower() for job in figures)], [], {}
    for at, part in enumerate(next(iter(figures.values()))):
        cells = []
        for of in figures.values():
            library, seconds = min(of[at]["seconds"].items(), key=lambda one: one[1])
            cells.append(f"{number(1e6 * seconds)} ({TIMES.join(map(str, of[at]['shape']))}, {library})")
        rows.append([part["name"], *cells])
    sums = {job: sum(min(part["seconds"].values()) for part in of) for job, of in figures.items()}
    rows.append(["**sum**", *(f"**{number(1e6 * total)}**" for total in sums.values())])
    if all("XLA" in of[-1]["seconds"] for of in figures.values()):
        compiled = [sum(part["seconds"].get("XLA", 0) for part in of) for of in figures.values()]
        rows.append(["the sum where XLA does all of it", *(number(1e6 * total) for total in compiled)])
    blocks = [
        "A step's matrix products and one fused pass of Adam over all parameters, in µs, each timed by itself with its "
        "data in the caches, the best of the libraries; no training of this kind can be faster than the sum. Compiled trainings "
        "have the products that XLA makes, since a compiled `fit` has their bits: the last row is their bound, the gradient of a "
        "kernel multiplied the quicker way around. What is too short to be told from the loop around it counts as nothing there.",
        table(heads, rows),
    ]
    slopes = {job: parts[f"jobs.{job}"]["figures"] for job in figures if f"jobs.{job}" in parts}
    if slopes:
        shares = []
        for key, contender in CONTENDERS.items():
            cells = []
            for job, of in slopes.items():
                step = statistics.median(of["contenders"][key]["slopes"]) / of["steps"] if key in of["contenders"] else None
                cells.append("not run" if step is None else f"{number(1e6 * step)} ({times(step / sums[job])})")
            shares.append([contender.label, *cells])
        blocks += [
            f"What a step costs each contender, in µs, and how many times the limit that is; 1{TIMES} would be the limit itself.",
            table(["contender", *(TITLES[job].lower() for job in slopes)], shares),
        ]
    return joined(*blocks)


def profiled(figures: dict) -> str:
    """What a step of each wing is made of."""
    rows = []
    for of in figures.values():
        within = {kind: [one[kind] for one in of["within"]] for kind in KINDS}
        between = [whole - sum(one.values()) for whole, one in zip(of["watched"], of["within"], strict=True)]
        cells = (of["plain"], of["watched"], *within.values(), between)
        rows.append([f"{of['wing']}, {TITLES[of['job']].lower()}", *(number(1e6 * statistics.median(cell)) for cell in cells)])
    return joined(
        "Two epochs of each wing's default under TensorFlow's profiler, in µs a step, medians of the rounds: the time within "
        "operations by kind, and what is left: to start them, and what is done once a call. Two operations may run at once. "
        "The profiler itself costs the difference of the first two columns.",
        table(["wing and job", "a step", "with the profiler", *KINDS, "between operations"], rows),
    )


def rule(figures: dict) -> str:
    """From which size on XLA compiles."""
    rows = []
    for point in figures["points"]:
        plain, xla = point["plain"], point["xla"]
        gain = plain["epoch"] - xla["epoch"]
        even = f"{max(1, round((xla['compiling'] - plain['compiling']) / gain)):,}" if gain > 0 else "never"
        a_part = (f"{1e3 * side[name]:,.0f}" for name in ("compiling", "epoch") for side in (plain, xla))
        rows.append([f"{point['parameters']:,}", *a_part, times(plain["epoch"] / xla["epoch"]), even])
    head = [
        "parameters",
        "compiling, ms",
        "the same, XLA",
        "an epoch, ms",
        "the same, XLA",
        "ratio",
        "XLA has paid after, epochs",
    ]
    return joined(
        "Nets 400-h-10 on the digits, batches of 32, low-level wing, without XLA and with it, in turn. Before its faster epochs "
        "have made up for its compilation XLA is the slower choice. The rule (`shared/settings.py`) asks for the size alone, "
        "since XLA rounds otherwise and three epochs are to be a prefix of three hundred.",
        table(head, rows),
    )


def process(figures: dict) -> str:
    """Whole processes."""
    found = figures["contenders"]
    reference = found.get(REFERENCE, next(iter(found.values())))["whole"]
    rows = []
    for key, of in found.items():
        whole, alone = statistics.median(of["whole"]), statistics.median(of["import"])
        rows.append(
            [
                CONTENDERS[key].label,
                times(ratios(reference, of["whole"])[0]),
                f"{whole:.2f}",
                f"{alone:.2f}",
                f"{whole - alone:.2f}",
                f"{statistics.median(of['memory']):.0f}",
            ]
        )
    missing = [f"- {CONTENDERS[key].label}: not run: {reason}" for key, reason in figures["left out"].items()]
    heads = ["contender", f"{TIMES} plain `fit`", "whole, s", "import alone, s", "the rest, s", "peak, MiB"]
    return joined(
        f"The digits for {figures['epochs']} epochs, from the start of the process to its end, compiling included; "
        "medians of "
        "fresh processes in turn. The import alone is a process that does nothing else.",
        table(heads, rows),
        *(["\n".join(missing)] if missing else []),
    )


def one_row(figures: dict) -> str:
    """Calls with one row."""
    reference = figures["keras-predict"]["median"]
    rows = [
        [
            PREDICTORS[key][0],
            times(reference / of["median"]),
            number(1e6 * of["median"]),
            f"{number(1e6 * of['tenths'][0])} to {number(1e6 * of['tenths'][1])}",
            f"{of['calls']:,}",
        ]
        for key, of in figures.items()
    ]
    return joined(
        "One row through 400-25-15-10, NumPy in and NumPy out: the median of many calls in turn, and the range "
        "from the tenth to "
        "the ninth tenth of them.",
        table(["contender", f"{TIMES} `model.predict`", "µs a call", "range", "calls"], rows),
    )


def many_rows(figures: dict) -> str:
    """One call with very many rows."""
    found = figures["contenders"]
    reference = found["keras-predict"]["seconds"]
    rows = [
        [
            PREDICTORS[key][0],
            times(ratios(reference, of["seconds"])[0]),
            f"{statistics.median(of['seconds']):.2f}",
            f"{max(of['growth']):.0f}",
        ]
        for key, of in found.items()
    ]
    size = figures["rows"] * 400 * 4 / 2**20
    return joined(
        f"{figures['rows']:,} rows in one call, {size:,.0f} MiB of float32, each in a fresh process; the last "
        "column is by how much "
        "the peak of memory stood above what was held before the call. The bare function and NumPy are given 1,024 "
        "rows at a time, "
        "as the wings do inside.",
        table(["contender", f"{TIMES} `model.predict`", "s", "more memory, MiB"], rows),
    )


def sweep(parts: dict) -> str:
    """Exponents of all sweeps."""
    rows = []
    for name, part in parts.items():
        if not name.startswith("sweeps."):
            continue
        kind = name.partition(".")[2]
        for key, pairs in part["figures"]["contenders"].items():
            if len(pairs) < 3:
                continue
            sizes, least = [size for size, _ in pairs], [min(times) for _, times in pairs]
            a, b, c = sweeps.law(sizes, least)
            rows.append(
                [
                    sweeps.AXES[kind],
                    CONTENDERS[key].label,
                    f"{sizes[0]:,} to {sizes[-1]:,}",
                    f"{number(1e3 * least[0])} to {number(1e3 * least[-1])}",
                    f"{sweeps.exponent(sizes, least):.2f}",
                    f"{sweeps.exponent(sizes, least, 17):.2f}",
                    f"{number(1e3 * a)} + {number(1e3 * b)} n^{c:.2f}",
                ]
            )
    heads = ["what grows (n)", "contender", "from, to", "ms a `fit`", "exponent, all", "exponent, upper end", "a + b n^c, ms"]
    return joined(
        "The time of a whole `fit` as one thing grows, the least of the rounds, in turn; the fit that compiles is "
        "not counted. An exponent "
        "is the slope on doubly logarithmic scales, over the whole range and over its upper end (at most 17-fold); "
        "1 is linear growth. "
        "The last column is the least-squares fit of relative errors.",
        "![Time of a fit as the batch, the width, the rows and the epochs grow](pictures/benchmarks-sweeps.png)",
        table(heads, rows),
    )


def observed(figures: dict) -> str:
    """What watching costs, in both wings."""
    rows = []
    for wing, of in figures["wings"].items():
        bare = of["nothing"]
        for watcher, slopes in of.items():
            more = [one - none for one, none in zip(slopes, bare, strict=True)]
            share = [100 * extra / none for extra, none in zip(more, bare, strict=True)]
            if watcher == "nothing":
                cells = [f"an epoch: {number(1e6 * statistics.median(bare))}", "", ""]
            else:
                cells = [
                    f"{1e6 * statistics.median(more):+,.0f}",
                    f"{1e6 * min(more):+,.0f} to {1e6 * max(more):+,.0f}",
                    f"{statistics.median(share):+.1f}",
                ]
            rows.append([f"{wing}-level", WATCHERS[watcher], *cells])
    short, long = figures["epochs"]
    return joined(
        f"{figures['rows']:,} rows, {figures['steps']} steps an epoch, the form `auto`; slopes between {short} and "
        f"{long} epochs, in turn. "
        "What each watcher adds to an epoch, against the same round with none; where the range spans 0, nothing "
        "was measurable.",
        table(["wing", "watched by", "µs an epoch more", "range", "% more"], rows),
    )


def blocks(figures: dict) -> dict[str, tuple[str, str]]:
    """Name -> (heading, Markdown) of every block for which there are figures, in the page's order."""
    parts = {name: figures["parts"][name] for name in PARTS if name in figures["parts"]}
    found = {name: part["figures"] for name, part in parts.items()}
    made = {"run": ("", ran(parts))}
    if any(name.startswith("jobs.") for name in found):
        made["jobs"] = ("## Training", overview(parts))
    for name, title in TITLES.items():
        if f"jobs.{name}" in found:
            made[f"jobs.{name}"] = (f"### {title}", job(name, found[f"jobs.{name}"]))
    if "limit" in found:
        made["limit"] = ("## The limit", least_step(found["limit"], parts))
    if "profile" in found:
        made["profile"] = ("## Where a step's time goes", profiled(found["profile"]))
    if "rule" in found:
        made["rule"] = ("## From which size on XLA", rule(found["rule"]))
    if "process" in found:
        made["process"] = ("## A whole process", process(found["process"]))
    if "predict.one" in found:
        made["predict.one"] = ("## Prediction: one row", one_row(found["predict.one"]))
    if "predict.million" in found:
        made["predict.million"] = ("## Prediction: very many rows", many_rows(found["predict.million"]))
    if any(name.startswith("sweeps.") for name in found):
        made["sweeps"] = ("## How the time grows", sweep(parts))
    for name, title in TITLES.items():
        if f"observers.{name}" in found:
            made[f"observers.{name}"] = (f"## What watching costs: {title.lower()}", observed(found[f"observers.{name}"]))
    return made
