"""One's own pictures as rows of a data set, so that a net that was trained on it can be asked about them."""

import math
import os
from collections.abc import Sequence

import numpy as np

from shared.data.card import DataCard
from shared.data.handwriting import digit_row
from shared.data.pictures import MAX_SIZE, read_picture
from shared.errors import InputError


def rows_of(paths: Sequence[str | os.PathLike[str]], card: DataCard, inputs: int) -> np.ndarray:
    """Rows (n, ``inputs``) from picture files, in the form that ``card`` describes: float64 for the digits, else uint8 pixels.

    Pictures may have any size.  For the digits see ``shared.data.handwriting``; for other data the largest square is cut out of
    the middle and resized.

    Raises:
        InputError: a file that cannot be used, or a net of which no picture can be asked.
    """
    if card.handwriting and inputs == math.prod(card.image_shape or ()):
        return np.stack([digit_row(read_picture(path)) for path in paths])
    size = _size(card, inputs)
    return np.stack([_pixels(read_picture(path, size), card) for path in paths])


def _size(card: DataCard, inputs: int) -> int:
    """The side of the square pictures of the data, or InputError."""
    height, width, *channels = card.image_shape or (0, 0)
    if not (
        card.pixels
        and height == width <= MAX_SIZE
        and channels in ([], [1], [3])
        and math.prod((height, width, *channels)) == inputs
    ):
        held = f"{'pixels' if card.pixels else 'floats'} of shape {card.image_shape}" if card.image_shape else "no pictures"
        raise InputError(
            "A net can be asked about a picture if its data were square pictures, grey or in colour, in whole numbers 0 to 255. "
            f"Received: {inputs} inputs, data {card.name!r}, which holds {held}. Save the net with save(path, data)."
        )
    return height


def _pixels(picture: np.ndarray, card: DataCard) -> np.ndarray:
    """A flat row from a uint8 picture (size, size, 3)."""
    if card.image_shape is not None and card.image_shape[2:] != (3,):  # grey as Pillow and the television make it
        picture = np.round(picture @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)
    return (picture.swapaxes(0, 1) if card.columns_first else picture).reshape(-1)
