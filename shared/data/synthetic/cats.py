"""Draws faces of cats, and things that are none: a free stand-in for the photographs of the course."""

from collections.abc import Callable

import numpy as np

from shared.data.chance import Chance
from shared.data.dataset import Dataset
from shared.data.synthetic import canvas
from shared.data.synthetic.canvas import SIDE, field, lit, paint, shade
from shared.data.synthetic.frame import Frame, Layer
from shared.data.synthetic.things import DARK, ball, fish, flower, house
from shared.data.synthetic.wall import wall

COATS = np.array([[0.85, 0.55, 0.25], [0.55, 0.55, 0.58], [0.25, 0.22, 0.22], [0.92, 0.88, 0.80], [0.50, 0.36, 0.25]])


def make_cats(seed: int = 0, *, train: tuple[int, int] = (137, 72), test: tuple[int, int] = (17, 33)) -> Dataset:
    """Drawn pictures, uint8 (n, 64, 64, 3), as many as in the course: (others, cats) = (137, 72) for training, (17, 33) to test.

    Labels are 1 for the face of a cat and 0 for a ball, a house, a flower or a fish.  One seed gives the same bytes on
    every machine.  Raises InputError for a seed that is no whole number of at least 0.
    """
    parts = []
    for part, counts in enumerate((train, test)):
        chance = Chance(seed, part)
        kinds = np.concatenate([1 + np.arange(counts[0]) % (len(KINDS) - 1), np.zeros(counts[1], int)])  # 0 is the cat
        kinds = chance.shuffled(kinds)
        pictures = np.zeros((len(kinds), SIDE, SIDE, 3), np.uint8)
        for kind, thing in enumerate(KINDS):
            if (kinds == kind).any():
                pictures[kinds == kind] = _draw(int((kinds == kind).sum()), thing, chance)
        parts.append((pictures, (kinds == 0).astype(np.int64)))
    (x_train, y_train), (x_test, y_test) = parts
    return Dataset(
        x_train=x_train,
        y_train=y_train,
        x_test=x_test,
        y_test=y_test,
        classes=("non-cat", "cat"),
        source=f"synthetic: cats and other things drawn by Lockstep, seed {seed}",
        name="cats",
        image_shape=(SIDE, SIDE, 3),
    )


def _draw(count: int, thing: Callable[[Frame, Chance], list[Layer]], chance: Chance) -> np.ndarray:
    chance.count = count
    between = chance.between
    light = np.stack([between(-0.5, 0.5), between(-0.6, 0.1), np.full(count, 0.8)], axis=1)
    picture = wall(chance, 0.1, 0.55)
    frame = Frame(chance)
    for position, (shape, colour) in enumerate(thing(frame, chance)):
        if position == 0:
            shade(picture, shape, 0.3, 4.0)
        paint(picture, shape, colour, lit(shape, frame.long(0.4), light) if position == 0 else 1.0)
    noise = between(-0.5, 0.5, SIDE, SIDE, 3) * between(0.02, 0.12, 1, 1, 1)
    return canvas.to_bytes(picture * field(between(0.85, 1.1)), noise.astype(np.float32))


def _cat(frame: Frame, chance: Chance) -> list[Layer]:
    n = chance.count
    coat = COATS[chance.between(0, len(COATS)).astype(int)] + chance.between(-0.06, 0.06, 3)
    eyes = np.array([0.65, 0.75, 0.2]) + chance.between(-0.25, 0.25, 3)
    pink, dark = np.full((n, 3), [0.85, 0.5, 0.5]), np.full((n, 3), DARK)
    head = np.minimum(frame.line((-0.18, -0.05), (0.18, -0.05), 0.72), frame.line((-0.35, -0.25), (0.35, -0.25), 0.5))
    layers: list[Layer] = []
    inner = []
    for side in (-1, 1):
        corners = [(side * 0.86, 0.25), (side * 0.72, 1.12), (side * 0.12, 0.62)][::-side]
        small = [(side * 0.74, 0.40), (side * 0.68, 0.92), (side * 0.32, 0.64)][::-side]
        head = np.minimum(head, frame.area(*corners))
        inner.append((frame.area(*small), pink))
    layers += [(head, coat), *inner]
    for side in (-1, 1):
        layers.append((frame.spot((side * 0.36, 0.08), 0.19), eyes))
        layers.append((frame.line((side * 0.36, 0.20), (side * 0.36, -0.04), 0.055), dark))
        for height in (-0.28, -0.42):
            layers.append((frame.line((side * 0.25, -0.36), (side * 1.05, height), 0.022), np.full((n, 3), 0.9)))
    nose = frame.area((-0.12, -0.20), (0.12, -0.20), (0.0, -0.34))
    mouth = [frame.line((0.0, -0.32), (0.0, -0.46), 0.025)]
    mouth += [frame.line((0.0, -0.46), (side * 0.2, -0.54), 0.025) for side in (-1, 1)]
    return [*layers, (nose, pink), (np.minimum.reduce(mouth), dark)]


KINDS = (_cat, ball, house, flower, fish)
