"""The guard on HDF5 files: what is refused, and that what is allowed comes through bit by bit."""

import re
import time

import h5py
import numpy as np
import pytest

from shared.data.hdf5 import guarded
from shared.errors import InputError


def refused(path, action, *words):
    """The message of the InputError that ``action`` on the guarded file ends in: one line, with file and words."""
    with pytest.raises(InputError) as caught, guarded(path) as file:
        action(file)
    message = str(caught.value)
    assert "\n" not in message
    assert path.name in message
    assert "Received: " in message
    for word in words:
        assert word in message, message
    return message


@pytest.fixture
def path(tmp_path):
    return tmp_path / "some.h5"


@pytest.fixture
def secret(tmp_path):
    """Another file, whose values no guarded file may give away."""
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["x"] = np.full(8, 42.0)
    (tmp_path / "secret.bin").write_bytes(b"*" * 64)
    return tmp_path


def test_plain_values_come_through_bit_by_bit_in_native_order(path):
    values = {
        "bytes": np.arange(60, dtype=np.uint8).reshape(3, 4, 5),
        "big": np.array([1.5, -2.25, 1e-300], dtype=">f8"),
        "half": np.array([0.5, 2.0], dtype=np.float16),
        "number": np.array(7, dtype=np.int64),
        "none": np.zeros((0, 3), np.float32),
        "flag": np.array([True, False]),
        "text": np.array([b"cat", b"dog"]),
    }
    with h5py.File(path, "w") as file:
        for name, value in values.items():
            file[f"deep/er/{name}"] = value
        file.create_dataset("packed", data=np.arange(999), compression="gzip", shuffle=True, fletcher32=True)
        file.create_dataset("lzf", data=np.arange(999), compression="lzf")
    with guarded(path) as file:
        for name, value in values.items():
            read = file.array(f"deep/er/{name}", kinds="uifbS")
            assert read.shape == value.shape == file.shape(f"deep/er/{name}")
            assert read.dtype == value.dtype.newbyteorder("=")
            assert read.dtype.isnative
            assert np.array_equal(read, value)
        assert np.array_equal(file.array("packed"), np.arange(999))
        assert np.array_equal(file.array("lzf"), np.arange(999))
        assert file.kind("deep/er/bytes") == "u"
        assert file.kind("deep/er/text") == "S"
    with h5py.File(path, "r+"):  # nothing stays open or locked
        pass


def test_names_stand_in_counting_order(path):
    with h5py.File(path, "w") as file:
        for name in ("dense_10", "dense", "dense_2", "batch"):
            file[f"layers/{name}/vars/0"] = np.zeros(1)
        file["layers/dense/vars/1"] = np.zeros(1)
    with guarded(path) as file:
        assert file.names() == ("layers",)
        assert file.names("layers") == ("batch", "dense", "dense_2", "dense_10")
        assert file.walk("layers/dense") == ("layers/dense/vars/0", "layers/dense/vars/1")
        assert [name.split("/")[1] for name in file.walk()] == ["batch", "dense", "dense", "dense_2", "dense_10"]
        assert file.has("layers/dense")
        assert file.has("/layers/dense/vars/1/")
        assert not file.has("layers/dense/vars/2")
        assert not file.has("optimizer/vars")
        assert not file.has("layers/dense/vars/1/below an array")


def test_missing_name_lists_what_is_there(path):
    with h5py.File(path, "w") as file:
        file["other"] = np.zeros(1)
        file["group/inner"] = np.zeros(1)
    refused(path, lambda file: file.array("x"), "'x' must be in the file", "'group', 'other'")
    refused(path, lambda file: file.array("group/x"), "'inner'")
    refused(path, lambda file: file.array("other/x"), "'other/x' must be in the file")
    refused(path, lambda file: file.array("group"), "'group' must be an array")
    refused(path, lambda file: file.names("other"), "'other' must be a group")


def test_external_link_is_refused(path, secret):
    with h5py.File(path, "w") as file:
        file["x"] = h5py.ExternalLink("secret.h5", "/x")
        file["group"] = h5py.ExternalLink("secret.h5", "/")
    with h5py.File(path) as file:
        assert file["x"][0] == 42  # plain h5py does follow it
    refused(path, lambda file: file.array("x"), "external link", "'x'")
    refused(path, lambda file: file.array("group/x"), "external link", "'group'")
    refused(path, lambda file: file.names("group"), "external link")
    refused(path, lambda file: file.walk(), "external link")
    refused(path, lambda file: file.attribute("a", "group"), "external link")


@pytest.mark.parametrize("target", ["/real", "/nowhere", "/"])
def test_soft_link_is_refused_even_when_it_dangles(path, target):
    with h5py.File(path, "w") as file:
        file["real"] = np.zeros(3)
        file["x"] = h5py.SoftLink(target)
    refused(path, lambda file: file.array("x"), "soft link")
    refused(path, lambda file: file.walk(), "soft link")
    with guarded(path) as file:
        assert file.names() == ("real", "x")
        assert file.has("x")


def test_external_storage_is_refused(path, secret):
    with h5py.File(path, "w") as file:
        file.create_dataset("x", (64,), "u1", external=[(str(secret / "secret.bin"), 0, 64)])
    with h5py.File(path) as file:
        assert bytes(file["x"][:3]) == b"***"
    refused(path, lambda file: file.array("x"), "fetched from other files")


def test_virtual_dataset_is_refused(path, secret):
    layout = h5py.VirtualLayout(shape=(8,), dtype="f8")
    layout[:] = h5py.VirtualSource(str(secret / "secret.h5"), "x", shape=(8,))
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("x", layout)
    with h5py.File(path) as file:
        assert file["x"][0] == 42
    refused(path, lambda file: file.array("x"), "fetched from other files")
    refused(path, lambda file: file.shape("x"), "fetched from other files")


def test_byte_cap_is_checked_before_reading(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("bomb", (2**20, 2**20, 2**10), "f8", chunks=(1, 1, 1024), compression="gzip")
        file.create_dataset("flat", (2**40,), "u1", chunks=(2**20,))
        file["ten"] = np.arange(10.0)
    assert path.stat().st_size < 100_000
    start = time.perf_counter()
    refused(path, lambda file: file.array("bomb"), "bytes in memory", str(2**53))
    refused(path, lambda file: file.array("flat", max_bytes=2**41), "must be stored in full")
    assert time.perf_counter() - start < 5
    refused(path, lambda file: file.array("ten", max_bytes=79), "79 bytes", "80 bytes")
    with guarded(path) as file:
        assert file.array("ten", max_bytes=80).sum() == 45
        assert file.shape("bomb") == (2**20, 2**20, 2**10)


def test_bomb_below_the_cap_is_refused_but_packed_zeros_are_not(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("never", (2**26,), "f4", chunks=(2**20,), compression="gzip")
        file.create_dataset("zeros", data=np.zeros(2**23, "f4"), chunks=(2**20,), compression="gzip", compression_opts=9)
        file.create_dataset("small", (1000,), "f4")
    refused(path, lambda file: file.array("never"), "must be stored in full", "holds 0")
    with guarded(path) as file:
        assert not file.array("zeros").any()
        assert not file.array("small").any()


def test_chunk_larger_than_the_cap_is_refused(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("x", (10,), "f8", maxshape=(None,), chunks=(2**28,))
    refused(path, lambda file: file.array("x", max_bytes=2**30), str(2**31))


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (np.array(["a", "bc"], dtype=h5py.string_dtype()), "text of variable length"),
        (np.zeros(2, dtype=[("a", "f4"), ("b", "i4")]), "compound"),
        (np.zeros(2, dtype=complex), "compound"),
        (np.zeros(2, dtype=np.dtype((np.void, 5))), "opaque"),
        (np.array([b"text"]), "dtype |S4"),
        (np.array([True]), "dtype bool"),
    ],
)
def test_other_dtypes_are_refused(path, value, word):
    with h5py.File(path, "w") as file:
        file["x"] = value
    refused(path, lambda file: file.array("x"), "must hold", word)


def test_lists_and_references_are_refused(path):
    with h5py.File(path, "w") as file:
        lists = file.create_dataset("lists", (2,), h5py.vlen_dtype(np.int32))
        lists[0] = [1, 2, 3]
        file.create_dataset("refs", (1,), h5py.ref_dtype)[0] = lists.ref
        file.create_dataset("parts", (2,), np.dtype(("i4", (3,))))
    refused(path, lambda file: file.array("lists"), "lists of variable length")
    refused(path, lambda file: file.array("refs"), "references")
    refused(path, lambda file: file.array("parts"), "arrays within the array")


def test_kinds_limit_what_is_read(path):
    with h5py.File(path, "w") as file:
        file["x"] = np.zeros(3, np.int32)
    refused(path, lambda file: file.array("x", kinds="f"), "must hold floats", "int32")
    refused(path, lambda file: file.array("x", shape=(4,)), "(4,)", "(3,)")


def test_stored_datatype_and_empty_dataspace_are_refused(path):
    with h5py.File(path, "w") as file:
        file["type"] = np.dtype("f8")
        file["empty"] = h5py.Empty("f8")
    refused(path, lambda file: file.array("type"), "a stored datatype")
    refused(path, lambda file: file.names("type"), "a stored datatype")
    refused(path, lambda file: file.array("empty"), "an empty dataspace")


def test_unknown_filter_is_refused(path):
    with h5py.File(path, "w") as file:
        made = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        made.set_chunk((8,))
        made.set_filter(32015, h5py.h5z.FLAG_OPTIONAL, ())
        space = h5py.h5s.create_simple((8,))
        h5py.h5d.create(file.id, b"x", h5py.h5t.NATIVE_INT32, space, made)
    refused(path, lambda file: file.array("x"), "filter 32015", "gzip")


def test_group_that_contains_itself_ends(path):
    with h5py.File(path, "w") as file:
        group = file.create_group("a")
        group["a"] = group
        group["b"] = group
    refused(path, lambda file: file.walk(), "nested")


def test_strings_of_either_length(path):
    with h5py.File(path, "w") as file:
        file["fixed"] = np.array([b"non-cat", b"cat"])
        file["free"] = np.array(["Hände", "猫"], dtype=h5py.string_dtype())
        file["latin"] = np.array([b"\xff\xfe"])
        file["number"] = np.arange(3)
        file.create_dataset("many", (10**9,), h5py.string_dtype(), chunks=(1000,))
        file.create_dataset("long", data=np.array(["x" * 5000] * 3, dtype=h5py.string_dtype()))
    with guarded(path) as file:
        assert file.strings("fixed") == ("non-cat", "cat")
        assert file.strings("free") == ("Hände", "猫")
        assert file.kind("free") == "S"
    refused(path, lambda file: file.strings("latin"), "UTF-8")
    refused(path, lambda file: file.strings("number"), "must hold text", "int64")
    refused(path, lambda file: file.strings("many"), "at most 10000 texts")
    refused(path, lambda file: file.strings("long", max_count=3), "3072 bytes of text")


def test_json_objects(path):
    spelt = {
        "object": b'{"units": 25, "name": "H\xc3\xa4nde"}',
        "cut": b"{",
        "no text": b"\xff\xfe\xfd\xfc\xfb",
        "deep": b"[" * 10**5,
        "digits": b"9" * 5000,
        "list": b"[1]",
        "nothing": b"null",
        "empty": b"",
    }
    with h5py.File(path, "w") as file:
        for name, text in spelt.items():
            file[name] = np.frombuffer(text, np.uint8)
        file["floats"] = np.zeros(3)
    with guarded(path) as file:
        assert file.json_object("object", max_bytes=99, remedy="") == {"units": 25, "name": "Hände"}

    def read(name, max_bytes=2**17):
        return lambda file: file.json_object(name, max_bytes=max_bytes, remedy="Delete it.")

    for name in spelt.keys() - {"object"}:
        said = refused(path, read(name), f"{name!r} must spell a JSON object. Received: ")
        assert said.endswith(f", in {str(path)!r}. Delete it.")
        found = {"list": "JSON of another type (list)", "nothing": "JSON of another type (NoneType)"}
        assert found.get(name, "bytes that spell no JSON") in said
    refused(path, read("object", 9), "9 bytes in memory")
    refused(path, read("floats"), "unsigned integers")
    refused(path, read("missing"), "'missing' must be in the file")


def test_attributes(path):
    with h5py.File(path, "w", libver="latest") as file:
        file.attrs["text"] = '{"units": 25, "name": "Hände"}'
        file.attrs["fixed"] = np.bytes_(b"abc")
        file.attrs["count"] = 3
        file.attrs["rate"] = np.float32(0.5)
        file.attrs["flag"] = True
        file.attrs["shape"] = np.array([20, 28])
        file.attrs["names"] = np.array([b"L1", b"L2"])
        file.attrs["words"] = np.array(["a", "b"], dtype=h5py.string_dtype())
        file.attrs["nothing"] = h5py.Empty("f8")
        file.attrs["pair"] = np.zeros((), dtype=[("a", "f4")])
        file.attrs["big"] = np.zeros(10_000)
        file["x"] = np.zeros(1)
        file["x"].attrs["unit"] = "pixel"
    with guarded(path) as file:
        assert file.attribute("text") == '{"units": 25, "name": "Hände"}'
        assert file.attribute("fixed") == "abc"
        assert file.attribute("count") == 3
        assert type(file.attribute("count")) is int
        assert file.attribute("rate") == 0.5
        assert type(file.attribute("rate")) is float
        assert file.attribute("flag") is True
        assert file.attribute("shape").tolist() == [20, 28]
        assert file.attribute("names").tolist() == [b"L1", b"L2"]
        assert file.attribute("unit", "x") == "pixel"
        assert file.attributes("x") == ("unit",)
        assert "text" in file.attributes()
    refused(path, lambda file: file.attribute("missing"), "'missing' must be there", "'big'")
    refused(path, lambda file: file.attribute("words"), "variable length")
    refused(path, lambda file: file.attribute("nothing"), "empty dataspace")
    refused(path, lambda file: file.attribute("pair"), "compound")
    refused(path, lambda file: file.attribute("big"), "65536 bytes")


def test_no_file_folder_empty_and_text(tmp_path):
    def opening(path):
        return refused(path, lambda file: None)

    assert "where there is none" in opening(tmp_path / "none.h5")
    assert "a folder" in opening(tmp_path)
    (tmp_path / "empty.h5").touch()
    assert "is empty" in opening(tmp_path / "empty.h5")
    (tmp_path / "text.h5").write_text("version https://example.org/pointer\nsize 3\n")
    assert "HDF5 signature" in opening(tmp_path / "text.h5")
    (tmp_path / "two\nlines.h5").write_text("text")
    with pytest.raises(InputError, match=re.escape("two\\nlines.h5")):
        guarded(tmp_path / "two\nlines.h5").__enter__()
    for odd in ("a" * 5000, "nul\0byte", 3, None):
        with pytest.raises(InputError) as caught:
            guarded(odd).__enter__()
        assert "\n" not in str(caught.value)


def test_file_with_a_preface_is_hdf5_too(path):
    with h5py.File(path, "w", userblock_size=512) as file:
        file["x"] = np.arange(4)
    with guarded(str(path)) as file:
        assert file.array("x").tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_truncated_at_every_eighth_of_the_file(path, libver):
    values = np.random.default_rng(0).integers(0, 256, (50, 400), np.uint8)
    with h5py.File(path, "w", libver=libver) as file:
        file.create_dataset("x", data=values, compression="gzip")
    whole = path.read_bytes()
    for length in (4, 8, 9, 47, 48, 95, 96, *(len(whole) * part // 8 for part in range(1, 8)), len(whole) - 1):
        path.write_bytes(whole[:length])
        refused(path, lambda file: file.array("x"))
    path.write_bytes(whole)
    with guarded(path) as file:
        assert np.array_equal(file.array("x"), values)


def test_damaged_values_are_an_input_error(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=np.arange(10_000), compression="gzip")
        start = file["x"].id.get_chunk_info(0).byte_offset
    data = bytearray(path.read_bytes())
    data[start : start + 64] = b"\0" * 64
    path.write_bytes(data)
    refused(path, lambda file: file.array("x"), "damaged")


def test_damaged_heap_of_texts_does_not_hang(path):
    with h5py.File(path, "w") as file:
        file["texts"] = ["a", "bc"]
        file.attrs["text"] = "abc"
    data = bytearray(path.read_bytes())
    heap = data.index(b"GCOL")
    # the first object becomes free space of no length, on which the HDF5 library walks in a circle
    data[heap + 16 : heap + 32] = bytes(16)
    path.write_bytes(data)
    refused(path, lambda file: file.strings("texts"), "damaged heap")
    refused(path, lambda file: file.attribute("text"), "damaged heap")
    data[heap + 8 : heap + 16] = b"\xff" * 8  # a heap longer than the file
    path.write_bytes(data)
    refused(path, lambda file: file.strings("texts"), "damaged heap")


def test_name_that_is_no_utf8_is_refused(path):
    with h5py.File(path, "w") as file:
        file[b"\xff\xfe"] = np.zeros(1)
        file.create_group("group").attrs["plain"] = 1
    refused(path, lambda file: file.names(), "UTF-8")
    refused(path, lambda file: file.walk(), "UTF-8")
    with guarded(path) as file:
        assert file.attributes("group") == ("plain",)


def test_an_error_of_the_caller_stays_what_it_is(path):
    with h5py.File(path, "w") as file:
        file["x"] = np.zeros(1)
    with pytest.raises(ZeroDivisionError), guarded(path):
        raise ZeroDivisionError
