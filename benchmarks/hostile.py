"""Files to attack the readers with: small sound ones, and what damage and malice make of them.

``sound(folder)`` makes the sound files, which takes TensorFlow; ``attack(kind, pool, draw)`` makes a hostile one from them, in
the same bytes for the same state of ``draw``, a ``random.Random``. ``benchmarks/fuzz.py`` lets the readers loose on them.
"""

import hashlib
import io
import json
import math
import random
import struct
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np

SEALED = {
    "trace": b"lockstep golden trace, format 1, sha256 ",
    **dict.fromkeys(("checkpoint", "comparison"), b"lockstep checkpoint, format 1, sha256 "),
}
PREFACE = 512
Pool = dict[str, list[bytes]]


def sound(folder: Path) -> None:
    """Write the sound files of every kind as ``KIND-NUMBER``."""
    import keras
    from PIL import Image

    import highlevel
    import lockstep
    import lowlevel
    from lockstep.tuning.space import COURSE
    from shared import Checkpoints

    generator = np.random.default_rng(5)
    data, (model, train) = dataset(), specs()
    x = data.x_train
    trainer = lowlevel.Trainer(model, train)
    trainer.fit(data, checkpoint=Checkpoints(folder / "kept", every=4, keep=9))
    _as_sound("checkpoint", Checkpoints(folder / "kept"), folder)
    lockstep.compare(model, train, data, sides=sides(), checkpoint=Checkpoints(folder / "kept", every=3, keep=9))
    _as_sound("comparison", Checkpoints(folder / "kept"), folder)
    high = highlevel.Trainer(model, train)
    high.fit(data)
    for number, one in enumerate((trainer, high)):
        one.save(folder / "net.weights.h5", data)
        content = (folder / "net.weights.h5").read_bytes()
        for kind in ("weights", "specs"):
            (folder / f"{kind}-{number}").write_bytes(content)
        one.export(folder / "net.safetensors")
        (folder / "net.safetensors").rename(folder / f"tensors-{number}")
    (folder / "net.weights.h5").unlink()
    lockstep.record(model, train, data, folder / "trace.h5", sides="graph,keras", every=5)
    (folder / "trace.h5").rename(folder / "trace-0")
    net = keras.Sequential([keras.Input((6,)), keras.layers.Dense(5, "relu"), keras.layers.Dense(3)])
    for number in range(2):
        net.save(folder / "net.keras")
        (folder / "net.keras").rename(folder / f"keras-{number}")
        net.compile("adam", "mse")
        net.fit(x.astype("f4"), x[:, :3].astype("f4"), verbose=0)

    (folder / "digits-0").write_bytes(Path(__file__).parents[1].joinpath("datasets", "digits.h5").read_bytes())
    pixels = generator.integers(0, 256, (9, 12, 3)).astype(np.uint8)
    for number, packed in enumerate([{}, {"compression": "gzip", "shuffle": True}, {"compression": "lzf", "fletcher32": True}]):
        with h5py.File(folder / f"data-{number}", "w", libver=("earliest", "latest")[number % 2]) as file:
            for part, count in (("train", 12), ("test", 4)):
                rows = generator.integers(0, 256, (count, 4, 4, 3)).astype(np.uint8)
                file.create_dataset(f"{part}_set_x", data=rows, **packed)
                file.create_dataset(f"{part}_set_y", data=np.arange(count) % 3)
            names = ["cat", "dog", "hen"]
            file["list_classes"] = names if number else np.array([name.encode() for name in names])
            file.attrs["provenance"] = "drawn"
    for number, kind in enumerate(("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "JPEG2000")):
        mode = ("RGB", "RGB", "P", "RGB", "RGBA", "RGBA", "L", "RGB")[number]
        Image.fromarray(pixels).convert(mode).save(folder / f"picture-{number}", format=kind)
    for number, text in enumerate((model.to_json(), train.to_json(), COURSE.to_json())):
        (folder / f"json-{number}").write_text(text)


def _as_sound(kind: str, checkpoints: Any, folder: Path) -> None:
    """Move checkpoints to where the sound files lie."""
    for number, path in enumerate(checkpoints.paths()):
        path.rename(folder / f"{kind}-{number}")
    Path(checkpoints.folder).rmdir()


def dataset() -> Any:
    """What the sound files' nets are trained on: 24 rows of 6 columns, three classes."""
    from shared import Dataset

    generator = np.random.default_rng(5)
    x, y = generator.normal(size=(24, 6)), generator.integers(0, 3, 24)
    return Dataset(x_train=x, y_train=y, x_test=x[:5], y_test=y[:5], classes=("a", "b", "c"), source="made", name="made")


def specs() -> tuple[Any, Any]:
    """The net and the training of the sound files."""
    from shared import ModelSpec, TrainSpec

    return ModelSpec.mlp(6, 5, 3), TrainSpec(epochs=2, batch_size=5, seed=3)


def sides() -> list[Any]:
    """The sides of the sound comparison, all in NumPy and so quickly compared: one that differs from the fourth step on, one that
    differs from the first on, one that does not, and the reference."""
    from lockstep.sides import Side, side

    make = side("numpy").make

    def late(model: Any, train: Any) -> Any:
        trainer = make(model, train)
        fit = trainer.fit

        def fit_and_change(data: Any, plan: Any, sink: Any, **more: Any) -> Any:
            def see(record: Any) -> None:
                changed = {"logits": record.logits * np.float32(1 + 2**-20)} if getattr(record, "step", 0) >= 4 else {}
                sink(replace(record, **changed))

            return fit(data, plan, see, **more)

        trainer.fit = fit_and_change
        return trainer

    soon = Side("soon", lambda model, train: make(model, replace(train, epsilon=1e-6)))
    return [Side("late", late), soon, Side("same", make), Side("numpy", make)]


def attack(kind: str, pool: Pool, draw: random.Random) -> bytes:
    """A hostile file for the reader of ``kind``."""
    content = draw.choice(pool[kind])
    if draw.random() < 0.4:
        with suppress(OSError, ValueError, TypeError, RuntimeError, KeyError):  # HDF5 will not write everything that is asked for
            content = MAKERS[kind](content, draw)
        if draw.random() < 0.8:
            return content
    body, seal = (content[PREFACE:], True) if kind in SEALED and draw.random() < 0.7 else (content, False)
    for _ in range(draw.choice((1, 1, 1, 2, 4))):
        body = draw.choice(DAMAGES)(body, pool, draw)
    return signed(kind, body) if seal else body


def signed(kind: str, body: bytes) -> bytes:
    """``body`` behind a first line with the right digest, as who makes a file on purpose would write it."""
    line = SEALED[kind] + hashlib.sha256(body).hexdigest().encode() + b"\n"
    return line.ljust(PREFACE, b"\0") + body


@cache
def packed(size: int) -> bytes:
    """So many zeros, packed as small as zlib can."""
    return zlib.compress(bytes(size), 9)


# --------------------------------------------------------------------------------------------------- damage to the bytes


def place(body: bytes, draw: random.Random) -> int:
    """A place in a file, half of the time near the beginning, where most formats say what follows."""
    return draw.randrange(max(1, len(body) if draw.random() < 0.5 else min(len(body), 2048)))


def flip(body: bytes, pool: Pool, draw: random.Random) -> bytes:
    """Some bits turned over."""
    new = bytearray(body)
    for _ in range(draw.choice((1, 2, 8, 40)) if new else 0):
        new[place(body, draw)] ^= 1 << draw.randrange(8)
    return bytes(new)


def number(body: bytes, pool: Pool, draw: random.Random) -> bytes:
    """A number, of one to eight bytes, put over what was there."""
    value = draw.choice((0, 1, 2, 3, 0x7F, 0x80, 0xFF, 2**15, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63 - 1, 2**64 - 1))
    size, at = draw.choice((1, 2, 4, 8)), place(body, draw)
    return body[:at] + (value % 256**size).to_bytes(size, draw.choice(("little", "big"))) + body[at + size :]


def truncate(body: bytes, pool: Pool, draw: random.Random) -> bytes:
    """Cut short."""
    return body[: place(body, draw)]


def splice(body: bytes, pool: Pool, draw: random.Random) -> bytes:
    """The beginning of one file and the end of another."""
    other = draw.choice(pool[draw.choice(sorted(pool))])
    return body[: place(body, draw)] + other[place(other, draw) :]


def move(body: bytes, pool: Pool, draw: random.Random) -> bytes:
    """A block doubled, left out, or copied over another place."""
    at, size, to = place(body, draw), draw.randrange(1, 200), place(body, draw)
    block = body[at : at + size]
    return draw.choice(
        (body[:at] + block + body[at:], body[:at] + body[at + size :], body[:to] + block + body[to + len(block) :])
    )


def fill(body: bytes, pool: Pool, draw: random.Random) -> bytes:
    """A block of equal bytes."""
    at, size = place(body, draw), draw.randrange(1, 300)
    return body[:at] + bytes([draw.choice((0, 32, 255))]) * size + body[at + size :]


DAMAGES: tuple[Callable[[bytes, Pool, random.Random], bytes], ...] = (flip, flip, number, number, truncate, splice, move, fill)


# ----------------------------------------------------------------------------------------------------- HDF5 made on purpose


def hdf5(content: bytes, draw: random.Random, preface: int = 0) -> bytes:
    """A sound HDF5 file in which one or two entries are no longer what they should be."""
    stream = io.BytesIO(content[preface:])
    with h5py.File(stream, "r+") as file:
        names: list[str] = []
        file.visit(names.append)
        for _ in range(draw.choice((1, 1, 2))):
            name = draw.choice(names)
            if name in file:
                draw.choice(CHANGES)(file, name, draw)
    return stream.getvalue()


def shape_of(file: h5py.File, name: str) -> tuple[int, ...]:
    """The shape of an array; of a group, or of an array that was made huge before, some other."""
    shape = file[name].shape if isinstance(file[name], h5py.Dataset) else None
    return (3,) if shape is None or math.prod(shape) > 10**6 else shape


def put(file: h5py.File, name: str, **options: Any) -> None:
    """Replace an entry."""
    del file[name]
    file.create_dataset(name, **options)


def reshaped(file: h5py.File, name: str, draw: random.Random) -> None:
    """Another shape."""
    put(file, name, data=np.ones([draw.choice((0, 1, 2, 7)) for _ in range(draw.randrange(5))], draw.choice(("f4", "u1", "i8"))))


def retyped(file: h5py.File, name: str, draw: random.Random) -> None:
    """The same shape in another type."""
    kinds = ("f2", ">f8", "i1", "u8", "S5", "c8", "?", [("a", "f4")], "V3", h5py.string_dtype(), h5py.vlen_dtype("i4"))
    kinds += (h5py.ref_dtype, np.dtype(("i4", (3,))), h5py.enum_dtype({"a": 1}))
    put(file, name, shape=shape_of(file, name), dtype=draw.choice(kinds))


def not_finite(file: h5py.File, name: str, draw: random.Random) -> None:
    """NaN, infinity, or whole numbers out of range."""
    shape = shape_of(file, name)
    put(
        file,
        name,
        data=draw.choice((np.full(shape, draw.choice((np.nan, np.inf, 1e300))), np.full(shape, draw.choice((-1, 2**62))))),
    )


def huge(file: h5py.File, name: str, draw: random.Random) -> None:
    """A huge shape of which nothing was written."""
    shape = draw.choice(((2**40,), (2**20, 2**20), (2**31, 3), (2**26,), (2**23,), (2**62, 2**62)))
    chunks = draw.choice((tuple(min(side, 2**10) for side in shape), True))
    put(file, name, shape=shape, dtype=draw.choice(("f4", "u1", "f8")), chunks=chunks, compression=draw.choice((None, "gzip")))


def large_piece(file: h5py.File, name: str, draw: random.Random) -> None:
    """The right shape in pieces that are far larger."""
    shape = shape_of(file, name)
    side = int((2**31) ** (1 / max(1, len(shape)))) // draw.choice((2, 16, 256)) or 1
    put(file, name, shape=shape or (1,), maxshape=(None,) * max(1, len(shape)), chunks=(side,) * max(1, len(shape)), dtype="f4")


def bomb(file: h5py.File, name: str, draw: random.Random) -> None:
    """A piece that unfolds to far more than its shape, packed once or twice."""
    shape, twice = shape_of(file, name) or (1,), draw.random() < 0.3
    sides = (int(2 ** (18 / len(shape))) + 1,) * len(shape)  # HDF5 stores no piece of more than 256 times its right size
    put(file, name, shape=shape, maxshape=(None,) * len(shape), dtype="u1", chunks=sides, compression="gzip")
    once = packed(draw.choice((2**24, 2**27)))
    file[name].id.write_direct_chunk((0,) * len(shape), zlib.compress(once, 9) if twice else once)


def linked(file: h5py.File, name: str, draw: random.Random) -> None:
    """A link that leads elsewhere, or in a circle."""
    del file[name]
    links = (
        h5py.SoftLink("/"),
        h5py.SoftLink(f"/{name}"),
        h5py.ExternalLink("other.h5", "/x"),
        h5py.ExternalLink("/proc/self/mem", "/"),
    )
    file[name] = draw.choice((*links, file["/"]))


def elsewhere(file: h5py.File, name: str, draw: random.Random) -> None:
    """Values that lie in another file."""
    shape = shape_of(file, name) or (1,)
    del file[name]
    if draw.random() < 0.5:
        file.create_dataset(name, shape, "u1", external=[(draw.choice(("/etc/passwd", "/dev/zero")), 0, h5py.h5f.UNLIMITED)])
        return
    layout = h5py.VirtualLayout(shape=shape, dtype="f4")
    layout[...] = h5py.VirtualSource(draw.choice(("other.h5", ".")), "x", shape=shape)
    file.create_virtual_dataset(name, layout)


def deep(file: h5py.File, name: str, draw: random.Random) -> None:
    """Groups within groups, or very many of them."""
    del file[name]
    if draw.random() < 0.5:
        file.create_group("/".join([name, *"g" * draw.choice((9, 20, 300))]))
    else:
        for at in range(draw.choice((11, 300, 11_000))):
            file.create_group(f"{name}/{at}")


def missing(file: h5py.File, name: str, draw: random.Random) -> None:
    """An entry left out, or under another name."""
    if draw.random() < 0.5:
        del file[name]
    else:
        file.move(name, f"{name}x")


def noted(file: h5py.File, name: str, draw: random.Random) -> None:
    """Attributes of the root with other values: texts damaged as JSON is, numbers, lists."""
    attributes = [key for key in file.attrs if isinstance(file.attrs[key], str)]
    key = draw.choice(attributes or ["provenance"])
    text = str(file.attrs.get(key, "{}"))
    values = (
        json_text(text.encode(), draw).decode("utf-8", "replace"),
        7,
        np.zeros(3),
        ["a", "b"],
        np.bytes_(b"\xff"),
        "x" * 60_000,
    )
    try:
        file.attrs[key] = draw.choice(values[:1] * 4 + values)
    except (OSError, ValueError, RuntimeError):  # a text too long, or with a null byte
        file.attrs[key] = "{"


CHANGES = (reshaped, retyped, not_finite, huge, large_piece, bomb, linked, elsewhere, deep, missing, noted, noted, noted)


def sealed_hdf5(kind: str) -> Callable[[bytes, random.Random], bytes]:
    """The maker for files behind a first line: entries changed, or the header's JSON."""

    def make(content: bytes, draw: random.Random) -> bytes:
        if draw.random() < 0.5:
            return signed(kind, hdf5(content, draw, PREFACE))
        stream = io.BytesIO(content[PREFACE:])
        with h5py.File(stream, "r+") as file:
            text = json_text(file["header"][()].tobytes(), draw)
            put(file, "header", data=np.frombuffer(text, np.uint8))
        return signed(kind, stream.getvalue())

    return make


# ------------------------------------------------------------------------------------------------------- JSON made on purpose

JUNK: tuple[Any, ...] = (
    *(
        None,
        True,
        -1,
        0,
        1,
        2**31,
        2**63,
        10**30,
        1.5,
        1e308,
        float("nan"),
        float("inf"),
        "",
        "x",
        "a\nb\u2028\x1b[2J",
        "9" * 400,
    ),
    *(
        [],
        [1],
        [[]],
        {},
        {"a": 1},
        ["a"] * 3000,
        {"class_name": "Lambda"},
        {"class_name": ["Dense"]},
        {str(n): n for n in range(500)},
    ),
)


def json_text(content: bytes, draw: random.Random) -> bytes:
    """A JSON text with junk in place of a value, one too many or too few, or a text that no reader should follow."""
    if draw.random() < 0.15:
        depth = draw.choice((100, 990, 10**5))
        nested = (b"[" * depth, b'{"a":' * depth, b"[" * depth + b"]" * depth)
        long = (b"1" * 5000, b'{"inputs": ' + b"9" * 5000 + b"}", b'"' + b"x" * 10**6 + b'"')
        return draw.choice((*nested, *long, b"", b"\xff", b"[1e999]", b'{"inputs": 1, "inputs": 2}', b"NaN", b"\xef\xbb\xbf{}"))
    try:
        values = json.loads(content)
    except ValueError:
        return content[: draw.randrange(1 + len(content))]
    for _ in range(draw.choice((1, 1, 3))):
        holder: Any = {"": values}
        key: Any = ""
        while isinstance(holder[key], dict | list) and holder[key] and draw.random() < 0.8:
            holder = holder[key]
            key = draw.choice(list(holder)) if isinstance(holder, dict) else draw.randrange(len(holder))
        deed = draw.random()
        if deed < 0.15 and key != "":
            del holder[key]
        elif deed < 0.3 and isinstance(holder, dict) and key != "":
            holder[draw.choice(("more", "__class__", "class_name", "name\n", "self"))] = draw.choice(JUNK)
        elif deed < 0.4 and isinstance(holder, list) and holder:
            holder.extend(holder[:1] * draw.choice((1, 50, 5000)))
        else:
            holder[key] = draw.choice(JUNK)
        if key == "":
            values = holder[""]
    return json.dumps(values).encode()


# ------------------------------------------------------------------------------------------------ safetensors made on purpose


def tensor_file(content: bytes, draw: random.Random) -> bytes:
    """A safetensors file whose header, texts, tensors or numbers are others, or of which the first bytes give another length."""
    size = int.from_bytes(content[:8], "little")
    header, numbers = json.loads(content[8 : 8 + size]), content[8 + size :]
    name = draw.choice([name for name in header if name != "__metadata__"])
    text, deed = b"", draw.random()
    if deed < 0.2:
        text = json_text(content[8 : 8 + size], draw)
    elif deed < 0.5:
        said = header["__metadata__"]
        key = draw.choice(sorted(said))
        said[key] = json_text(said[key].encode(), draw).decode("utf-8", "replace")
    elif deed < 0.8:
        key, value = draw.choice(TOLD)
        header[name][key] = value
    elif deed < 0.9:
        header |= {f"more/{at}": draw.choice((header[name], EMPTY)) for at in range(draw.choice((1, 9, 5000)))}
    else:
        numbers = draw.choice((numbers[::-1], b"\xff" * len(numbers), bytes(2**26), b"", numbers + b"x"))
    text = text or json.dumps(header).encode()
    length = len(text) if draw.random() < 0.9 else draw.choice((0, len(text) - 1, len(text) + 9, 2**20, 2**31, 2**63, 2**64 - 1))
    return length.to_bytes(8, "little") + text + numbers


EMPTY = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
TOLD: tuple[tuple[str, Any], ...] = (
    *(("dtype", name) for name in ("F16", "F64", "I32", "U8", "BOOL", "BF16", "F8_E4M3", "C64", "F4", "X9", "", None)),
    *(
        ("shape", shape)
        for shape in ([], [5, 6], [30], [2**40, 2**40], [2**63, 2], [-1, -30], [0], [1.5], ["6", "5"], [1] * 999, 30)
    ),
    *(
        ("data_offsets", pair)
        for pair in ([0, 0], [0, 4], [4, 124], [0, 2**40], [2**64 - 8, 2**64 - 4], [120, 0], [-120, 0], [0], None)
    ),
)


# --------------------------------------------------------------------------------------------------- pictures made on purpose


def chunk(kind: bytes, content: bytes) -> bytes:
    """A chunk of a PNG with the right sum."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def picture(content: bytes, draw: random.Random) -> bytes:
    """A PNG with sums that are right and content that is not: bombs, odd sizes and types, long notes."""
    wide, high = (draw.choice((9, 3000, 3000, 0, 1, 8193, 2**16, 2**31 - 1, 2**32 - 1)) for _ in range(2))
    depth, colour = draw.choice((8, 8, 8, 1, 2, 4, 16, 3)), draw.choice((2, 2, 6, 0, 3, 4, 1))
    parts = [
        chunk(
            b"IHDR",
            struct.pack(">IIBBBBB", wide, high, depth, colour, 0, draw.choice((0, 0, 0, 9)), draw.choice((0, 0, 0, 1, 9))),
        )
    ]
    notes = (
        chunk(b"zTXt", b"note\0\0" + packed(2**27)),
        chunk(b"iCCP", b"icc\0\0" + packed(2**27)),
        chunk(b"eXIf", bytes(draw.randrange(256) for _ in range(60))),
        chunk(b"eXIf", b"II*\0\x08\0\0\0\x01\0\x12\x01\x04\0\xff\xff\xff\xff\x08\0\0\0"),
        chunk(b"PLTE", bytes(draw.randrange(256) * 3)),
        chunk(b"tRNS", bytes(draw.randrange(300))),
        chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0)),
    )
    parts += [draw.choice(notes) for _ in range(draw.randrange(3))]
    parts += [chunk(b"IDAT", packed(draw.choice((2**25, 2**25, 0, 9, 10**4)))), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


# --------------------------------------------------------------------------------------------------- archives made on purpose


def keras_file(content: bytes, draw: random.Random) -> bytes:
    """A ``.keras`` file with foreign layers, another net, entries that are bombs, or paths that lead out."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    deed = draw.random()
    if deed < 0.35:
        entries["config.json"] = json_text(entries["config.json"], draw)
    elif deed < 0.5:
        net = json.loads(entries["config.json"])
        layers = net["config"]["layers"]
        layers[draw.randrange(len(layers))] = foreign(draw)
        entries["config.json"] = json.dumps(net).encode()
    elif deed < 0.75:
        entries["model.weights.h5"] = hdf5(entries["model.weights.h5"], draw)
    elif deed < 0.85:
        entries[draw.choice(("config.json", "model.weights.h5"))] = bytes(draw.choice((0, 2**21, 2**26)))
    else:
        entries = {
            draw.choice((name, f"../{name}", f"/{name}", name.upper(), f"{name}\0x")): text for name, text in entries.items()
        }
    stream = io.BytesIO()
    packing = draw.choice((zipfile.ZIP_STORED,) * 3 + (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
    with zipfile.ZipFile(stream, "w", packing) as archive:
        for name, text in entries.items():
            archive.writestr(zipfile.ZipInfo(name), text, packing)
        if draw.random() < 0.1:
            for at in range(draw.choice((1, 1100))):
                archive.writestr(zipfile.ZipInfo(f"assets/{at}"), b"x")
    return stream.getvalue()


def foreign(draw: random.Random) -> dict[str, Any]:
    """A layer that Keras would run code for."""
    code = {"class_name": "__lambda__", "config": {"code": "4wEAAAAA", "defaults": None, "closure": None}}
    return draw.choice(
        (
            {
                "module": "keras.layers",
                "class_name": "Lambda",
                "config": {"name": "l", "function": code},
                "registered_name": None,
            },
            {"module": "os", "class_name": "system", "config": {"command": "true"}, "registered_name": None},
            {"module": "builtins", "class_name": "eval", "config": "1", "registered_name": "eval"},
            {"module": "keras.layers", "class_name": "Dense", "config": {"units": 3, "activation": code, "use_bias": True}},
            {"module": "keras.layers", "class_name": "Dense", "config": {"units": 3}, "registered_name": "mine>Dense"},
            {"module": "keras.layers", "class_name": "TFSMLayer", "config": {"filepath": "/etc"}, "registered_name": None},
        )
    )


MAKERS: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "data": hdf5,
    "digits": hdf5,
    "weights": hdf5,
    "specs": hdf5,
    "trace": sealed_hdf5("trace"),
    "checkpoint": sealed_hdf5("checkpoint"),
    "comparison": sealed_hdf5("comparison"),
    "tensors": tensor_file,
    "keras": keras_file,
    "picture": picture,
    "json": json_text,
}
