"""The page of digits that the documentation shows.

python -m shared.plots          # draws docs/pictures/digits.png anew
"""

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

from shared.data import load_digits
from shared.errors import InputError
from shared.plots.figures import save
from shared.plots.grids import examples

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def digits_page() -> "Figure":
    """64 of the 5,000 digits, evenly spread over the ten classes, each under its label."""
    return examples(load_digits(), 8, 8, title="64 of the 5,000 digits, with their labels")


def main(arguments: list[str] | None = None) -> int:
    """Draw the page; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m shared.plots", description="Draw 64 of the digits.")
    parser.add_argument("--out", type=Path, default=Path("docs/pictures/digits.png"))
    options = parser.parse_args(arguments)
    try:
        save(digits_page(), options.out)
    except InputError as error:
        parser.error(str(error))
    print(f"{options.out}: {math.ceil(options.out.stat().st_size / 1000)} kB")
    return 0
