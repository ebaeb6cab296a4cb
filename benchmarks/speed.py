"""How fast both wings are, beside plain ``fit`` and the peers that are installed. Writes ``docs/benchmarks.md`` and its plots.

``python benchmarks/speed.py`` measures the parts that are not measured yet, one after the other, and writes the page. The figures
are kept in ``benchmarks/figures.json`` after every part, so a run that was broken off goes on with those that are left.

    --only PART …    these parts, measured or not: jobs limit profile rule process predict sweeps observers, or jobs.digits …
    --rounds 5       how often contenders take turns
    --keep FILE      where the figures are kept
    --to FOLDER      where the page is written
    --write          only writes the page (with --only: measures these parts first, as without it)
    --quick          tiny sizes, to see that all of it runs; keeps and writes in a temporary folder, so that docs stays as it is

PyTorch and JAX are the extra ``peers``; numba is measured where it is installed. The page names contenders that are missing.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from timing import page, parts, run

ROOT = Path(__file__).resolve().parents[1]


def main(arguments: list[str] | None = None) -> int:
    """Measure what is asked for, write the page; exit status 2 for a part that is none."""
    parser = argparse.ArgumentParser(prog="speed.py", description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", nargs="+", default=[], metavar="PART")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--to", type=Path)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args(arguments)
    aside = Path(tempfile.gettempdir(), "lockstep-speed")
    keep = given.keep or (aside if given.quick else ROOT / "benchmarks") / "figures.json"
    folder = given.to or (aside if given.quick else ROOT / "docs")
    try:
        names = parts.named(given.only)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    if given.write and not given.only:
        figures = run.read(keep)
    else:
        figures = run.run(names, keep, max(1, given.rounds), given.quick, again=bool(given.only))
    print(f"written: {page.write(figures, folder)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
