"""Draws hands that show 0 to 5: a free stand-in for the photographs of the course, which may not be passed on."""

import numpy as np

from shared.data.chance import Chance
from shared.data.dataset import Dataset
from shared.data.synthetic import canvas
from shared.data.synthetic.canvas import SIDE, Field, blend, capsule, field, lit, paint, shade
from shared.data.synthetic.hands import Hands, pose
from shared.data.synthetic.wall import wall

BLOCK = 20  # pictures drawn at once: few enough that their fields stay in the processor's cache
SKINS = np.array([[0.96, 0.80, 0.69], [0.88, 0.68, 0.53], [0.77, 0.55, 0.40], [0.60, 0.41, 0.28], [0.42, 0.27, 0.19]])
NOWHERE = np.float32(1000)  # the distance to a finger that is not there


def make_signs(seed: int = 0, *, train: int = 180, test: int = 20) -> Dataset:
    """Drawn hands: ``6 * train`` training and ``6 * test`` test pictures, uint8 (n, 64, 64, 3), as many of each label 0 to 5.

    One seed gives the same bytes on every machine.  Hands differ in build, pose, turn, size, place and skin, and in light,
    shadow and background.  Raises InputError for a seed that is no whole number of at least 0.
    """
    parts = []
    for part, each in enumerate((train, test)):
        chance = Chance(seed, part)
        labels = chance.shuffled(np.repeat(np.arange(6), each))
        parts.append((np.concatenate([_draw(labels[at : at + BLOCK], chance) for at in range(0, len(labels), BLOCK)]), labels))
    (x_train, y_train), (x_test, y_test) = parts
    return Dataset(
        x_train=x_train,
        y_train=y_train,
        x_test=x_test,
        y_test=y_test,
        classes=tuple("012345"),
        source=f"synthetic: hands drawn by Lockstep, seed {seed}",
        name="signs",
        image_shape=(SIDE, SIDE, 3),
    )


def _draw(labels: np.ndarray, chance: Chance) -> np.ndarray:
    chance.count = len(labels)
    between = chance.between
    hands = pose(labels, chance)
    body, folded = _shapes(hands)
    skin = _skin(between(0, len(SKINS) - 1)) + between(-0.03, 0.03, 3)
    light = np.stack([between(-0.55, 0.55), between(-0.7, 0.1), np.ones(len(labels))], axis=1)
    light /= np.sqrt(light[:, :1] * light[:, :1] + light[:, 1:2] * light[:, 1:2] + 1)

    picture = wall(chance, 0.1, 0.36)
    shade(picture, body, between(0.1, 0.4), between(2, 7))  # the shadow of the hand
    for shape in (body, *folded):
        if shape is not body:
            shade(picture, shape, 0.3, 1.5)
        paint(picture, shape, skin, lit(shape, hands.unit * np.float32(0.11), light))
    picture *= field(between(0.85, 1.1))
    noise = between(-0.5, 0.5, SIDE, SIDE, 3) * between(0.02, 0.12, 1, 1, 1)
    return canvas.to_bytes(picture, noise.astype(np.float32))


def _skin(tone: np.ndarray) -> np.ndarray:
    """Colours (n, 3) between the neighbours in ``SKINS`` of each ``tone`` (n,)."""
    lower = np.minimum(tone.astype(int), len(SKINS) - 2)
    share = (tone - lower)[:, None]
    return SKINS[lower] * (1 - share) + SKINS[lower + 1] * share


def _shapes(hands: Hands) -> tuple[Field, list[Field]]:
    """The hand with all fingers that are up, as one shape; and what is folded over it, from back to front."""
    soft = hands.unit * np.float32(0.06)
    fingers = [_rods(hands.fingers[:, at], hands.finger_radii[:, at]) for at in range(4)]
    ball = capsule(hands.thumb[:, :2], hands.thumb_radii[:, 0], hands.thumb_radii[:, 1])
    thumb = _rods(hands.thumb[:, 1:], hands.thumb_radii[:, 1:])
    body = capsule(hands.arm, hands.arm_radius, hands.arm_radius * np.float32(1.5))
    for at in range(4):
        radius = hands.palm_radii[:, at]
        body = blend(body, capsule(hands.palm[:, at], radius, radius), soft)
    body = blend(body, ball, soft)
    up = hands.up[:, :, None, None]
    raised = np.minimum.reduce([np.where(up[:, at + 1], fingers[at], NOWHERE) for at in range(4)])
    body = blend(blend(body, raised, soft), np.where(up[:, 0], thumb, NOWHERE), soft)
    folded = [np.where(up[:, at + 1], NOWHERE, fingers[at]) for at in (3, 2, 1, 0)]
    return body, [*folded, np.where(up[:, 0], NOWHERE, np.minimum(ball, thumb))]


def _rods(joints: np.ndarray, radii: np.ndarray) -> Field:
    """The bones between ``joints`` (n, k, 2), with ``radii`` (n, k) at the joints, as one shape."""
    return np.minimum.reduce(
        [capsule(joints[:, at : at + 2], radii[:, at], radii[:, at + 1]) for at in range(joints.shape[1] - 1)]
    )
