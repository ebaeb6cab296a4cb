"""The wings held against each other under every pair of these TensorFlow and Keras versions: the table of ``docs/versions.md``.

``python benchmarks/matrix.py FOLDER [--cells 2.20.0+3.13.2 ...] [--write]``. FOLDER receives one environment, made by ``python
-m venv`` from the project's dependencies as ``constraints.txt`` pins them, and beside it a folder for every other version of
TensorFlow and of Keras, installed alone (``--no-deps``: the package itself asks for Keras 3.15). A cell is that environment with
one or two of these folders before it on the path, in a process of its own. What is there already is used again. ``--write``
puts the table into ``docs/versions.md``.

The cases are the quick ones of ``tests/cases.py``, which use everything that a spec offers. A cell counts what ran, and nothing
else: a case that raised, or a process that ended early, stands in the table with the last line of its error.
"""

import argparse
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "versions.md"
MARKS = "<!-- table: written by benchmarks/matrix.py -->\n", "<!-- end of the table -->\n"
TENSORFLOW = ("2.20.0", "2.21.0")
KERAS = ("3.12.4", "3.13.2", "3.14.1", "3.15.1")
CELLS = [f"{tensorflow}+{keras}" for keras in KERAS for tensorflow in TENSORFLOW]
FORMS = ("eager", "graph", "epoch")
LONGEST = 1800  # seconds that a cell may take


# ------------------------------------------------------------------------------------------------------ in a cell's process


def run_cases() -> None:
    """Print a line of JSON with the versions that are at work, then one for each case."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    import keras
    import tensorflow as tf
    from cases import GROWN, QUICK, data_for

    import lockstep

    cases = [*QUICK, *GROWN]
    print(json.dumps({"cell": f"{tf.__version__}+{keras.__version__}", "cases": [str(case) for case in cases]}), flush=True)
    for case in cases:
        try:
            options = getattr(case, "options", {})
            report = lockstep.compare(case.model, case.train, data_for(case.train), sides=(*FORMS, "keras"), **options)
            found = {
                pair.left: {
                    "equal": pair.verdict == "identical" and pair.max_ulp == 0,
                    "ulp": str(pair.max_ulp),
                    "numbers": pair.numbers,
                    "first": str(pair.first),
                }
                for pair in report.pairs
            }
            print(json.dumps({"case": str(case), "forms": found}), flush=True)
        except Exception as error:
            print(json.dumps({"case": str(case), "error": _last(f"{type(error).__name__}: {error}")}), flush=True)


def _last(text: str) -> str:
    """The last line that says something."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "no message")[:300]


# ---------------------------------------------------------------------------------------------------------- from outside


def environment(folder: Path, cell: str) -> tuple[Path, list[Path]]:
    """The interpreter of a cell, and the folders that come before its packages; installed if they are not there.

    Raises:
        subprocess.CalledProcessError: an installation failed; its ``stderr`` says why.
    """
    base, constraints = folder / "base", ROOT / "constraints.txt"
    pip = [base / "bin" / "python", "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]

    def once(mark: Path, *commands: list) -> None:
        if not mark.exists():
            for command in commands:
                subprocess.run(command, check=True, stderr=subprocess.PIPE, text=True)
            mark.touch()

    needed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    once(base / "done", [sys.executable, "-m", "venv", base], [*pip, "-c", constraints, *needed])
    pinned = dict(line.split("==") for line in constraints.read_text(encoding="utf-8").split())
    before = []
    for name, version in zip(("tensorflow", "keras"), cell.split("+"), strict=True):
        if version != pinned[name]:
            before.append(folder / f"{name}-{version}")
            once(before[-1] / "done", [*pip, "--no-deps", "--target", before[-1], f"{name}=={version}"])
    return base / "bin" / "python", before


def run_cell(folder: Path, cell: str) -> dict:
    """What a cell found: its cases as ``run_cases`` printed them, and an error where it did not come to its end."""
    try:
        python, before = environment(folder, cell)
    except subprocess.CalledProcessError as error:
        return {"cell": cell, "expected": 0, "cases": [], "error": f"not installed: {_last(error.stderr)}"}
    path = os.pathsep.join(map(str, before))
    said = folder / f"{cell}.jsonl"
    with said.open("w", encoding="utf-8") as out:
        settings = {"env": {**os.environ, "PYTHONPATH": path}, "stdout": out, "stderr": subprocess.PIPE, "text": True}
        try:
            done = subprocess.run([python, __file__, "--cell"], timeout=LONGEST, check=False, **settings)
            error = None if done.returncode == 0 else _last(done.stderr)
        except subprocess.TimeoutExpired:
            error = f"stopped after {LONGEST} s"
    whole = [line for line in said.read_text(encoding="utf-8").splitlines() if line.endswith("}")]  # the last may be cut short
    head, *cases = [json.loads(line) for line in whole] or [{}]
    if head and head["cell"] != cell:
        error = f"other versions were imported: {head['cell']}"
    expected = head.get("cases", [])
    if error is None and [case["case"] for case in cases] != expected:
        error = "cases are missing"
    return {"cell": cell, "expected": len(expected), "cases": cases, "error": error}


def equal(case: dict) -> bool:
    """Whether a case ran in all forms and every number of it had the bits of ``fit``."""
    forms = case.get("forms", {})
    return set(forms) == set(FORMS) and all(form["equal"] and form["numbers"] > 0 for form in forms.values())


def summary(found: dict | None) -> str:
    """What the table says of a cell."""
    if found is None:
        return "not run"
    passed = sum(equal(case) for case in found["cases"])
    if not found["expected"]:
        return f"not run: {found['error']}"
    cell = f"{passed} of {found['expected']}" + (" at 0 ULP" if passed else "")
    return cell if found["error"] is None else f"{cell}, then: {found['error']}"


def table(results: dict[str, dict]) -> str:
    """The table in Markdown, and below it a line for each case that is not equal."""
    lines = [f"| Keras | {' | '.join(f'TensorFlow {version}' for version in TENSORFLOW)} |"]
    lines.append("| --- " * (1 + len(TENSORFLOW)) + "|")
    for keras in KERAS:
        cells = (summary(results.get(f"{tensorflow}+{keras}")) for tensorflow in TENSORFLOW)
        lines.append(f"| {keras} | {' | '.join(text.replace('|', '/') for text in cells)} |")
    lines.append("")
    for cell in CELLS:
        for case in results.get(cell, {}).get("cases", []):
            if not equal(case):
                which = f"- TensorFlow {cell.replace('+', ', Keras ')}, `{case['case']}`: "
                forms = case.get("forms", {})
                said = [f"{name} {form['ulp']} ULP, first {form['first']}" for name, form in forms.items() if not form["equal"]]
                lines.append(which + ("; ".join(said) or case.get("error", "not all forms ran")))
    return "\n".join(lines).rstrip() + "\n"


def main() -> None:
    """Run the cells that are asked for, keep what they found in FOLDER, and print the table of all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--cells", nargs="*", choices=CELLS, default=CELLS, metavar="TENSORFLOW+KERAS")
    parser.add_argument("--write", action="store_true", help=f"put the table into docs/{PAGE.name}")
    parser.add_argument("--cell", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.cell:
        run_cases()
        return
    if given.folder is None:
        parser.error("name a FOLDER for the environments; they take 5 GB")
    given.folder.mkdir(parents=True, exist_ok=True)
    kept = given.folder / "results.json"
    results = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    for cell in given.cells:
        results[cell] = run_cell(given.folder.absolute(), cell)
        kept.write_text(json.dumps(results, indent=1), encoding="utf-8")
        print(f"{cell}: {summary(results[cell])}", file=sys.stderr, flush=True)
    print(table(results), end="")
    if given.write:
        head, _, rest = PAGE.read_text(encoding="utf-8").partition(MARKS[0])
        tail = rest.partition(MARKS[1])[2]
        PAGE.write_text(head + MARKS[0] + table(results) + MARKS[1] + tail, encoding="utf-8")


if __name__ == "__main__":
    main()
