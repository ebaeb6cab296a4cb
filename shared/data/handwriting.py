"""Any picture of one handwritten digit, brought into the form that the digits have: MNIST's, then the course's.

MNIST's makers fitted each digit into a box of 20x20, kept its proportions, and laid it on 28x28 so that its centre of mass is in
the middle.  The same is done here, and then the same resampling to 20x20 as for the data.

Ink is what differs from the ground, and the ground is the colour that the picture has along its edge.  So black on white, white
on black and blue on yellow all give the same bright ink on a dark ground; whether a picture is inverted need not be decided.
"""

import numpy as np

from shared.data.digits import resample

FRAME, BOX, MIDDLE = 28, 20, 14  # of MNIST: the picture, the digit in it, and the pixel where the centre of mass lies
LARGEST = 1024  # a larger picture is first made smaller: it has nothing more to say about 20x20 pixels
FAINTEST = 8  # of 255: a picture without more contrast than that is blank


def digit_row(picture: np.ndarray) -> np.ndarray:
    """The float64 row (400,) for a uint8 picture (height, width, 3), unrolled by columns like the rows of the digits."""
    return resample(digit_frame(picture)[None])[0]


def digit_frame(picture: np.ndarray) -> np.ndarray:
    """The digit in ``picture``, uint8 (height, width, 3), as MNIST has it: uint8 (28, 28), bright ink on 0.

    A picture in which nothing stands out from the ground gives a frame of zeros.
    """
    frame = np.zeros((FRAME, FRAME), np.uint8)
    marks = ink(picture)
    if not marks.any():
        return frame
    from PIL import Image

    rows, columns = np.flatnonzero(marks.any(axis=1)), np.flatnonzero(marks.any(axis=0))
    cut = marks[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = (max(1, round(length * BOX / max(cut.shape))) for length in cut.shape)
    small = np.asarray(Image.fromarray(cut).resize((width, height), Image.Resampling.BOX))
    small = np.floor(small / small.max() * 255 + 0.5)  # a thin pen leaves the digit faint when it is shrunk
    top, left = (_start(small.sum(axis=1 - axis)) for axis in (0, 1))
    frame[top : top + height, left : left + width] = small
    return frame


def ink(picture: np.ndarray) -> np.ndarray:
    """How far each pixel of a uint8 picture (height, width, 3) stands out from the ground: float32 (height, width), 0 for ground.

    The ground is the median colour along the edge.  What stands out less than the edge itself does, unevenly lit paper for
    one, counts as ground too.  Large pictures come back smaller.
    """
    from PIL import Image

    if max(picture.shape) > LARGEST:
        image = Image.fromarray(picture)
        image.thumbnail((LARGEST, LARGEST), Image.Resampling.BOX)
        picture = np.asarray(image)
    edge = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]]).astype(np.float32)
    ground = np.median(edge, axis=0)
    distance = np.abs(picture - ground).max(axis=2)
    strongest = distance.max()
    if strongest <= FAINTEST:
        return np.zeros_like(distance)
    uneven = 1.5 * np.percentile(np.abs(edge - ground).max(axis=1), 99)
    # at least 0.15 against the rims that JPEG leaves, at most 0.6 for digits that reach the edge
    least = min(max(uneven / strongest, 0.15), 0.6)
    return np.where(distance < least * strongest, np.float32(0), distance)


def _start(mass: np.ndarray) -> int:
    """Where to lay a strip with that ``mass`` so that its centre of mass falls on the middle, as far as it fits the frame."""
    centre = int((mass * np.arange(len(mass))).sum() / mass.sum() + 0.5)
    return min(max(MIDDLE - centre, 0), FRAME - len(mass))
