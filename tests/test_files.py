"""Files of the course's layout: what is read, and one clear line for each file that cannot be."""

import h5py
import numpy as np
import pytest

from shared.data import load_file
from shared.errors import InputError

SIGNS = {
    "train_set_x": np.arange(6 * 4 * 4 * 3, dtype=np.uint8).reshape(6, 4, 4, 3),
    "train_set_y": np.array([5, 0, 1, 2, 3, 4]),
    "list_classes": np.arange(6),
}
SIGNS_TEST = {
    "test_set_x": np.full((2, 4, 4, 3), 7, np.uint8),
    "test_set_y": np.array([1, 5]),
    "list_classes": np.arange(6),
}


def write(path, arrays, **changes):
    """A small file; a change to None leaves that array out."""
    with h5py.File(path, "w") as file:
        for name, value in {**arrays, **changes}.items():
            if value is not None:
                file[name] = value
    return path


def refused(*paths):
    with pytest.raises(InputError) as caught:
        load_file(*paths)
    message = str(caught.value)
    assert "\n" not in message
    assert "Received: " in message
    assert any(getattr(path, "name", path) in message for path in paths)
    return message


def test_S0_01_reads_a_file_and_the_test_file_beside_it(tmp_path):
    path = write(tmp_path / "train_signs.h5", SIGNS)
    write(tmp_path / "test_signs.h5", SIGNS_TEST)
    for name in (path, str(path)):
        data = load_file(name)
        assert np.array_equal(data.x_train, SIGNS["train_set_x"])
        assert data.x_train.dtype == np.uint8
        assert data.y_train.tolist() == [5, 0, 1, 2, 3, 4]
        assert data.y_train.dtype == np.int64
        assert np.array_equal(data.x_test, SIGNS_TEST["test_set_x"])
        assert data.y_test.tolist() == [1, 5]
        assert data.classes == ("0", "1", "2", "3", "4", "5")
        assert data.image_shape == (4, 4, 3)
        assert data.images(data.x_train).shape == (6, 4, 4, 3)
        assert data.name == "signs"
        assert data.source == "train_signs.h5 and test_signs.h5"


def test_S0_01_test_file_by_name_or_none(tmp_path):
    path = write(tmp_path / "mine.h5", SIGNS)
    write(tmp_path / "test_mine.h5", SIGNS_TEST)  # no companion: the first is not called train_
    assert load_file(path).x_test is None
    assert load_file(path).y_test is None
    other = write(tmp_path / "held_out.h5", SIGNS_TEST)
    assert load_file(path, test=other).y_test.tolist() == [1, 5]
    again = write(tmp_path / "again.h5", {**SIGNS, "train_set_y": np.zeros(6, int)})
    assert load_file(path, test=again).y_test.tolist() == [0] * 6  # a file of the training layout can be the test set
    named = write(tmp_path / "train_named.h5", SIGNS)
    write(tmp_path / "test_named.h5", SIGNS_TEST, test_set_y=np.array([0, 0]))
    assert load_file(named, test=other).y_test.tolist() == [1, 5]  # the named one goes before the one beside it


def test_S0_01_only_a_test_pair_and_both_pairs_in_one_file(tmp_path):
    data = load_file(write(tmp_path / "test_signs.h5", SIGNS_TEST))
    assert data.y_train.tolist() == [1, 5]
    assert data.x_test is None
    assert data.name == "signs"
    both = load_file(write(tmp_path / "train_both.h5", {**SIGNS, **SIGNS_TEST}))
    assert both.y_train.tolist() == [5, 0, 1, 2, 3, 4]
    assert both.y_test.tolist() == [1, 5]


@pytest.mark.parametrize("shape", [(6,), (6, 1), (1, 6)])
@pytest.mark.parametrize("dtype", ["u1", "i4", "f8"])
def test_labels_in_each_of_their_shapes(tmp_path, shape, dtype):
    labels = np.array([5, 0, 1, 2, 3, 4], dtype).reshape(shape)
    data = load_file(write(tmp_path / "a.h5", SIGNS, train_set_y=labels))
    assert data.y_train.tolist() == [5, 0, 1, 2, 3, 4]
    assert data.y_train.dtype == np.int64


def test_a_single_row(tmp_path):
    data = load_file(write(tmp_path / "a.h5", {"train_set_x": np.ones((1, 3)), "train_set_y": np.array([[0]])}))
    assert data.y_train.tolist() == [0]
    assert data.classes == ("0",)


def test_names_of_the_classes(tmp_path):
    two = {"train_set_y": np.array([0, 1, 0, 1, 0, 0])}
    for stored in (np.array([b"non-cat", b"cat"]), ["non-cat", "cat"]):
        assert load_file(write(tmp_path / "a.h5", SIGNS, **two, list_classes=stored)).classes == ("non-cat", "cat")
    assert load_file(write(tmp_path / "a.h5", SIGNS, **two, list_classes=None)).classes == ("0", "1")
    # the highest label may stand in the test file alone
    write(tmp_path / "train_b.h5", SIGNS, **two, list_classes=None)
    write(tmp_path / "test_b.h5", SIGNS_TEST, list_classes=None)
    assert load_file(tmp_path / "train_b.h5").classes == ("0", "1", "2", "3", "4", "5")


def test_rows_are_kept_as_stored(tmp_path):
    for x, image_shape in [
        (np.linspace(-1, 1, 18, dtype=np.float32).reshape(6, 3), None),
        (np.zeros((6, 5, 4), np.uint8), (5, 4)),
        (np.zeros((6, 5, 4, 1)), (5, 4, 1)),
        (np.zeros((6, 5, 4, 7)), None),
    ]:
        data = load_file(write(tmp_path / "a.h5", SIGNS, train_set_x=x))
        assert np.array_equal(data.x_train, x)
        assert data.x_train.dtype == x.dtype
        assert data.image_shape == image_shape


def test_wrong_paths_and_files_that_are_no_hdf5(tmp_path):
    assert "where there is none" in refused(tmp_path / "none.h5")
    assert "a folder" in refused(tmp_path)
    (tmp_path / "empty.h5").touch()
    assert "is empty" in refused(tmp_path / "empty.h5")
    (tmp_path / "text.h5").write_text("label,pixel\n1,2\n")
    assert "HDF5 signature" in refused(tmp_path / "text.h5")
    whole = write(tmp_path / "whole.h5", SIGNS).read_bytes()
    (tmp_path / "cut.h5").write_bytes(whole[: len(whole) // 2])
    assert "cut short" in refused(tmp_path / "cut.h5")
    assert "where there is none" in refused(tmp_path / "whole.h5", tmp_path / "none.h5")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"train_set_x": None, "train_set_y": None}, "'list_classes'"),
        ({"train_set_x": None}, "'list_classes', 'train_set_y'"),
        ({"train_set_y": None}, "'list_classes', 'train_set_x'"),
        ({"train_set_y": np.array([0, 1, 2, 3, 4, 6])}, "0..5"),
        ({"train_set_y": np.array([0, 1, 2, 3, 4, -1])}, "Received: -1 at row 5"),
        ({"train_set_y": np.array([0, 1, 2, 3, 4, 10**9]), "list_classes": None}, "1000000000"),
        ({"train_set_y": np.array([0, 1, 2, 3, 4, 0.5])}, "whole numbers"),
        ({"train_set_y": np.zeros((2, 3), int)}, "(2, 3)"),
        ({"train_set_y": np.zeros(5, int)}, "6 rows and 5 labels"),
        ({"train_set_y": ["a"] * 6}, "text of variable length"),
        ({"train_set_x": np.array([[0.0]] * 5 + [[np.nan]])}, "first in row 5"),
        ({"train_set_x": np.array([[0.0]] * 5 + [[np.inf]])}, "finite"),
        ({"train_set_x": np.array([[b"a"]] * 6)}, "dtype |S1"),
        ({"train_set_x": np.zeros((6, 2), complex)}, "compound"),
        ({"train_set_x": np.zeros((0, 4)), "train_set_y": np.zeros(0, int)}, "at least one row"),
        ({"train_set_x": np.zeros(6)}, "two dimensions"),
        ({"train_set_x": h5py.ExternalLink("other.h5", "/x")}, "external link"),
        ({"train_set_x": h5py.SoftLink("/train_set_y")}, "soft link"),
        ({"list_classes": np.arange(0)}, "no names"),
        ({"list_classes": np.array([b"\xff"])}, "UTF-8"),
        ({"list_classes": np.arange(6.0)}, "float64"),
        ({"list_classes": np.arange(20_000)}, "bytes"),
    ],
)
def test_unusable_content(tmp_path, changes, words):
    assert words in refused(write(tmp_path / "train_a.h5", SIGNS, **changes))


def test_unusable_test_files(tmp_path):
    path = write(tmp_path / "train_a.h5", SIGNS)
    for changes, words in [
        ({"test_set_x": np.zeros((2, 4, 4, 1), np.uint8)}, "(4, 4, 1)"),
        ({"test_set_y": np.array([0, 6])}, "0..5"),
        ({"test_set_y": np.array([0])}, "2 rows and 1 labels"),
        ({"test_set_x": None}, "'test_set_x' must be in the file"),
        ({"list_classes": np.arange(1, 7)}, "same list_classes"),
    ]:
        write(tmp_path / "test_a.h5", SIGNS_TEST, **changes)
        with pytest.raises(InputError) as caught:
            load_file(path)
        message = str(caught.value)
        assert words in message
        assert "test_a.h5" in message
        assert "\n" not in message


def test_shape_bomb(tmp_path):
    path = tmp_path / "train_a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("train_set_x", (10**9, 64, 64, 3), "u1", chunks=(1, 64, 64, 3), compression="gzip")
        file["train_set_y"] = np.zeros(3, int)
    assert "bytes in memory" in refused(path)
