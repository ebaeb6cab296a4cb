"""Things that are no cats, each as the layers that it is painted with, the first of them its main body."""

import numpy as np

from shared.data.chance import Chance
from shared.data.synthetic.frame import Frame, Layer

DARK = np.array([0.08, 0.07, 0.07])


def ball(frame: Frame, chance: Chance) -> list[Layer]:
    """A striped ball."""
    one, other = _any_colour(chance), _any_colour(chance)
    whole = frame.spot((0.0, 0.0), 0.9)
    stripe = np.maximum(frame.line((-2.0, 0.0), (2.0, 0.0), 0.2), whole)
    return [(whole, one), (stripe, other), (frame.spot((0.0, 0.0), 0.3), one)]


def house(frame: Frame, chance: Chance) -> list[Layer]:
    """A house with a roof, a door and two windows."""
    walls, roof = _any_colour(chance), _any_colour(chance)
    dark = np.full((chance.count, 3), DARK)
    layers = [(frame.area((-0.75, 0.25), (0.75, 0.25), (0.75, -0.9), (-0.75, -0.9)), walls)]
    layers.append((frame.area((-1.0, 0.2), (0.0, 1.1), (1.0, 0.2)), roof))
    layers.append((frame.area((-0.15, -0.3), (0.2, -0.3), (0.2, -0.9), (-0.15, -0.9)), dark))
    for left in (-0.6, 0.35):
        window = frame.area((left, 0.1), (left + 0.25, 0.1), (left + 0.25, -0.15), (left, -0.15))
        layers.append((window, np.full((chance.count, 3), [0.75, 0.85, 0.95])))
    return layers


def flower(frame: Frame, chance: Chance) -> list[Layer]:
    """A flower of six petals."""
    petals, middle = _any_colour(chance), np.full((chance.count, 3), [0.95, 0.8, 0.2])
    around = [(0.0, 0.75), (0.52, 0.45), (0.52, -0.1), (0.0, -0.4), (-0.52, -0.1), (-0.52, 0.45)]
    blossom = np.minimum.reduce([frame.spot(place, 0.3) for place in around])
    stem = frame.line((0.0, 0.0), (0.1, -2.0), 0.07)
    green = np.full((chance.count, 3), [0.2, 0.5, 0.2])
    return [(blossom, petals), (np.maximum(stem, -blossom), green), (frame.spot((0.0, 0.18), 0.3), middle)]


def fish(frame: Frame, chance: Chance) -> list[Layer]:
    """A fish, seen from the side."""
    scales, fins = _any_colour(chance), _any_colour(chance)
    body = np.minimum(frame.line((-0.3, 0.0), (0.35, 0.0), 0.42), frame.line((-0.6, 0.0), (0.5, 0.0), 0.25))
    tail = frame.area((-0.65, 0.0), (-1.15, -0.45), (-1.15, 0.45))
    eye = np.full((chance.count, 3), DARK)
    return [(body, scales), (tail, fins), (frame.spot((0.45, 0.12), 0.08), eye)]


def _any_colour(chance: Chance) -> np.ndarray:
    return chance.between(0.15, 0.95, 3)
