"""Hand signs and cats: drawn, written, read, fed to nets; the few rows here stand for the 1,080 that a person would have."""

import hashlib

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

import highlevel.pipeline
import lowlevel.pipeline
from lockstep.hardness import measure
from shared import ModelSpec, load_cats, load_signs
from shared.data import as_rows, load_file
from shared.data.layout import paths_of, write_layout
from shared.data.synthetic import make_cats, make_signs
from shared.errors import InputError

PIPELINES = [lowlevel.pipeline, highlevel.pipeline]


@pytest.fixture(scope="module")
def signs():
    return make_signs(train=4, test=2)


@pytest.fixture(scope="module")
def cats():
    return make_cats(train=(6, 5), test=(3, 2))


def arrays(data):
    return data.x_train, data.y_train, data.x_test, data.y_test


def digest(data):
    return hashlib.sha256(b"".join(part.tobytes() for part in arrays(data))).hexdigest()


# --------------------------------------------------------------------------------------------------------------- drawing


def test_one_seed_gives_the_same_bytes_and_another_one_others(signs, cats):
    assert digest(make_signs(0, train=4, test=2)) == digest(signs)
    assert digest(make_signs(1, train=4, test=2)) != digest(signs)
    assert digest(make_cats(0, train=(6, 5), test=(3, 2))) == digest(cats)
    assert digest(make_cats(1, train=(6, 5), test=(3, 2))) != digest(cats)
    # as drawn when this test was written: a person who draws the set years later has the same one
    assert digest(signs)[:16] == "3af8a30886b16441"
    assert digest(cats)[:16] == "59cdaa9c5574972c"


def test_every_class_has_its_share_in_a_random_order(signs, cats):
    assert np.bincount(signs.y_train).tolist() == [4] * 6
    assert np.bincount(signs.y_test).tolist() == [2] * 6
    assert np.bincount(cats.y_train).tolist() == [6, 5]
    assert np.bincount(cats.y_test).tolist() == [3, 2]
    assert (np.diff(signs.y_train) < 0).any()


def test_no_picture_is_flat_and_no_two_are_alike(signs, cats):
    for data in (signs, cats):
        pictures = np.concatenate([data.x_train, data.x_test])
        assert len({picture.tobytes() for picture in pictures}) == len(pictures)
        assert pictures.reshape(len(pictures), -1).std(axis=1).min() > 8
        assert pictures.max() > 200


@pytest.mark.parametrize("seed", [-1, 1.5, True, "0", None])
def test_a_seed_that_is_no_whole_number_is_refused(seed):
    for make in (make_signs, make_cats):
        with pytest.raises(InputError, match="A seed is a whole number"):
            make(seed)


# ------------------------------------------------------------------------------------------------------ writing and reading


def test_S0_01_signs_are_read_from_the_two_files_of_the_course(signs, tmp_path):
    for path in write_layout(signs, tmp_path):
        part = path.name.split("_")[0]
        with h5py.File(path) as file:
            assert sorted(file) == ["list_classes", f"{part}_set_x", f"{part}_set_y"]
            assert file.attrs["provenance"].startswith(b"synthetic")
    found = load_signs(tmp_path)
    for got, drawn in zip(arrays(found), arrays(signs), strict=True):
        assert got.dtype == drawn.dtype
        assert np.array_equal(got, drawn)
    assert (found.x_train.dtype, found.y_train.dtype) == (np.uint8, np.int64)
    assert found.classes == tuple("012345")
    assert (found.name, found.image_shape) == ("signs", (64, 64, 3))
    assert "synthetic" in found.source  # drawn hands are never taken for photographs
    again = load_file(paths_of("signs", tmp_path)[0])
    assert np.array_equal(again.x_test, signs.x_test)


@pytest.mark.long
def test_S0_01_full_size_is_that_of_the_course():
    shapes = [part.shape for part in arrays(make_signs())]
    assert shapes == [(1080, 64, 64, 3), (1080,), (120, 64, 64, 3), (120,)]


def test_S0_01_files_as_the_course_wrote_them_are_read(tmp_path):
    x, y = np.arange(12 * 12, dtype=np.uint8).reshape(12, 2, 2, 3), np.arange(12) % 6
    for part, path in zip(("train", "test"), paths_of("signs", tmp_path), strict=True):
        with h5py.File(path, "w") as file:
            file[f"{part}_set_x"], file[f"{part}_set_y"], file["list_classes"] = x, y, np.arange(6)
    found = load_signs(tmp_path)
    assert np.array_equal(found.x_train, x)
    assert found.classes == tuple("012345")
    assert "synthetic" not in found.source


def test_S2_06_cats_have_the_layout_and_the_counts_of_the_course(cats, tmp_path):
    full = make_cats()
    assert (full.x_train.shape, full.x_test.shape) == ((209, 64, 64, 3), (50, 64, 64, 3))
    assert (np.bincount(full.y_train).tolist(), np.bincount(full.y_test).tolist()) == ([137, 72], [17, 33])
    train, test = write_layout(cats, tmp_path)
    assert (train.name, test.name) == ("train_catvnoncat.h5", "test_catvnoncat.h5")
    found = load_cats(tmp_path)
    assert found.classes == ("non-cat", "cat")
    assert found.name == "cats"
    assert set(found.y_train.tolist()) == {0, 1}
    assert np.array_equal(found.x_train, cats.x_train)


def test_equal_data_give_equal_files(signs, tmp_path):
    first, second = write_layout(signs, tmp_path / "a" / "b"), write_layout(signs, tmp_path / "c")
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
    assert len(list(tmp_path.rglob("*.h5"))) == len([path for path in tmp_path.rglob("*") if path.is_file()]) == 4


def test_neither_file_is_written_where_one_cannot_be(signs, tmp_path):
    (tmp_path / "test_signs.h5").mkdir()
    with pytest.raises(InputError, match=r"test_signs\.h5"):
        write_layout(signs, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["test_signs.h5"]


def test_without_a_folder_the_cache_is_read_and_an_empty_one_names_both_remedies(cats, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(InputError, match=r"lockstep data make cats; or .* load_cats\(folder\)"):
        load_cats()
    write_layout(cats, tmp_path / "lockstep" / "data")
    assert np.array_equal(load_cats().x_test, cats.x_test)
    paths_of("cats", tmp_path / "lockstep" / "data")[1].unlink()
    with pytest.raises(InputError, match=r"no test_catvnoncat\.h5"):
        load_cats()
    with pytest.raises(InputError, match="named by its path"):
        load_cats(3)


# -------------------------------------------------------------------------------------------------------------- as tf.data


@pytest.mark.parametrize("pipeline", PIPELINES, ids=lambda module: module.__name__)
def test_S0_02_element_spec_and_labels(signs, pipeline):
    examples = pipeline.examples(signs.x_train, signs.y_train)
    assert examples.element_spec == (tf.TensorSpec((64, 64, 3), tf.uint8), tf.TensorSpec((), tf.int64))
    labels = [int(label) for _, label in examples]
    assert labels == signs.y_train.tolist()
    assert set(labels) == {0, 1, 2, 3, 4, 5}
    assert np.array_equal(next(iter(examples))[0], signs.x_train[0])


@pytest.mark.parametrize("pipeline", PIPELINES, ids=lambda module: module.__name__)
def test_S0_03_rows_are_those_of_shared_to_the_bit(signs, pipeline):
    examples = pipeline.examples(signs.x_train, signs.y_train)
    rows = np.stack([row for row, _ in pipeline.normalised(examples)])
    assert rows.dtype == np.float32
    assert rows.shape == (24, 12288)
    assert np.array_equal(rows, as_rows(signs.x_train, 12288, "float32"))
    of_256 = np.stack([row for row, _ in pipeline.normalised(examples, 256)])
    assert np.array_equal(of_256, signs.x_train.reshape(24, -1) / np.float32(256))


@pytest.mark.parametrize("pipeline", PIPELINES, ids=lambda module: module.__name__)
def test_S0_01_minibatches_come_in_order_and_the_last_is_smaller(signs, pipeline):
    examples = pipeline.examples(signs.x_train, signs.y_train)
    batches = list(pipeline.minibatches(pipeline.normalised(examples), 10))
    assert [x.shape for x, _ in batches] == [(10, 12288), (10, 12288), (4, 12288)]
    assert np.concatenate([y for _, y in batches]).tolist() == signs.y_train.tolist()


@pytest.mark.parametrize("pipeline", PIPELINES, ids=lambda module: module.__name__)
def test_lengths_that_differ_are_refused(signs, pipeline):
    with pytest.raises(InputError, match="24 examples, 12 labels"):
        pipeline.examples(signs.x_train, signs.y_test)


def test_keras_trains_from_the_pipeline(signs):
    pipeline = highlevel.pipeline
    batches = pipeline.minibatches(pipeline.normalised(pipeline.examples(signs.x_train, signs.y_train)))
    net = highlevel.build(ModelSpec.mlp(12288, 5, 6))
    net.compile(optimizer="sgd", loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    assert np.isfinite(net.fit(batches, shuffle=False, verbose=0).history["loss"]).all()


# --------------------------------------------------------------------------------------------------------------- hardness


@pytest.mark.long
def test_signs_are_too_hard_for_a_linear_model_and_not_for_the_net():
    (_, linear), (trained, tested) = measure(make_signs()).values()
    assert linear < 0.9
    assert trained >= 0.95
    assert tested >= linear
