"""Data sets that are drawn: free stand-ins for the hand signs and the cats of the course, which are not shipped.

Drawn with NumPy alone, in a second or two, and to the same byte on every machine.
"""

from collections.abc import Callable

from shared.data.dataset import Dataset
from shared.data.synthetic.cats import make_cats
from shared.data.synthetic.signs import make_signs

__all__ = ["MAKERS", "make_cats", "make_signs"]

MAKERS: dict[str, Callable[..., Dataset]] = {"signs": make_signs, "cats": make_cats}
