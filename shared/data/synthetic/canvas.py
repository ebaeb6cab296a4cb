"""Drawing many small pictures at once, with NumPy alone and to the same byte on every machine.

A shape is a field of distances: for every picture and every point, how far outside (positive) or inside (negative) of the
shape the point lies, in pixels.  Edges come out smooth, since a pixel that a shape covers in part takes part of its colour.

On the points only sums, products, quotients and square roots are taken: these round alike everywhere.  Sines do not, so
whatever comes from an angle is rounded first (`settle`).
"""

import numpy as np

SIDE = 64  # pixels
FINE = 2  # points along each side of a pixel, averaged at the end

Field = np.ndarray  # float32 (pictures, SIDE * FINE, SIDE * FINE), or broadcast to it


def points() -> tuple[Field, Field]:
    """x (to the right) and y (down) of every point in pixels, as fields that serve for any number of pictures."""
    along = (np.arange(SIDE * FINE, dtype=np.float32) + np.float32(0.5)) / np.float32(FINE)
    return along[None, None, :], along[None, :, None]


def settle(values: np.ndarray) -> np.ndarray:
    """``values`` rounded to 1/1024 as float32, so that the last bits of a sine do not matter."""
    return (np.rint(values * 1024) / 1024).astype(np.float32)


def field(values: np.ndarray | float) -> Field:
    """One number for each picture (n,), or a single one, as a field (n, 1, 1)."""
    return np.asarray(values, np.float32).reshape(-1, 1, 1)


def capsule(ends: np.ndarray, first: np.ndarray, last: np.ndarray) -> Field:
    """A rod between two ``ends`` (n, 2, 2), in pixels, whose radius runs from ``first`` to ``last`` (n,)."""
    x, y = points()
    ax, ay = field(ends[:, 0, 0]), field(ends[:, 0, 1])
    bx, by = field(ends[:, 1, 0]) - ax, field(ends[:, 1, 1]) - ay
    px, py = x - ax, y - ay
    share = np.clip((px * bx + py * by) / np.maximum(bx * bx + by * by, np.float32(1e-6)), 0, 1)
    px, py = px - share * bx, py - share * by
    return np.sqrt(px * px + py * py) - (field(first) + share * field(last - first))


def disc(centre: np.ndarray, radius: np.ndarray) -> Field:
    """A disc around ``centre`` (n, 2) with ``radius`` (n,)."""
    return capsule(np.stack([centre, centre], axis=1), radius, radius)


def polygon(corners: np.ndarray) -> Field:
    """A convex polygon with ``corners`` (n, k, 2), in the order in which a clock's hands pass them."""
    x, y = points()
    sides = []
    for at in range(corners.shape[1]):
        ax, ay = field(corners[:, at - 1, 0]), field(corners[:, at - 1, 1])
        bx, by = field(corners[:, at, 0]) - ax, field(corners[:, at, 1]) - ay
        sides.append(((x - ax) * by - (y - ay) * bx) / np.sqrt(np.maximum(bx * bx + by * by, np.float32(1e-6))))
    return np.maximum.reduce(sides)


def blend(one: Field, other: Field, softness: np.ndarray | float) -> Field:
    """The union of two shapes, its inner corners filled over about ``softness`` pixels (a polynomial smooth minimum)."""
    soft = field(softness)
    share = np.clip(np.float32(0.5) + (other - one) / (2 * soft), 0, 1)
    return other + share * (one - other) - soft * share * (1 - share)


def paint(canvas: np.ndarray, shape: Field, colour: np.ndarray, brightness: Field | float = 1.0) -> None:
    """Lay ``shape`` in ``colour`` (n, 3) times ``brightness`` on the ``canvas`` (3, n, ...), which is changed."""
    cover = np.clip(np.float32(0.5) - shape * FINE, 0, 1)  # how much of a point's surroundings the shape covers
    for channel in range(3):
        canvas[channel] += cover * (field(colour[:, channel]) * brightness - canvas[channel])


def shade(canvas: np.ndarray, shape: Field, strength: np.ndarray | float, reach: np.ndarray | float) -> None:
    """Darken the ``canvas`` by ``strength`` under a shape, and ever less up to ``reach`` pixels around it."""
    canvas *= 1 - field(strength) * np.clip(1 - shape / field(reach), 0, 1)


def lit(shape: Field, radius: np.ndarray, light: np.ndarray) -> Field:
    """Brightness of a shape with rounded edges under a light from ``light`` (n, 3): right, down, front.

    Within ``radius`` (n,) of its edge the shape bends away from the eye, as a finger does over its whole width.
    """
    down, right = np.gradient(shape, np.float32(1 / FINE), axis=(1, 2))
    slope = 1 - np.clip(-shape / field(radius), 0, 1)
    front = np.sqrt(1 - slope * slope)
    facing = slope * (right * field(light[:, 0]) + down * field(light[:, 1])) + front * field(light[:, 2])
    return np.float32(0.3) + np.float32(0.7) * np.maximum(facing, 0) + np.float32(0.12) * front


def to_bytes(canvas: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """uint8 (n, SIDE, SIDE, 3) from a ``canvas`` (3, n, ...) of 0 to 1, with ``noise`` (n, SIDE, SIDE, 3) added."""
    parts = canvas.reshape(3, -1, SIDE, FINE, SIDE, FINE)
    total = np.zeros_like(parts[:, :, :, 0, :, 0])
    for down in range(FINE):
        for right in range(FINE):
            total += parts[:, :, :, down, :, right]  # a mean would add up in an order of its own on each machine
    pictures = np.moveaxis(total, 0, 3) / np.float32(FINE * FINE) + noise
    return np.rint(np.clip(pictures, 0, 1) * 255).astype(np.uint8)
