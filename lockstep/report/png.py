"""Small pictures as text that stands in a page itself: PNG, written by hand so that no extra is needed."""

import base64
import struct
import zlib

import numpy as np


def data_uri(picture: np.ndarray) -> str:
    """``data:image/png;base64,...`` of a picture (height, width), (height, width, 1) or (height, width, 3).

    Bytes are taken as they are; floats run from 0 to 1, and what lies beyond is cut off.
    """
    if picture.dtype != np.uint8:
        picture = (np.clip(picture, 0, 1) * 255).round().astype(np.uint8)
    picture = picture.reshape(*picture.shape[:2], -1)
    height, width, channels = picture.shape
    lines = b"".join(b"\0" + row.tobytes() for row in picture)  # 0: the line is not filtered
    head = struct.pack(">IIBBBBB", width, height, 8, 2 if channels == 3 else 0, 0, 0, 0)
    parts = (_chunk(b"IHDR", head), _chunk(b"IDAT", zlib.compress(lines, 9)), _chunk(b"IEND", b""))
    return "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"".join(parts)).decode()


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
