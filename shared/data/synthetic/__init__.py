"""Data sets that are drawn: free stand-ins for the hand signs and the cats of the course, which are not shipped.

Drawn with NumPy alone, in a second or two, and to the same byte on every machine.
"""

from shared.data.synthetic.cats import make_cats
from shared.data.synthetic.signs import make_signs

__all__ = ["make_cats", "make_signs"]
