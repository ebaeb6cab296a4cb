"""Where a thing stands in each picture, so that it can be described in units of its own."""

import numpy as np

from shared.data.chance import Chance
from shared.data.synthetic.canvas import Field, capsule, disc, polygon, settle

Layer = tuple[Field, np.ndarray]  # a shape and its colour (n, 3), laid over the layers before it


class Frame:
    """Place, size and turn of a thing in each of n pictures; units count from its middle, x to the right and y up."""

    def __init__(self, chance: Chance) -> None:
        between = chance.between
        self.unit, self.turn = between(17, 24), np.radians(between(-14, 14))
        self.middle = between(28, 36, 2)

    def pixels(self, place: tuple[float, float]) -> np.ndarray:
        """Where ``place`` lies in each picture (n, 2)."""
        x, y = place
        cos, sin = np.cos(self.turn), np.sin(self.turn)
        return settle(np.stack([x * cos + y * sin, x * sin - y * cos], axis=1) * self.unit[:, None] + self.middle)

    def long(self, units: float) -> np.ndarray:
        """A length in pixels (n,)."""
        return settle(self.unit * units)

    def spot(self, place: tuple[float, float], radius: float) -> Field:
        """A disc around ``place``."""
        return disc(self.pixels(place), self.long(radius))

    def line(self, start: tuple[float, float], end: tuple[float, float], radius: float) -> Field:
        """A rod from ``start`` to ``end``."""
        return capsule(np.stack([self.pixels(start), self.pixels(end)], axis=1), self.long(radius), self.long(radius))

    def area(self, *corners: tuple[float, float]) -> Field:
        """A convex polygon with ``corners`` in the order in which a clock's hands pass them."""
        return polygon(np.stack([self.pixels(corner) for corner in corners], axis=1))
