"""The background of a drawn picture: a wall of one colour under uneven light."""

import numpy as np

from shared.data.chance import Chance
from shared.data.synthetic.canvas import SIDE, field, points


def wall(chance: Chance, darkest: float, lightest: float) -> np.ndarray:
    """Canvases (3, n, ...) of a colour between ``darkest`` and ``lightest``, lighter to one side and darker at the corners.

    The walls are kept dark: where most inputs of a net are large and positive, its first steps move all weights of a unit
    the same way, and may switch the unit off for good.
    """
    between = chance.between
    colour = between(darkest, lightest, 1) + between(-0.06, 0.06, 3)
    x, y = points()
    across, down = x / SIDE - np.float32(0.5), y / SIDE - np.float32(0.5)
    light = 1 + field(between(-0.3, 0.3)) * across + field(between(-0.3, 0.3)) * down
    light = light - field(between(0.1, 0.6)) * (across * across + down * down)
    return np.stack([field(colour[:, channel]) * light for channel in range(3)])
