"""The guarded reader through which every HDF5 file is read: data sets, weight files and traces.

Plain h5py does what a file tells it to.  It follows links into other files, fetches values from any path that
the file names, and allocates whatever size the file claims.  A file that came by mail should not be able to do
that, so here each step is checked before it is taken: hard links only, values stored in this very file, plain
numbers or text, known compression, and a byte cap worked out from the shape before anything is read.

    with guarded("train_signs.h5") as file:
        pictures = file.array("train_set_x", kinds="u", max_bytes=2**30)

Whatever is wrong with a file ends in an InputError of one line that names the file.  The guard covers what the
format allows, and unpacks compressed pieces once by itself, since the HDF5 library would not ask whether they have
the size that the file gives for them.  It is no shield against mistakes inside that library.
"""

import json
import math
import mmap
import os
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import h5py
import numpy as np
from h5py import h5d, h5s, h5t, h5z

from shared.data.streamed import StreamedArray
from shared.errors import InputError

MAX_ARRAY_BYTES = 2 * 2**30  # 2 GiB: 160 times the hand signs, and still within an ordinary machine's memory
MAX_ATTRIBUTE_BYTES = 64 * 2**10  # the size up to which the classic format can hold an attribute at all
MAX_NAMES = 10_000  # per group, and per walk
MAX_DEPTH = 16  # groups within groups: weight files need six; a hard link to a parent makes endless ones
MAX_RATIO = 1100  # deflate cannot shrink anything more than 1032 times
BOMB_BYTES = 16 * 2**20  # below this size nobody is hurt by an array that was never written
MAX_HEAP_OBJECTS = 10**6  # texts of variable length in a whole file

VARIABLE_TEXT = 16  # bytes that stand for a text of variable length: how long it is, and where
PIECE_SLACK = 2**16  # bytes by which a piece may be larger than its shape says: checksums, and what does not pack well

_HEAP = b"GCOL\x01"
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_FILTERS = {h5z.FILTER_DEFLATE, h5z.FILTER_SHUFFLE, h5z.FILTER_FLETCHER32, h5z.FILTER_LZF}
_PACKERS = {h5z.FILTER_DEFLATE, h5z.FILTER_LZF}
_KIND_NAMES = {"u": "unsigned integers", "i": "integers", "f": "floats", "b": "booleans", "S": "text"}
# what h5py and the HDF5 library are seen to raise on damaged files
_H5_ERRORS = (OSError, RuntimeError, ValueError, TypeError, KeyError, OverflowError, MemoryError, NotImplementedError)

_T = TypeVar("_T")


@contextmanager
def guarded(path: str | os.PathLike[str]) -> Iterator["GuardedFile"]:
    """Open an HDF5 file read-only; the `GuardedFile` can be used inside the ``with`` block.

    Raises InputError where ``path`` is missing, a folder, unreadable, empty, not HDF5, cut short or damaged.
    """
    path = checked_path(path)
    try:
        file = h5py.File(path, "r")
    except _H5_ERRORS as error:
        if "truncated" in str(error):
            raise InputError(
                f"A data file must be complete. Received: {_quoted(path)}, which is cut short. Copy or download it again."
            ) from error
        raise InputError(
            f"A data file must be an undamaged HDF5 file. Received: {_quoted(path)}, which HDF5 cannot open "
            f"({_brief(error)}). Copy or download it again."
        ) from error
    with file:
        yield GuardedFile(path, file)


class GuardedFile:
    """An open HDF5 file, of which only harmless parts can be read.  Made by `guarded`.

    Names are paths from the root, such as ``"layers/dense/vars/0"``.  ``path`` is where the file lies.
    Every method raises InputError, in one line that names the file, for whatever is missing, damaged or not allowed.
    """

    def __init__(self, path: Path, file: h5py.File) -> None:
        self.path = path
        self._file = file
        self._heaps_checked = False

    def names(self, group: str = "") -> tuple[str, ...]:
        """What lies directly in ``group`` ("" is the root), numbers in counting order: dense_2 before dense_10."""
        node = self._group(group)
        count = self._attempt(group, len, node)
        if count > MAX_NAMES:
            raise self._error(f"A group may hold at most {MAX_NAMES} names", f"{count} in {group or '/'!r}", "Split the file.")
        return self._in_order(group, self._attempt(group, list, node))

    def walk(self, group: str = "") -> tuple[str, ...]:
        """The full names of all arrays below ``group``, in the order of `names`.  Refuses whatever is no hard link."""
        found: list[str] = []
        seen = 0
        todo = [group.strip("/")]
        while todo:
            name = todo.pop()
            if self.is_array(name):
                found.append(name)
                continue
            if name.count("/") >= MAX_DEPTH:
                raise self._error(f"Groups may be nested {MAX_DEPTH} deep", f"{name!r:.80}, which is deeper", "Flatten the file.")
            children = self.names(name)
            seen += len(children)
            if seen > MAX_NAMES:
                raise self._error(f"A file may hold at most {MAX_NAMES} names", "more than that", "Split the file.")
            todo.extend(f"{name}/{child}".lstrip("/") for child in reversed(children))
        return tuple(found)

    def has(self, name: str) -> bool:
        """Whether the file has an entry ``name``, of whatever sort (whether it can be read is another matter)."""
        parts = _parts(name)
        if not parts:
            return True
        parent = "/".join(parts[:-1])
        if not self.has(parent) or self.is_array(parent):
            return False
        node = self._group(parent)
        # asks for the link itself: `in` would follow it
        return self._attempt(name, node.get, parts[-1], getlink=True, default=None) is not None

    def is_array(self, name: str) -> bool:
        """True for an array, False for a group."""
        return isinstance(self._node(name), h5py.Dataset)

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape that the array ``name`` claims, without reading it."""
        return self._dataset_shape(name, self._dataset(name))

    def kind(self, name: str) -> str:
        """The NumPy kind letter of the array ``name``: "u", "i", "f", "b", or "S" for text of whatever length."""
        stored = self._attempt(name, self._dataset(name).id.get_type)
        if isinstance(stored, h5t.TypeStringID):
            return "S"
        return self._plain_dtype(name, stored, "uifb").kind

    def array(
        self, name: str, *, kinds: str = "uif", max_bytes: int = MAX_ARRAY_BYTES, shape: tuple[int, ...] | None = None
    ) -> np.ndarray:
        """Read the array ``name``: shape and dtype as stored, in the byte order of this machine.

        ``kinds`` are the NumPy kind letters that are allowed, out of "u", "i", "f", "b" and "S" (bytes of a fixed
        length).  ``max_bytes`` caps the size in memory.  ``shape``, where given, is the only one allowed.
        """
        dataset = self._dataset(name)
        dtype = self._dtype(name, dataset, kinds)
        found = self._dataset_shape(name, dataset)
        if shape is not None and found != tuple(shape):
            raise self._error(f"{name!r} must have the shape {tuple(shape)}", f"{found}", "Give the file that belongs here.")
        self._check_size(name, dataset, found, dtype.itemsize, max_bytes)

        def read() -> np.ndarray:
            values = np.empty(found, dtype.newbyteorder("="))
            if values.size:  # HDF5 has nothing to say about an empty selection
                dataset.read_direct(values)
            return values

        return self._attempt(name, read)

    def streamed(self, name: str, *, kinds: str = "uif") -> StreamedArray:
        """The array ``name`` as it lies in the file, of whatever size; nothing is read.

        Its values must be stored one after the other, without chunks or compression, in a type of NumPy's own.
        """
        dataset = self._dataset(name)
        dtype = self._dtype(name, dataset, kinds)
        shape = self._dataset_shape(name, dataset)
        made = self._attempt(name, dataset.id.get_create_plist)
        if self._attempt(name, made.get_layout) != h5d.CONTIGUOUS or self._attempt(name, made.get_nfilters):
            raise self._error(
                f"The values of {name!r} must lie one after the other, without chunks or compression, to be streamed",
                "another layout",
                "Rewrite the file with: h5repack -f NONE -l CONTI OLD.h5 NEW.h5",
            )
        if not self._attempt(name, lambda: dataset.id.get_type().equal(h5t.py_create(dtype))):
            raise self._error(
                f"The values of {name!r} must be of a type of NumPy's own to be streamed", "another type", "Convert them."
            )
        offset = self._attempt(name, dataset.id.get_offset)
        end = (offset or 0) + math.prod(shape) * dtype.itemsize
        if math.prod(shape) and (offset is None or end > self.path.stat().st_size):
            raise self._error(
                f"{name!r} must be stored in full", f"shape {shape}, which the file does not hold", "Write it again."
            )
        return StreamedArray(self.path, offset or 0, shape, dtype)

    def json_object(self, name: str, *, max_bytes: int, remedy: str) -> dict[str, Any]:
        """Read the array ``name`` of at most ``max_bytes`` bytes, which spell a JSON object.

        ``remedy`` is what the error recommends where they spell anything else.
        """
        spelt = self.array(name, kinds="u", max_bytes=max_bytes).tobytes()
        try:
            value = json.loads(spelt)
        except (ValueError, RecursionError):  # no text, no JSON, a number of too many digits, or nested too deep
            raise self._error(f"{name!r} must spell a JSON object", "bytes that spell no JSON", remedy) from None
        if not isinstance(value, dict):
            raise self._error(f"{name!r} must spell a JSON object", f"JSON of another type ({type(value).__name__})", remedy)
        return value

    def strings(self, name: str, *, max_count: int = MAX_NAMES) -> tuple[str, ...]:
        """Read the array ``name`` of at most ``max_count`` texts, of fixed or variable length, as strings (UTF-8)."""
        dataset = self._dataset(name)
        shape = self._dataset_shape(name, dataset)
        if math.prod(shape) > max_count:
            raise self._error(f"{name!r} may hold at most {max_count} texts", f"shape {shape}", "Use fewer names.")
        kind = self._attempt(name, dataset.id.get_type)
        if not (isinstance(kind, h5t.TypeStringID) and kind.is_variable_str()):
            flat = self.array(name, kinds="S", max_bytes=max_count * 1024).reshape(-1)
            return tuple(self._text(name, value) for value in flat.tolist())
        self._check_size(name, dataset, shape, VARIABLE_TEXT, 16 * MAX_NAMES)
        # texts of variable length have no size known beforehand, so they are fetched one by one, with a count kept
        self._check_heaps(name)
        texts: list[str] = []
        total = 0
        for position in np.ndindex(*shape):
            value = self._attempt(name, dataset.__getitem__, position)
            total += len(value)
            if total > max_count * 1024:
                raise self._error(f"{name!r} may hold at most {max_count * 1024} bytes of text", "more", "Shorten it.")
            texts.append(self._text(name, value))
        return tuple(texts)

    def attributes(self, name: str = "") -> tuple[str, ...]:
        """The names of the attributes of the group or array ``name`` ("" is the root)."""
        attached = self._attached(name)
        count = self._attempt(name, len, attached)
        if count > MAX_NAMES:
            raise self._error(f"At most {MAX_NAMES} attributes may be attached", f"{count}", "Use fewer.")
        return self._in_order(name, self._attempt(name, list, attached))

    def attribute(self, attribute: str, name: str = "") -> str | int | float | bool | np.ndarray:
        """The attribute of the group or array ``name`` ("" is the root): a string, a number, or a small array of them.

        Arrays come as NumPy arrays of numbers or fixed-length bytes, of at most 64 KiB.
        """
        attached, where = self._attached(name), f"{name}@{attribute}"
        if attribute not in self.attributes(name):
            raise self._error(
                f"The attribute {attribute!r} must be there",
                f"{_listed(self.attributes(name))} in {name or '/'!r}",
                "Give the file that belongs here.",
            )
        held = self._attempt(where, attached.get_id, attribute)
        kind = self._attempt(where, held.get_type)
        shape = self._shape(where, self._attempt(where, held.get_space))
        if isinstance(kind, h5t.TypeStringID) and kind.is_variable_str():
            if shape != ():  # each entry could point to the same long text, so the total is not known beforehand
                raise self._error(
                    f"The attribute {where!r} may hold one text, or texts of a fixed length",
                    f"an array of shape {shape} of variable length",
                    "Store one JSON text.",
                )
            self._check_heaps(where)
            value = self._attempt(where, attached.__getitem__, attribute)
            return self._text(where, value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value)
        dtype = self._plain_dtype(where, kind, "uifbS")
        if math.prod(shape) * dtype.itemsize > MAX_ATTRIBUTE_BYTES:
            raise self._error(
                f"An attribute may hold {MAX_ATTRIBUTE_BYTES} bytes", f"{where!r} of shape {shape}", "Use an array."
            )

        def read() -> np.ndarray:
            values = np.empty(shape, dtype.newbyteorder("="))
            held.read(values, mtype=h5t.py_create(values.dtype))
            return values

        values = self._attempt(where, read)
        if shape != ():
            return values
        return self._text(where, values.item()) if dtype.kind == "S" else values.item()

    def _node(self, name: str) -> h5py.Group | h5py.Dataset:
        """The group or array ``name``, reached through hard links only."""
        node: h5py.Group | h5py.Dataset = self._file
        parts = _parts(name)
        for depth, part in enumerate(parts, start=1):
            here = "/".join(parts[:depth])
            link = None
            if isinstance(node, h5py.Group):
                link = self._attempt(here, node.get, part, getlink=True, default=None)
            if link is None:
                parent = "/".join(parts[: depth - 1])
                there = self.names(parent) if isinstance(node, h5py.Group) else ()
                raise self._error(f"{name!r} must be in the file", f"{_listed(there)} in {parent or '/'!r}", "Check the layout.")
            if not isinstance(link, h5py.HardLink):
                sort = "external link" if isinstance(link, h5py.ExternalLink) else "soft link"
                raise self._error(
                    f"{here!r} must be stored under its own name in this file",
                    f"a link that leads elsewhere ({sort})",
                    "Write the values themselves.",
                )
            # the sort of object is asked for before it is opened: a stored datatype is neither group nor array
            sort_of = self._attempt(here, node.get, part, getclass=True)
            if sort_of not in (h5py.Group, h5py.Dataset):
                raise self._error(f"{here!r} must be an array or a group", "a stored datatype", "Write the values themselves.")
            node = self._attempt(here, node.__getitem__, part)
        return node

    def _attached(self, name: str) -> h5py.AttributeManager:
        node = self._node(name)
        return self._attempt(name, lambda: node.attrs)  # of the root it opens the root

    def _group(self, name: str) -> h5py.Group:
        node = self._node(name)
        if not isinstance(node, h5py.Group):
            raise self._error(f"{name!r} must be a group", "an array", "Check the layout of the file.")
        return node

    def _dataset(self, name: str) -> h5py.Dataset:
        """The array ``name``, once it is sure that its values lie in this file and can be unpacked."""
        node = self._node(name)
        if not isinstance(node, h5py.Dataset):
            raise self._error(f"{name or '/'!r} must be an array", "a group of other things", "Check the layout of the file.")
        made = self._attempt(name, node.id.get_create_plist)
        layout = self._attempt(name, made.get_layout)
        # the layout comes first: to ask a virtual array for its shape can already open the files that it names
        if layout == h5d.VIRTUAL or self._attempt(name, made.get_external_count):
            raise self._error(
                f"The values of {name!r} must be stored in this file",
                "an array whose values are fetched from other files",
                "Write the values themselves.",
            )
        codes = []
        for index in range(self._attempt(name, made.get_nfilters)):
            code, _, _, label = self._attempt(name, made.get_filter, index)
            codes.append(code)
            if code not in _FILTERS or not h5z.filter_avail(code):
                raise self._error(
                    f"{name!r} may be packed with gzip, lzf, shuffle or fletcher32",
                    f"filter {code} ({label[:40]!r})",
                    "Write it again with compression='gzip'.",
                )
        # packed twice, a piece can grow by the square of what one packing allows
        packed = [index for index, code in enumerate(codes) if code in _PACKERS]
        if len(packed) > 1 or (packed and set(codes[packed[0] + 1 :]) - {h5z.FILTER_FLETCHER32}):
            raise self._error(
                f"{name!r} may be shuffled, then packed once, then given a checksum",
                f"the filters {', '.join(map(str, codes[:8]))}",
                "Write it again with compression='gzip'.",
            )
        return node

    def _dtype(self, name: str, dataset: h5py.Dataset, kinds: str) -> np.dtype:
        return self._plain_dtype(name, self._attempt(name, dataset.id.get_type), kinds)

    def _plain_dtype(self, name: str, kind: h5t.TypeID, kinds: str) -> np.dtype:
        """The NumPy dtype of a stored type, if it is one of ``kinds`` and without pointers or parts."""
        allowed = " or ".join(_KIND_NAMES[letter] for letter in kinds)
        # asked of the file's own type, since h5py turns compounds into complex numbers and pointers into objects
        sort = self._attempt(name, kind.get_class)
        plain = sort in (h5t.INTEGER, h5t.FLOAT, h5t.ENUM, h5t.STRING)
        if plain and not (sort == h5t.STRING and kind.is_variable_str()):
            dtype = self._attempt(name, lambda: kind.dtype)
            if dtype.kind in kinds and (dtype.kind == "S" or dtype.itemsize <= 8):
                return dtype
            received = f"dtype {dtype}"
        else:
            received = _SORT_NAMES.get(sort, "values of another type")
        raise self._error(f"{name!r} must hold {allowed}", received, "Convert the values and write the file again.")

    def _dataset_shape(self, name: str, dataset: h5py.Dataset) -> tuple[int, ...]:
        return self._shape(name, self._attempt(name, dataset.id.get_space))

    def _shape(self, name: str, space: h5s.SpaceID) -> tuple[int, ...]:
        if self._attempt(name, space.get_simple_extent_type) == h5s.NULL:
            raise self._error(f"{name!r} must have a shape", "an empty dataspace", "Write the values.")
        return tuple(int(length) for length in self._attempt(name, space.get_simple_extent_dims))

    def _check_size(self, name: str, dataset: h5py.Dataset, shape: tuple[int, ...], itemsize: int, max_bytes: int) -> None:
        """Refuse what would not fit in memory, and what claims far more than the file can hold."""
        size = math.prod(shape) * itemsize
        made = self._attempt(name, dataset.id.get_create_plist)
        chunk = 0
        if self._attempt(name, made.get_layout) == h5d.CHUNKED:
            # a piece is unpacked whole even if it is larger than the array
            chunk = math.prod(self._attempt(name, made.get_chunk)) * itemsize
        if max(size, chunk) > max_bytes:
            raise self._error(
                f"{name!r} may take {max_bytes} bytes in memory",
                f"shape {shape}, {max(size, chunk)} bytes",
                "Write a smaller file.",
            )
        stored = self._attempt(name, dataset.id.get_storage_size)
        if size > BOMB_BYTES and size > MAX_RATIO * stored:
            raise self._error(
                f"{name!r} must be stored in full",
                f"shape {shape}, {size} bytes, of which the file holds {stored}",
                "Write the values, or a smaller array.",
            )
        if chunk:
            self._check_pieces(name, dataset, made, chunk)

    def _check_pieces(self, name: str, dataset: h5py.Dataset, made: h5py.h5p.PropDCID, size: int) -> None:
        """Refuse a piece that has not ``size`` bytes when it is unpacked: HDF5 makes room for whatever comes out, and where less
        comes out than there should, the rest is whatever lay in memory."""
        codes = [self._attempt(name, made.get_filter, index)[0] for index in range(self._attempt(name, made.get_nfilters))]
        pieces: list[h5d.StoreInfo] = []
        self._attempt(name, dataset.id.chunk_iter, pieces.append)
        limit = self.path.stat().st_size
        for piece in pieces:
            used = {code for at, code in enumerate(codes) if not piece.filter_mask >> at & 1}
            found = piece.size if piece.size <= min(size + PIECE_SLACK, limit) else size + PIECE_SLACK + 1
            if found == piece.size and used & _PACKERS:
                packed = self._attempt(name, dataset.id.read_direct_chunk, piece.chunk_offset)[1]
                found = (_gunzipped if h5z.FILTER_DEFLATE in used else _lzf_unpacked)(packed, size)
            if not size <= found <= size + PIECE_SLACK:
                raise self._error(
                    f"A piece of {name!r} must have {size} bytes",
                    f"another size, in the piece at {piece.chunk_offset}",
                    "Write it again.",
                )

    def _check_heaps(self, name: str) -> None:
        """Refuse a file in which a heap, where text of variable length is kept, is not a sound chain of objects.

        HDF5 1.14 runs in a circle for ever on a free object of size 0, so the chains are followed here first.
        It takes for a heap only what starts with these five bytes, so all that it could meet are found.
        """
        if self._heaps_checked:
            return
        sound = self._attempt(name, self._file.id.get_create_plist().get_sizes) == (8, 8)
        steps = 0
        with self.path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            start = data.find(_HEAP)
            while sound and start >= 0:
                (size,) = struct.unpack("<Q", data[start + 8 : start + 16].ljust(8, b"\0"))
                place, end = start + 16, start + size
                sound = end <= len(data)
                while sound and place + 16 <= end:
                    index, _, _, length = struct.unpack("<HHIQ", data[place : place + 16])
                    # free space (index 0) counts its own header, an object does not and is padded to 8 bytes
                    step = length if index == 0 else 16 + (length + 7) // 8 * 8
                    place += step
                    steps += 1
                    sound = step >= 16 and place <= end and steps <= MAX_HEAP_OBJECTS
                start = data.find(_HEAP, start + 1)
        if not sound:
            raise self._error(f"{name!r} must be readable", "a damaged heap of texts", "Copy or make the file again.")
        self._heaps_checked = True

    def _in_order(self, where: str, names: list[str]) -> tuple[str, ...]:
        if not all(isinstance(name, str) for name in names):  # h5py hands out bytes for what is no UTF-8
            raise self._error(f"Names in {where or '/'!r} must be UTF-8", "others", "Copy or make the file again.")
        return tuple(sorted(names, key=_counting_order))

    def _text(self, name: str, value: bytes) -> str:
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError as error:
            raise self._error(f"{name!r} must be text in UTF-8", f"{value[:40]!r}", "Write it as UTF-8.") from error

    def _attempt(self, name: str, action: Callable[..., _T], *arguments: Any, **options: Any) -> _T:
        """Run one step of h5py, which on a damaged file may raise almost anything."""
        try:
            return action(*arguments, **options)
        except _H5_ERRORS as error:
            raise self._error(
                f"{name or '/'!r} must be readable", f"a damaged entry ({_brief(error)})", "Copy or make the file again."
            ) from error

    def _error(self, rule: str, received: str, remedy: str) -> InputError:
        return InputError(f"{rule}. Received: {received}, in {_quoted(self.path)}. {remedy}")


_SORT_NAMES = {
    h5t.COMPOUND: "a compound type",
    h5t.VLEN: "lists of variable length",
    h5t.STRING: "text of variable length",
    h5t.REFERENCE: "references",
    h5t.ARRAY: "arrays within the array",
    h5t.OPAQUE: "opaque bytes",
}


def checked_path(path: str | os.PathLike[str]) -> Path:
    """``path`` as a Path to a file that starts like HDF5, perhaps after a preface, or InputError."""
    if not isinstance(path, str | os.PathLike):
        raise InputError(f"A data file is named by its path. Received: {path!r:.80}. Give a string or a pathlib.Path.")
    path = Path(path)
    try:
        if not path.exists():
            raise InputError(f"A data file must exist. Received: {_quoted(path)}, where there is none. Check the path.")
        if path.is_dir():
            raise InputError(f"A data file must be a file. Received: {_quoted(path)}, which is a folder. Name a file inside it.")
        if not path.is_file():
            raise InputError(
                f"A data file must be an ordinary file. Received: {_quoted(path)}, a device or pipe. Copy it to a file."
            )
        size = path.stat().st_size
        if size == 0:
            raise InputError(f"A data file must hold data. Received: {_quoted(path)}, which is empty. Copy or download it again.")
        with path.open("rb") as stream:
            # the format allows a preface of 512 bytes, 1024, 2048, ... (MATLAB writes one)
            offset = 0
            while offset < size:
                stream.seek(offset)
                if stream.read(len(_SIGNATURE)) == _SIGNATURE:
                    return path
                offset = offset * 2 or 512
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"A data file must be readable. Received: {_quoted(path)} ({_brief(error)}). Check the path and its rights."
        ) from error
    raise InputError(
        f"A data file must be HDF5. Received: {_quoted(path)}, which lacks the HDF5 signature, whatever its name. "
        "Save it with h5py."
    )


def _gunzipped(packed: bytes, size: int) -> int:
    """How many bytes zlib unpacks, counted no further than is needed; nothing of it is kept. Damage is left to HDF5 to find."""
    engine, found = zlib.decompressobj(), 0
    try:
        while packed and not engine.eof and found <= size + PIECE_SLACK:
            found += len(engine.decompress(packed, PIECE_SLACK))
            packed = engine.unconsumed_tail
    except zlib.error:
        return size
    return found if engine.eof or found > size else size


def _lzf_unpacked(packed: bytes, size: int) -> int:
    """How many bytes LZF unpacks: a run of literals, or a length and a distance, one after the other. Damage is left to HDF5."""
    at = found = 0
    while at < len(packed) and found < size:
        control = packed[at]
        if control < 32:
            at, found = at + control + 2, found + control + 1
        else:
            long = control >> 5 == 7
            found += (control >> 5) + 2 + (packed[at + 1] if long and at + 1 < len(packed) else 0)
            at += 3 if long else 2
    return found


def _parts(name: str) -> list[str]:
    return [part for part in name.split("/") if part]


def _counting_order(name: str) -> list[tuple[int, int, str]]:
    """A sort key that reads runs of digits as numbers."""
    pieces = re.split(r"([0-9]{1,15})", name)
    return [(1, int(piece), "") if index % 2 else (0, 0, piece) for index, piece in enumerate(pieces)]


def _listed(names: tuple[str, ...]) -> str:
    if not names:
        return "nothing"
    return ", ".join(repr(name)[:60] for name in names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def _quoted(path: Path) -> str:
    return repr(str(path))  # repr: a line break in a file name must not break the one-line rule


def _brief(error: BaseException) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
