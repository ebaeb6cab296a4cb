"""Reads one picture of any size and common format as the bytes that a net is fed, upright and in three colours.

Pillow is an optional extra, so it is imported inside the functions.  A picture that came by mail should do no harm: only
plain picture formats are opened (PostScript, for one, would start another program), and the size that the file claims is
checked before anything is unpacked.
"""

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from shared.errors import InputError
from shared.extras import needed

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PIXELS = 2**26  # 8192 x 8192: more than most cameras give, and less than the 90 million from which Pillow warns
MAX_SIZE = 4096
FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "JPEG2000", "AVIF")


def read_picture(path: str | os.PathLike[str], size: int | None = None) -> np.ndarray:
    """The picture in the file ``path`` as uint8 (height, width, 3): upright, red, green and blue.

    A rotation that a camera noted (EXIF) is carried out; grey and palettes become colours, whatever is transparent is
    laid on white, 16 bits become 8; of a moving picture the first frame counts.  ``size`` cuts the largest square out of
    the middle and resizes it, antialiased, to (size, size, 3); a square of that size already is not changed.

    Raises InputError, in one line that names the file, for a file that is missing, unreadable, damaged, of another format
    or of more than 2**26 pixels; for a ``size`` that is none; and where Pillow is missing.
    """
    whole = isinstance(size, int | np.integer) and not isinstance(size, bool)
    if size is not None and not (whole and 1 <= size <= MAX_SIZE):
        raise InputError(f"size is a whole number of pixels from 1 to {MAX_SIZE}. Received: size={size!r:.80}. Use size=64.")
    path = _checked_path(path)
    pillow, operations = _pillow()
    try:
        with warnings.catch_warnings():
            # what Pillow remarks on, such as a corrupt note of the camera, does not matter for the pixels ...
            warnings.simplefilter("ignore")
            # ... but a picture that is far too large does, and nothing of it is unpacked by then
            warnings.simplefilter("error", pillow.DecompressionBombWarning)
            with pillow.open(path, formats=[name for name in FORMATS if name in _known(pillow)]) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise pillow.DecompressionBombError
                upright = _colours(operations.exif_transpose(image), pillow)
            if size is not None:
                side = min(upright.size)
                left, top = (upright.width - side) // 2, (upright.height - side) // 2
                box = (left, top, left + side, top + side)
                upright = upright.resize((int(size), int(size)), pillow.Resampling.BICUBIC, box=box)
            return np.array(upright)
    except (pillow.DecompressionBombError, pillow.DecompressionBombWarning):
        raise _error(path, f"A picture may have {MAX_PIXELS} pixels", "more", "Make it smaller.") from None
    except pillow.UnidentifiedImageError:
        formats = "PNG, JPEG, GIF, WebP, BMP, TIFF, PPM, JPEG 2000 or AVIF"
        raise _error(
            path, f"A picture is a {formats} file", "none of these, or a damaged one", "Save it as PNG or JPEG."
        ) from None
    except Exception as error:  # on damaged files the decoders raise almost anything
        why = " ".join(str(error).split())[:120] or type(error).__name__
        raise _error(path, "A picture must be undamaged", why, "Copy it again, or save it as PNG.") from None


def _colours(image: "Image", pillow: Any) -> "Image":
    """``image`` in mode RGB."""
    if image.mode.startswith("I;16"):
        # Pillow would cut everything above 255 off; 65535 is white
        image = pillow.fromarray(((np.asarray(image).astype(np.uint32) + 128) // 257).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise ValueError(f"pixels in mode {image.mode}, of which nobody says what is white")
    if not image.has_transparency_data:
        return image.convert("RGB")
    image = image.convert("RGBA")
    white = pillow.new("RGBA", image.size, "white")
    return pillow.alpha_composite(white, image).convert("RGB")


def _pillow() -> tuple[Any, Any]:
    """The modules ``PIL.Image`` and ``PIL.ImageOps``, or InputError."""
    with needed("Pillow", "pictures", "Reading a picture"):
        from PIL import Image, ImageOps
    return Image, ImageOps


def _known(pillow: Any) -> set[str]:
    """The formats that this build of Pillow can open."""
    pillow.init()
    return set(pillow.OPEN)


def _checked_path(path: str | os.PathLike[str]) -> Path:
    """``path`` as a Path to an ordinary file that holds something, or InputError."""
    if not isinstance(path, str | os.PathLike):
        raise InputError(f"A picture is named by its path. Received: {path!r:.80}. Give a string or a pathlib.Path.")
    path = Path(path)
    try:
        if path.is_dir():
            raise _error(path, "A picture must be a file", "a folder", "Name a file inside it.")
        if not path.exists():
            raise _error(path, "A picture must exist", "no such file", "Check the path.")
        if not path.is_file():
            raise _error(path, "A picture must be an ordinary file", "a device or pipe", "Copy it to a file.")
        with path.open("rb") as stream:
            if not stream.read(1):
                raise _error(path, "A picture must hold something", "an empty file", "Copy it again.")
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        why = getattr(error, "strerror", None) or error
        raise _error(path, "A picture must be readable", str(why), "Check the path and its rights.") from None
    return path


def _error(path: Path, rule: str, received: str, remedy: str) -> InputError:
    return InputError(f"{rule}. Received: {received}, in {str(path)!r}. {remedy}")
