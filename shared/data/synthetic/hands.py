"""A hand as a skeleton: which fingers are up, how every joint bends, and where that puts the bones in the picture.

The hand is a right one with its palm towards the eye, measured in about its width: x to the right, y up.  The bones of a
finger turn forward about its joints, so that they look shorter from the front and a folded finger comes down over the palm.
"""

from dataclasses import dataclass

import numpy as np

from shared.data.chance import Chance
from shared.data.synthetic.canvas import settle

# fingers from index to little: knuckle (x, y), degrees right of upright, lengths of the three bones, radius
KNUCKLES = np.array([[0.31, 0.36], [0.10, 0.42], [-0.11, 0.38], [-0.31, 0.25]])
DIRECTIONS = np.array([7.0, 1.0, -6.0, -14.0])
BONES = np.array([[0.40, 0.26, 0.20], [0.45, 0.29, 0.21], [0.41, 0.27, 0.20], [0.32, 0.20, 0.17]])
RADII = np.array([0.112, 0.115, 0.108, 0.092])
SLIMMER = np.array([1.0, 0.95, 0.88, 0.78])  # from the knuckle to the tip
# degrees by which the joints of a finger turn forward, and how far that varies
STRAIGHT, STRAIGHT_BY = np.array([8.0, 8.0, 5.0]), np.array([8.0, 8.0, 5.0])
FOLDED, FOLDED_BY = np.array([78.0, 88.0, 50.0]), np.array([8.0, 8.0, 8.0])

# the thumb, whose first bone is the ball of the thumb: directions stretched out, over folded fingers, over the bare palm
THUMB_ROOT = np.array([0.17, -0.30])
THUMB_BONES = np.array([0.36, 0.30, 0.24])
THUMB_RADII = np.array([0.17, 0.125, 0.11, 0.085])
THUMB_AWAY = np.array([55.0, 43.0, 33.0])
THUMB_OVER, THUMB_ACROSS = np.array([30.0, -30.0, -62.0]), np.array([24.0, -42.0, -68.0])

WRISTS = np.array([[0.17, -0.40], [0.06, -0.44], [-0.06, -0.44], [-0.17, -0.40]])  # one end of the palm's four bones
PALM_RADII = np.array([0.14, 0.15, 0.14, 0.125])

# which fingers show a number, the thumb first, and in what share of the pictures
WAYS: dict[int, tuple[tuple[float, str], ...]] = {
    0: ((1.0, "-----"),),
    1: ((0.9, "-1---"), (0.1, "1----")),
    2: ((0.85, "-11--"), (0.15, "11---")),
    3: ((0.6, "111--"), (0.4, "-111-")),
    4: ((1.0, "-1111"),),
    5: ((1.0, "11111"),),
}


@dataclass(frozen=True)
class Hands:
    """n hands in their pictures, all lengths in pixels; the joints of a bone are (x, y), y down.

    ``up`` bool (n, 5), the thumb first.  ``thumb`` (n, 4, 2) from root to tip, ``fingers`` (n, 4, 4, 2) from index to little,
    ``palm`` (n, 4, 2, 2) from wrist to knuckles, ``arm`` (n, 2, 2); the radii belong to the joints: ``thumb_radii`` (n, 4),
    ``finger_radii`` (n, 4, 4), ``palm_radii`` (n, 4), ``arm_radius`` (n,).  ``unit`` (n,) is the measure of each hand.
    """

    up: np.ndarray
    thumb: np.ndarray
    thumb_radii: np.ndarray
    fingers: np.ndarray
    finger_radii: np.ndarray
    palm: np.ndarray
    palm_radii: np.ndarray
    arm: np.ndarray
    arm_radius: np.ndarray
    unit: np.ndarray


def pose(labels: np.ndarray, chance: Chance) -> Hands:
    """Hands that show the ``labels`` (n,): fingers, joints, build, turn, size and place are drawn."""
    between, n = chance.between, len(labels)
    up = _fingers_up(labels, between(0, 1))

    spread, lean = between(0.5, 2.2, 1), between(-3, 3, 4)
    bend = np.where(up[:, 1:, None], STRAIGHT, FOLDED)
    bend = bend + between(-1, 1, 4, 3) * np.where(up[:, 1:, None], STRAIGHT_BY, FOLDED_BY)
    seen = BONES * between(0.9, 1.1, 4, 1) * np.cos(np.radians(np.cumsum(bend, axis=2)))  # a bone that turns forward looks short
    fingers = _joints(KNUCKLES, (DIRECTIONS * spread + lean)[:, :, None], seen)

    way = np.where(up[:, 1, None], THUMB_ACROSS, THUMB_OVER) + between(-8, 8, 3)
    way = np.where(up[:, :1], THUMB_AWAY + between(-8, 8, 3) + between(-11, 11, 1), way)
    thumb = _joints(THUMB_ROOT, way, THUMB_BONES * between(0.92, 1.08, 1))

    palm = np.broadcast_to(np.stack([WRISTS, KNUCKLES - [0, 0.07]], axis=1), (n, 4, 2, 2))
    arm = np.stack([np.full((n, 2), [0.0, -0.5]), np.stack([between(-0.5, 0.5), np.full(n, -3.0)], axis=1)], axis=1)

    mirrored = np.where(between(0, 1) < 0.2, -1.0, 1.0)  # a left hand now and then
    narrow = (mirrored * between(0.85, 1.0))[:, None]  # turned a little about its own length
    turn, unit = np.radians(between(-16, 16, 1)), between(20.5, 25)
    left, top = between(29.5, 34.5, 1), between(37, 41, 1)

    def placed(joints: np.ndarray) -> np.ndarray:
        x, y = np.moveaxis(joints.reshape(n, -1, 2), 2, 0)
        right = x * narrow * np.cos(turn) + y * np.sin(turn)
        down = x * narrow * np.sin(turn) - y * np.cos(turn)
        pixels = np.stack([right * unit[:, None] + left, down * unit[:, None] + top], axis=-1)
        return settle(pixels).reshape(joints.shape)

    size = (unit * between(0.88, 1.12))[:, None]
    return Hands(
        up=up,
        thumb=placed(thumb),
        thumb_radii=settle(size * THUMB_RADII),
        fingers=placed(fingers),
        finger_radii=settle((size * RADII)[:, :, None] * SLIMMER),
        palm=placed(palm),
        palm_radii=settle(size * PALM_RADII),
        arm=placed(arm),
        arm_radius=settle(unit * between(0.22, 0.29)),
        unit=settle(unit),
    )


def _fingers_up(labels: np.ndarray, luck: np.ndarray) -> np.ndarray:
    """Which fingers are up (n, 5): the way to show each label is chosen by ``luck`` (n,) from 0 to 1."""
    up = np.zeros((len(labels), 5), bool)
    for number, ways in WAYS.items():
        passed = 0.0
        for odds, fingers in ways:
            up[(labels == number) & (luck >= passed)] = [finger == "1" for finger in fingers]
            passed += odds
    return up


def _joints(root: np.ndarray, degrees: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The joints (..., bones + 1, 2) of bones laid end to end: ``degrees`` right of upright, ``lengths`` (..., bones)."""
    way = np.radians(degrees)
    bones = np.stack([np.sin(way) * lengths, np.cos(way) * lengths], axis=-1)
    first = np.broadcast_to(root[..., None, :], (*bones.shape[:-2], 1, 2))
    return np.concatenate([first, first + np.cumsum(bones, axis=-2)], axis=-2)
