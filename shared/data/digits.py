"""The 5,000 digits of the course as rows of 400, rebuilt from MNIST, and an honest test set of 10,000.

`datasets/digits.h5` holds MNIST pictures of 28x28 bytes.  The course's 20x20 pictures are a linear image of
them: divide by 255, then resample rows and columns with one 20x28 matrix.  Done here on loading, this costs a
quarter of a second and leaves no doubt about where the numbers come from.
"""

import hashlib
import math
import os
from fractions import Fraction
from pathlib import Path

import numpy as np

from shared.data.dataset import Dataset
from shared.data.hdf5 import guarded
from shared.errors import InputError

# SHA-256 of the bytes of train_images, train_labels, test_images and test_labels, one after the other
DIGITS_SHA256 = "220d387116392e62a9e79e7396953f70c1c645dc19aa21b01066f491e530e4a6"

SHAPES = {
    "train_images": (5000, 28, 28),
    "train_labels": (5000,),
    "test_images": (10000, 28, 28),
    "test_labels": (10000,),
}
_BLOCK = 250  # pictures resampled at once: few enough that the block stays in the processor's cache


def load_digits(path: str | os.PathLike[str] | None = None) -> Dataset:
    """The digits 0 to 9: x_train float64 (5000, 400), y_train int64 (5000, 1), x_test (10000, 400), y_test (10000, 1).

    The training rows stand in the course's order, 500 of each digit from 0 to 9.  A row holds its picture
    unrolled by columns, so ``row.reshape(20, 20).T`` is upright; values run from about -0.132 to 1.128.  Every
    machine gets the same bits.  ``path`` names another copy of ``digits.h5`` than the one that was installed.

    Raises InputError where the file is missing, damaged, or not the one that ships with Lockstep.
    """
    arrays = _read(_shipped() if path is None else path)
    return Dataset(
        x_train=resample(arrays["train_images"]),
        y_train=arrays["train_labels"].astype(np.int64)[:, None],
        x_test=resample(arrays["test_images"]),
        y_test=arrays["test_labels"].astype(np.int64)[:, None],
        classes=tuple("0123456789"),
        source="MNIST by LeCun, Cortes and Burges (CC BY-SA 3.0): 5,000 of its training images and its 10,000 test "
        "images, resampled to 20x20",
        name="digits",
        columns_first=True,
        image_shape=(20, 20),
    )


def resampling_matrix() -> np.ndarray:
    """The float64 (20, 28) matrix of antialiased bicubic resampling from 28 pixels to 20.

    Keys's cubic kernel with a = -0.5, widened by 28/20 so that nothing finer than the new pixels gets through;
    pixels beyond the edge repeat the edge; each row sums to 1.  Worked out in fractions and rounded once.
    R. G. Keys, "Cubic convolution interpolation for digital image processing", IEEE Trans. ASSP 29 (1981).
    """
    scale = Fraction(28, 20)
    matrix = np.zeros((20, 28))
    for row in range(20):
        centre = (row + Fraction(1, 2)) * scale - Fraction(1, 2)  # of the new pixel, counted in old pixels
        weights = [Fraction(0)] * 28
        for pixel in range(math.ceil(centre - 2 * scale), math.floor(centre + 2 * scale) + 1):
            weights[min(max(pixel, 0), 27)] += _cubic((pixel - centre) / scale)
        total = sum(weights)
        matrix[row] = [float(weight / total) for weight in weights]
    return matrix


def resample(images: np.ndarray) -> np.ndarray:
    """Float64 rows (n, 400), unrolled by columns, from uint8 pictures (n, 28, 28).

    For each picture P this is ``(M @ (P / 255) @ M.T).T.ravel()`` with M the `resampling_matrix`.  The sums are
    spelled out in a fixed order, because a matrix product rounds differently from one processor to the next.
    """
    taps = [[(int(old), row[old]) for old in np.flatnonzero(row)] for row in resampling_matrix()]
    rows = np.empty((len(images), 20, 20))
    for start in range(0, len(images), _BLOCK):
        block = images[start : start + _BLOCK].transpose(1, 2, 0) / 255.0  # (28, 28, n): pictures innermost
        squeezed = np.empty((20, *block.shape[1:]))
        upright = np.empty((20, 20, block.shape[2]))
        for new, parts in enumerate(taps):
            _weighted_sum([(block[old], weight) for old, weight in parts], out=squeezed[new])
        for new, parts in enumerate(taps):
            _weighted_sum([(squeezed[:, old], weight) for old, weight in parts], out=upright[:, new])
        rows[start : start + _BLOCK] = upright.transpose(2, 1, 0)  # columns before rows: unrolled by columns
    return rows.reshape(len(images), 400)


def _weighted_sum(parts: list[tuple[np.ndarray, float]], out: np.ndarray) -> None:
    """``out`` becomes the sum of array times weight, added up from left to right."""
    product = np.empty(out.shape)
    for position, (values, weight) in enumerate(parts):
        if position == 0:
            np.multiply(values, weight, out=out)
        else:
            np.multiply(values, weight, out=product)
            out += product


def _cubic(distance: Fraction) -> Fraction:
    """Keys's kernel with a = -1/2."""
    t = abs(distance)
    if t < 1:
        return Fraction(3, 2) * t**3 - Fraction(5, 2) * t**2 + 1
    if t < 2:
        return -Fraction(1, 2) * t**3 + Fraction(5, 2) * t**2 - 4 * t + 2
    return Fraction(0)


def _shipped() -> Path:
    """Where ``digits.h5`` lies: beside this module when installed, in ``datasets/`` in a checkout."""
    installed = Path(__file__).with_name("digits.h5")
    checkout = Path(__file__).resolve().parents[2] / "datasets" / "digits.h5"
    for place in (installed, checkout):
        if place.is_file():
            return place
    raise InputError(
        f"The digits ship as digits.h5. Received: none at {str(installed)!r} or {str(checkout)!r}. "
        "Install keras-lockstep again, or make the file with datasets/make_digits.py."
    )


def _read(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """The four arrays of ``digits.h5``, bit for bit those that ship, or InputError."""
    with guarded(path) as file:
        arrays = {name: file.array(name, kinds="u", shape=shape, max_bytes=2**24) for name, shape in SHAPES.items()}
    found = hashlib.sha256(b"".join(arrays[name].tobytes() for name in SHAPES)).hexdigest()
    if found != DIGITS_SHA256:
        raise InputError(
            f"digits.h5 must hold the digits that ship with Lockstep. Received: {str(path)!r} with the SHA-256 "
            f"{found[:16]}… instead of {DIGITS_SHA256[:16]}…. Install keras-lockstep again; load other data "
            "with load_file."
        )
    return arrays
