"""One picture of any size and format, as bytes: upright, three colours, square where asked for; and what is refused."""

import contextlib
import re
import struct
import sys
import zlib

import numpy as np
import pytest

from shared.data.pictures import MAX_PIXELS, read_picture
from shared.errors import InputError

PIL = pytest.importorskip("PIL.Image")

RGB = np.random.default_rng(3).integers(0, 256, (6, 9, 3)).astype(np.uint8)  # six high, nine wide


def saved(path, array, mode=None, **options):
    image = PIL.fromarray(array) if mode is None else PIL.fromarray(array).convert(mode)
    image.save(path, **options)
    return path


@pytest.mark.parametrize("ending", ["png", "bmp", "tiff", "ppm", "webp", "jp2"])
def test_lossless_formats_give_their_bytes(tmp_path, ending):
    path = saved(tmp_path / f"a.{ending}", RGB, **({"lossless": True} if ending == "webp" else {}))
    for name in (path, str(path)):
        found = read_picture(name)
        assert found.dtype == np.uint8
        assert np.array_equal(found, RGB)
        assert found.flags.writeable


@pytest.mark.parametrize("ending", ["jpg", "avif"])
def test_lossy_formats_come_near(tmp_path, ending):
    ramp = np.broadcast_to(np.arange(0, 240, 5, dtype=np.uint8)[:, None, None], (48, 32, 3))
    found = read_picture(saved(tmp_path / f"a.{ending}", ramp.copy()))
    assert found.shape == ramp.shape
    assert np.abs(found.astype(int) - ramp).max() <= 8


def test_the_content_counts_and_not_the_ending(tmp_path):
    path = saved(tmp_path / "a.png", RGB)
    assert np.array_equal(read_picture(path.rename(tmp_path / "a.jpg")), RGB)
    assert np.array_equal(read_picture((tmp_path / "a.jpg").rename(tmp_path / "picture")), RGB)


def test_grey_and_black_and_white_become_three_equal_colours(tmp_path):
    grey = RGB[..., 0]
    assert np.array_equal(read_picture(saved(tmp_path / "a.png", grey)), np.repeat(grey[..., None], 3, axis=2))
    bits = grey > 127
    assert np.array_equal(read_picture(saved(tmp_path / "b.png", bits)), np.where(bits, 255, 0)[..., None].repeat(3, axis=2))


def test_sixteen_bits_become_eight(tmp_path):
    grey = np.array([[0, 128, 129, 257, 32896, 65535]], np.uint16)
    assert read_picture(saved(tmp_path / "a.png", grey))[0, :, 0].tolist() == [0, 0, 1, 1, 128, 255]
    assert read_picture(saved(tmp_path / "a.tiff", grey))[0, :, 1].tolist() == [0, 0, 1, 1, 128, 255]


def test_transparency_is_laid_on_white(tmp_path):
    alpha = np.concatenate([RGB, np.zeros((6, 9, 1), np.uint8)], axis=2)
    alpha[:, :3, 3], alpha[:, 3:6, 3] = 255, 51
    found = read_picture(saved(tmp_path / "a.png", alpha))
    assert np.array_equal(found[:, :3], RGB[:, :3])
    assert np.abs(found[:, 3:6] - (0.2 * RGB[:, 3:6] + 0.8 * 255)).max() <= 1
    assert (found[:, 6:] == 255).all()
    grey = saved(tmp_path / "b.png", alpha[..., 2:])  # one grey and its transparency
    assert (read_picture(grey)[:, 6:] == 255).all()


def test_palettes_with_and_without_transparency(tmp_path):
    colours = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)
    for ending in ("png", "gif"):
        assert np.array_equal(read_picture(saved(tmp_path / f"a.{ending}", colours, "P")), colours)
    image = PIL.fromarray(colours).convert("P")
    image.save(tmp_path / "b.gif", transparency=image.getpixel((1, 0)))
    assert read_picture(tmp_path / "b.gif")[0].tolist() == [[255, 0, 0], [255, 255, 255], [0, 0, 255]]
    image.save(tmp_path / "b.png", transparency=bytes([255] * 256))
    assert np.array_equal(read_picture(tmp_path / "b.png"), colours)


def test_print_colours_become_screen_colours(tmp_path):
    found = read_picture(saved(tmp_path / "a.tiff", np.full((4, 4, 3), [0, 255, 0], np.uint8), "CMYK"))
    assert found[0, 0].tolist() == [0, 255, 0]


@pytest.mark.parametrize(
    ("orientation", "turned"),
    [
        (1, lambda seen: seen),
        (2, lambda seen: seen[:, ::-1]),
        (3, lambda seen: seen[::-1, ::-1]),
        (6, lambda seen: np.rot90(seen, -1)),
        (8, lambda seen: np.rot90(seen)),
    ],
)
def test_the_rotation_that_the_camera_noted(tmp_path, orientation, turned):
    exif = PIL.Exif()
    exif[0x0112] = orientation
    assert np.array_equal(read_picture(saved(tmp_path / "a.png", RGB, exif=exif)), turned(RGB))


def test_a_moving_picture_shows_its_first_frame(tmp_path):
    red, blue = (PIL.new("RGB", (5, 5), colour) for colour in ("red", "blue"))
    red.save(tmp_path / "a.gif", save_all=True, append_images=[blue])
    assert read_picture(tmp_path / "a.gif")[2, 2].tolist() == [255, 0, 0]


def test_S1_12_size_cuts_the_middle_square_and_resizes_it(tmp_path):
    wide = np.zeros((64, 100, 3), np.uint8)
    wide[:, 18:82] = np.random.default_rng(5).integers(0, 256, (64, 64, 3))
    assert np.array_equal(read_picture(saved(tmp_path / "wide.png", wide), size=64), wide[:, 18:82])
    high = wide.transpose(1, 0, 2).copy()
    assert np.array_equal(read_picture(saved(tmp_path / "high.png", high), size=64), high[18:82])
    halves = np.zeros((300, 500, 3), np.uint8)
    halves[:, 250:] = 255
    small = read_picture(saved(tmp_path / "halves.png", halves), size=64)
    assert small.shape == (64, 64, 3)
    assert (small[:, :30] == 0).all()
    assert (small[:, 34:] == 255).all()
    thin = read_picture(saved(tmp_path / "thin.png", np.full((1, 500, 3), 9, np.uint8)), size=64)
    assert thin.shape == (64, 64, 3)
    assert (thin == 9).all()


def test_resizing_is_antialiased(tmp_path):
    stripes = np.zeros((512, 512, 3), np.uint8)
    stripes[:, ::2] = 255
    small = read_picture(saved(tmp_path / "a.png", stripes), size=64)[:, 2:-2]  # at the edge there is less to average
    assert np.abs(small.astype(int) - 127).max() <= 2


def refused(path, **options):
    with pytest.raises(InputError) as caught:
        read_picture(path, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert "Received: " in message
    return message


def test_files_that_are_no_pictures(tmp_path):
    assert "no such file" in refused(tmp_path / "none.png")
    assert "a folder" in refused(tmp_path)
    (tmp_path / "empty.png").touch()
    assert "an empty file" in refused(tmp_path / "empty.png")
    (tmp_path / "text.png").write_text("a picture\n" * 40)
    assert "none of these" in refused(tmp_path / "text.png")
    (tmp_path / "drawing.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    assert "none of these" in refused(tmp_path / "drawing.svg")
    PIL.fromarray(RGB).save(tmp_path / "a.eps")  # would be handed to another program
    assert "none of these" in refused(tmp_path / "a.eps")
    assert "device or pipe" in refused("/dev/zero")
    assert "no such file" in refused("a\0b.png")
    assert "named by its path" in refused(3)
    assert "two\\nlines" in refused(tmp_path / "two\nlines.png")


def test_damaged_pictures(tmp_path):
    rng = np.random.default_rng(1)
    large = rng.integers(0, 256, (64, 64, 3)).astype(np.uint8)
    for ending in ("png", "jpg", "gif", "webp", "bmp", "tiff", "jp2", "avif"):
        whole = saved(tmp_path / f"a.{ending}", large).read_bytes()
        (tmp_path / f"cut.{ending}").write_bytes(whole[: len(whole) // 2])
        assert re.search("undamaged|none of these, or a damaged one", refused(tmp_path / f"cut.{ending}"))
        for _ in range(20):  # whatever the damage: a picture, or one line
            noisy = bytearray(whole)
            for place in rng.integers(0, len(noisy), 8):
                noisy[place] = rng.integers(0, 256)
            (tmp_path / f"noisy.{ending}").write_bytes(noisy)
            with contextlib.suppress(InputError):
                assert read_picture(tmp_path / f"noisy.{ending}", size=8).shape == (8, 8, 3)


@pytest.mark.parametrize("side", [int(MAX_PIXELS**0.5) + 1, 10_000, 60_000])
def test_a_small_file_that_claims_a_huge_picture(tmp_path, side):
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    (tmp_path / "bomb.png").write_bytes(
        b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(9))) + chunk(b"IEND", b"")
    )
    assert f"{MAX_PIXELS} pixels" in refused(tmp_path / "bomb.png")


@pytest.mark.parametrize("size", [0, -1, 1.5, "64", 10**6, True])
def test_sizes_that_are_none(tmp_path, size):
    assert "size=" in refused(saved(tmp_path / "a.png", RGB), size=size)


def test_floats_have_no_white(tmp_path):
    assert "mode F" in refused(saved(tmp_path / "a.tiff", np.ones((3, 3), np.float32)))


def test_without_pillow(tmp_path, monkeypatch):
    path = saved(tmp_path / "a.png", RGB)
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert "keras-lockstep[pictures]" in refused(path)
