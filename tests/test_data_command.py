"""``lockstep data`` and data sets by name: what is printed, what is written, and what is refused in one line."""

import json
import os

import h5py
import numpy as np
import pytest

from lockstep import hardness
from lockstep.cli import main
from shared import load_cats, load_signs
from shared.data import course, synthetic
from shared.data.layout import write_layout
from shared.data.synthetic import make_cats, make_signs

PIL = pytest.importorskip("PIL.Image")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """The user's cache, empty; and makers that draw a few pictures only."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setitem(synthetic.MAKERS, "signs", lambda seed=0: make_signs(seed, train=2, test=1))
    monkeypatch.setitem(synthetic.MAKERS, "cats", lambda seed=0: make_cats(seed, train=(3, 3), test=(2, 2)))
    return tmp_path / "cache" / "lockstep" / "data"


def picture(path, red=0, size=(70, 90)):
    path.parent.mkdir(parents=True, exist_ok=True)
    PIL.new("RGB", size, (red, 10, 20)).save(path)


@pytest.fixture
def images(tmp_path):
    """Classes 2 and 10 with five and twelve pictures: PNG, JPEG and what other systems leave behind."""
    for label, count in ((2, 5), (10, 12)):
        for number in range(count):
            picture(tmp_path / "images" / str(label) / f"{number}.{'png' if number % 2 else 'jpg'}", red=20 * label)
    (tmp_path / "images" / ".DS_Store").write_bytes(b"\0")
    (tmp_path / "images" / "2" / "Thumbs.db").write_bytes(b"\0")
    return tmp_path / "images"


def files(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file()) if folder.exists() else []


def refused(capsys, *arguments):
    """The one line in which the command is refused."""
    assert main(["data", *map(str, arguments)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("lockstep: ")
    assert len(err.splitlines()) == 1
    assert "Received: " in err
    return err


# ------------------------------------------------------------------------------------------------------------ make and info


def test_make_writes_the_two_files_and_info_describes_them(capsys, tmp_path):
    assert main(["data", "make", "signs", "--out", str(tmp_path / "out"), "--seed", "3"]) == 0
    out, err = capsys.readouterr()
    assert "12 pictures" in out
    assert "synthetic" in out
    assert err == ""
    assert files(tmp_path / "out") == ["test_signs.h5", "train_signs.h5"]
    assert np.array_equal(load_signs(tmp_path / "out").x_train, make_signs(3, train=2, test=1).x_train)

    assert main(["data", "info", str(tmp_path / "out" / "train_signs.h5")]) == 0
    shown = capsys.readouterr().out
    assert "synthetic" in shown
    assert "training: x (12, 64, 64, 3) uint8" in shown
    assert "test:     x (6, 64, 64, 3) uint8" in shown
    assert "element:  (x (64, 64, 3) uint8, y () int64)" in shown
    assert "labels:   0, 1, 2, 3, 4, 5\n" in shown
    assert [line.split() for line in shown.splitlines()[-6:]] == [[str(k), "2", "1", str(k)] for k in range(6)]


def test_info_of_digits_and_of_signs_that_are_not_there(capsys, cache):
    assert main(["data", "info", "digits"]) == 0
    assert "x (5000, 400) " in capsys.readouterr().out
    assert "lockstep data make signs" in refused(capsys, "info", "signs")
    assert files(cache) == []  # to look does not draw


def test_make_writes_over_its_own_files_and_over_no_others(capsys, tmp_path):
    make = ["data", "make", "cats", "--out", str(tmp_path)]
    assert main(make) == 0
    assert main([*make, "--seed", "1"]) == 0
    assert np.array_equal(load_cats(tmp_path).x_train, make_cats(1, train=(3, 3), test=(2, 2)).x_train)
    capsys.readouterr()
    with h5py.File(tmp_path / "test_catvnoncat.h5", "a") as file:
        del file.attrs["provenance"]
    before = (tmp_path / "train_catvnoncat.h5").read_bytes()
    assert "test_catvnoncat.h5" in refused(capsys, "make", "cats", "--out", tmp_path)
    assert (tmp_path / "train_catvnoncat.h5").read_bytes() == before


def test_make_does_not_write_over_pictures_that_were_built(capsys, images, tmp_path):
    assert main(["data", "build", "signs", "--images", str(images), "--out", str(tmp_path / "out")]) == 0
    capsys.readouterr()
    assert "pictures" in refused(capsys, "make", "signs", "--out", tmp_path / "out")


@pytest.mark.parametrize("out", ["file", "file/below", "/proc/signs", "/proc/self/nowhere/x", "nul\0byte", "x" * 300])
def test_make_refuses_where_it_cannot_write(capsys, tmp_path, monkeypatch, out):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("mine")
    refused(capsys, "make", "signs", "--out", out)
    assert files(tmp_path) == ["file"]


def test_make_refuses_a_seed_below_0(capsys, tmp_path, monkeypatch):
    monkeypatch.setitem(synthetic.MAKERS, "signs", make_signs)
    assert "seed=-1" in refused(capsys, "make", "signs", "--seed", "-1", "--out", tmp_path)
    assert files(tmp_path) == []


@pytest.mark.parametrize("arguments", [[], ["draw"], ["make"], ["make", "dogs"], ["build", "signs"], ["info"]], ids=str)
def test_wrong_use_ends_in_one_line(capsys, arguments):
    with pytest.raises(SystemExit) as end:
        main(["data", *arguments])
    assert end.value.code == 2
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert "--help" in err


def test_check_prints_a_linear_model_and_the_net(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(hardness, "ROUNDS", 3)
    monkeypatch.setattr(hardness, "EPOCHS", 2)
    assert main(["data", "make", "signs", "--out", str(tmp_path), "--check"]) == 0
    linear, net = capsys.readouterr().out.splitlines()[-2:]
    assert linear.startswith("LogisticRegression(max_iter=3): ")
    assert net.startswith("12288-25-12-6, adam 0.0001, 2 epochs of batches of 32, seed 1234: ")
    for line in (linear, net):
        assert line.count("%") == 2


# -------------------------------------------------------------------------------------------------------------------- build


def test_build_cuts_resizes_and_splits(capsys, images, tmp_path):
    out = tmp_path / "out"
    assert main(["data", "build", "signs", "--images", str(images), "--out", str(out)]) == 0
    assert "15 pictures" in capsys.readouterr().out
    data = load_signs(out)
    assert data.classes == ("2", "10")  # numbers in counting order
    assert np.bincount(data.y_train).tolist() == [4, 11]
    assert np.bincount(data.y_test).tolist() == [1, 1]
    for x, y in ((data.x_train, data.y_train), (data.x_test, data.y_test)):
        assert x.shape[1:] == (64, 64, 3)
        assert np.abs(x[..., 0].astype(int) - np.array([40, 200])[y][:, None, None]).max() <= 4  # JPEG is near
    first = (out / "train_signs.h5").read_bytes()
    assert str(tmp_path).encode() not in first  # the file may be passed on
    assert main(["data", "build", "signs", "--images", str(images), "--out", str(out)]) == 0
    assert (out / "train_signs.h5").read_bytes() == first


def test_build_cats_gives_cat_the_label_1(tmp_path):
    for name, red in (("cat", 250), ("dog", 5)):
        for number in range(3):
            picture(tmp_path / "images" / name / f"{number}.png", red)
    assert main(["data", "build", "cats", "--images", str(tmp_path / "images"), "--out", str(tmp_path / "out")]) == 0
    data = load_cats(tmp_path / "out")
    assert data.classes == ("dog", "cat")
    assert (data.x_train[:, 0, 0, 0] > 128).tolist() == (data.y_train == 1).tolist()


def _damaged(images):
    whole = (images / "10" / "1.png").read_bytes()
    (images / "10" / "1.png").write_bytes(whole[: len(whole) // 2])


def _unreadable(images):
    """To root every file of its own is readable; the memory of a process at address 0 is to nobody."""
    (images / "10" / "1.png").unlink()
    (images / "10" / "1.png").symlink_to("/proc/self/mem")


def _only_one_class(images):
    for path in (images / "2").iterdir():
        path.unlink()
    (images / "2").rmdir()


def _empty_class(images):
    for path in (images / "2").iterdir():
        path.unlink()


def _nothing(images):
    _only_one_class(images)
    (images / "10").rename(images.parent / "moved")


BAD = {
    "damaged": (_damaged, "1.png"),
    "no picture": (lambda images: (images / "10" / "notes.txt").write_text("hands"), "notes.txt"),
    "empty file": (lambda images: (images / "10" / "0.jpg").write_bytes(b""), "0.jpg"),
    "unreadable": (_unreadable, "1.png"),
    "broken link": (lambda images: (images / "10" / "a.png").symlink_to("nowhere"), "a.png"),
    "pipe": (lambda images: os.mkfifo(images / "10" / "a.png"), "a.png"),
    "empty class": (_empty_class, "0 in "),
    "one class": (_only_one_class, "At least two classes"),
    "nothing": (_nothing, "At least two classes"),
    "loose picture": (lambda images: picture(images / "a.png"), "a.png"),
    "folder in a class": (lambda images: (images / "10" / "more").mkdir(), "more"),
    "no UTF-8": (lambda images: os.rename(os.fsencode(images / "2"), os.fsencode(images) + b"/\xff"), "UTF-8"),
}


@pytest.mark.parametrize("case", BAD)
def test_build_refuses_in_one_line_and_leaves_nothing(capsys, images, tmp_path, case):
    spoil, word = BAD[case]
    spoil(images)
    assert word in refused(capsys, "build", "signs", "--images", images, "--out", tmp_path / "out")
    assert files(tmp_path / "out") == []


@pytest.mark.parametrize("folder", ["nowhere", "", "images/2/0.jpg", "nul\0byte", "x" * 300])
def test_build_refuses_what_is_no_folder(capsys, images, monkeypatch, folder):
    monkeypatch.chdir(images.parent)
    refused(capsys, "build", "signs", "--images", folder, "--out", "out")
    assert files(images.parent / "out") == []


def test_build_of_cats_needs_a_folder_called_cat(capsys, images, tmp_path):
    assert "called cat" in refused(capsys, "build", "cats", "--images", images, "--out", tmp_path / "out")


def test_a_refused_build_keeps_the_set_that_was_there(capsys, images, tmp_path):
    out = tmp_path / "out"
    assert main(["data", "build", "signs", "--images", str(images), "--out", str(out)]) == 0
    capsys.readouterr()
    before = (out / "train_signs.h5").read_bytes()
    _damaged(images)
    refused(capsys, "build", "signs", "--images", images, "--out", out)
    assert (out / "train_signs.h5").read_bytes() == before
    assert files(out) == ["test_signs.h5", "train_signs.h5"]


# ------------------------------------------------------------------------------------------------------------ compare by name


def test_compare_draws_the_set_at_first_use_and_says_so(capsys, cache):
    for name, hidden in (("signs", [25, 12, 6]), ("cats", [20, 7, 5, 2])):
        assert main(["compare", name, "--epochs", "1", "--json", "-"]) == 0
        out, err = capsys.readouterr()
        (line,) = [line for line in err.splitlines() if line.startswith("lockstep: ")]
        assert "synthetic" in line
        found = json.loads(out)
        assert found["verdict"] in ("identical", "round-off")
        assert [layer["units"] for layer in found["model"]["layers"]] == hidden
        assert found["train"]["learning_rate"] == 1e-4
    assert len(files(cache)) == 4
    assert main(["compare", "signs", "--epochs", "1", "--json", "-"]) == 0
    assert "drew" not in capsys.readouterr().err  # only once


def test_compare_takes_a_set_that_is_there_and_never_draws_beside_half_of_one(capsys, cache):
    assert course.data_folder() == cache
    write_layout(make_signs(5, train=2, test=1), cache)
    (cache / "train_signs.h5").unlink()
    before = (cache / "test_signs.h5").read_bytes()
    assert main(["compare", "signs"]) == 2
    assert "no train_signs.h5" in capsys.readouterr().err
    assert files(cache) == ["test_signs.h5"]
    assert (cache / "test_signs.h5").read_bytes() == before
    assert main(["compare", "signs", "--test", "x.h5"]) == 2
    assert "--test" in capsys.readouterr().err
