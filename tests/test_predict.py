"""One's own pictures: brought into the form of the data, asked of a net in both wings, and the nets that are saved and kept."""

import io
import json
import os
import re
import sys
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from PIL import Image
from test_cli import RUN_ALL, child

import highlevel
import lockstep
import lowlevel
from lockstep import kept, prediction
from lockstep.cli import main
from lockstep.commands.predict import OPTIONS
from shared import Dataset, ModelSpec, TrainSpec, evaluation, load_digits
from shared.cache import cache_folder
from shared.data import handwriting
from shared.data.card import DataCard
from shared.data.handwriting import digit_frame
from shared.data.own import rows_of
from shared.errors import InputError
from shared.weights import read_card, read_specs

ROOT = Path(__file__).resolve().parents[1]
WINGS = {"low": lowlevel.Trainer, "high": highlevel.Trainer}
DIGITS = ModelSpec.mlp(400, 25, 15, 10)


@pytest.fixture(scope="module")
def mnist():
    """The first 100 test digits as MNIST has them, (100, 28, 28) uint8, and their labels."""
    with h5py.File(ROOT / "datasets" / "digits.h5") as file:
        return file["test_images"][:100], file["test_labels"][:100]


@pytest.fixture(scope="module")
def digits():
    return load_digits()


@pytest.fixture(scope="module")
def net(digits, tmp_path_factory):
    """The file of a net trained on the digits."""
    trainer = lowlevel.Trainer(DIGITS, TrainSpec(epochs=20, seed=1234))
    trainer.fit((digits.x_train, digits.y_train))
    path = tmp_path_factory.mktemp("net") / "digits.weights.h5"
    trainer.save(path, data=digits)
    return path


def large(digit):
    """An MNIST digit as black ink on a white sheet of 480x360, off the middle."""
    sheet = Image.new("L", (480, 360), 255)
    sheet.paste(Image.fromarray(255 - digit).resize((280, 280), Image.Resampling.BICUBIC), (30, 70))
    return sheet


def colours(sheet):
    return np.asarray(sheet.convert("RGB"))


def apart(one, other):
    """Mean difference of two frames, of 255, where one may lie a pixel aside. Two different digits are 16 to 70 apart."""
    shifts = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    return min(np.abs(np.roll(one, shift, (0, 1)).astype(float) - other).mean() for shift in shifts)


def one_line(capsys):
    shown = capsys.readouterr().err
    assert len(shown.splitlines()) == 1
    return shown


# ------------------------------------------------------------------------------------------------- into the digits' form


def test_S1_12_a_digit_is_fitted_and_centred_as_mnist_does(mnist):
    for digit in mnist[0][:20]:
        frame = digit_frame(colours(large(digit)))
        rows, columns = (np.flatnonzero(frame.any(axis=axis)) for axis in (1, 0))
        assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20
        mass = frame.sum(dtype=float)
        centre = [(frame.sum(axis=axis) * np.arange(28)).sum() / mass for axis in (1, 0)]
        assert centre == pytest.approx([14, 14], abs=0.51)
        assert frame.max() == 255
        assert apart(frame, digit) < 12


def test_S1_12_ink_and_ground_may_have_any_colour(mnist):
    ink = 255 - colours(large(mnist[0][0])).astype(int)
    frame = digit_frame(colours(large(mnist[0][0])))
    assert np.array_equal(digit_frame(ink.astype(np.uint8)), frame)  # white on black: the same bits
    for paper, pen in (((255, 250, 90), (20, 40, 200)), ((90, 90, 90), (140, 90, 90)), ((0, 0, 0), (0, 0, 255))):
        painted = np.round(np.array(paper) + (np.array(pen) - paper) * ink / 255).astype(np.uint8)
        assert np.abs(digit_frame(painted).astype(int) - frame).max() <= 8  # fewer shades between paper and pen


def test_S1_12_uneven_light_and_noise_count_as_ground(mnist):
    rng = np.random.default_rng(0)
    for digit in mnist[0][:10]:
        ink = 1 - colours(large(digit)) / 255
        light = 150 + 70 * np.linspace(0, 1, 360)[:, None, None] - 20 * np.linspace(0, 1, 480)[None, :, None]
        photo = (light * (1 - 0.8 * ink) + rng.normal(0, 4, ink.shape)).clip(0, 255).astype(np.uint8)
        assert apart(digit_frame(photo), digit_frame(colours(large(digit)))) < 12


def test_S1_12_blank_tiny_and_huge_pictures(mnist):
    for picture in (np.zeros((1, 1, 3), np.uint8), np.full((50, 3, 3), 200, np.uint8)):
        assert not digit_frame(picture).any()
    dot = np.zeros((9, 9, 3), np.uint8)
    dot[4, 4] = 255
    frame = digit_frame(dot)
    assert (frame > 0).sum() == 20 * 20  # one pixel fills the box
    line = np.full((40, 3000, 3), 255, np.uint8)
    line[20, 100:2900] = 0
    assert 0 < (digit_frame(line) > 0).any(axis=1).sum() <= 2
    once = colours(large(mnist[0][0]))
    huge = np.repeat(np.repeat(once, 5, axis=0), 5, axis=1)
    assert np.abs(digit_frame(huge).astype(int) - digit_frame(once)).mean() < 4
    assert max(handwriting.ink(huge).shape) <= 1024


def test_S1_12_png_and_jpeg_in_all_modes_are_the_same_digit(mnist, tmp_path):
    card, sheet = (
        DataCard(classes=tuple("0123456789"), name="digits", image_shape=(20, 20), columns_first=True),
        large(mnist[0][0]),
    )
    paths = []
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
        image = sheet.convert(mode) if mode != "I;16" else Image.fromarray(np.asarray(sheet).astype(np.uint16) * 257)
        paths.append(tmp_path / f"{mode.replace(';', '')}.png")
        image.save(paths[-1])
    clear = Image.new("RGBA", sheet.size, (0, 0, 0, 0))
    clear.putalpha(Image.fromarray(255 - np.asarray(sheet)))  # black ink on glass
    clear.save(tmp_path / "clear.png")
    for mode in ("L", "RGB", "CMYK"):
        paths.append(tmp_path / f"{mode}.jpg")
        sheet.convert(mode).save(paths[-1], quality=90)
    rows = rows_of([*paths, tmp_path / "clear.png"], card, 400)
    assert rows.shape == (11, 400)
    for path, row in zip([*paths, tmp_path / "clear.png"], rows, strict=True):
        exact = path.suffix == ".png" and path.stem != "1"
        assert np.abs(row - rows[1]).max() <= (0 if exact else 0.25), path.name


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_S1_12_all_eight_exif_orientations_give_the_same_upright_digit(mnist, tmp_path, suffix):
    # the tag says what the reader has to do; the camera stores the picture as it comes out of the opposite
    undo = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    card, sheet = (
        DataCard(classes=tuple("0123456789"), name="digits", image_shape=(20, 20), columns_first=True),
        large(mnist[0][0]),
    )
    for tag, turn in undo.items():
        exif = Image.Exif()
        exif[0x0112] = tag
        stored = sheet if turn is None else sheet.transpose(turn)
        stored.save(tmp_path / f"{tag}.{suffix}", exif=exif, **({"quality": 95} if suffix == "jpg" else {}))
    rows = rows_of([tmp_path / f"{tag}.{suffix}" for tag in undo], card, 400)
    assert np.abs(rows - rows[0]).max() <= (0 if suffix == "png" else 0.1)


# ---------------------------------------------------------------------------------------------- into other data's form


def test_S1_12_other_pictures_are_cut_square_resized_and_kept_as_pixels(tmp_path):
    picture = np.random.default_rng(0).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    Image.fromarray(picture).save(tmp_path / "a.png")
    wide = np.concatenate([np.zeros((8, 3, 3), np.uint8), picture, np.zeros((8, 3, 3), np.uint8)], axis=1)
    Image.fromarray(wide).save(tmp_path / "b.png")
    card = DataCard(classes=("a", "b"), name="signs", image_shape=(8, 8, 3), pixels=True)
    rows = rows_of([tmp_path / "a.png", tmp_path / "b.png"], card, 192)
    assert rows.dtype == np.uint8
    assert np.array_equal(rows, [picture.reshape(-1)] * 2)
    turned = DataCard(classes=("a", "b"), image_shape=(8, 8, 3), pixels=True, columns_first=True)
    data = Dataset(
        x_train=rows_of([tmp_path / "a.png"], turned, 192),
        y_train=[0],
        classes=("a", "b"),
        source="",
        name="",
        image_shape=(8, 8, 3),
        columns_first=True,
    )
    assert np.array_equal(data.images(data.x_train)[0], picture)
    grey = np.round(picture @ [0.299, 0.587, 0.114]).astype(np.uint8)
    for shape in ((8, 8), (8, 8, 1)):
        row = rows_of([tmp_path / "a.png"], DataCard(classes=("a",), image_shape=shape, pixels=True), 64)
        assert np.array_equal(row[0], grey.reshape(-1))


@pytest.mark.parametrize(
    ("card", "inputs"),
    [
        (DataCard(classes=("a",)), 192),
        (DataCard(classes=("a",), image_shape=(8, 8, 3)), 192),  # floats: nobody says what is white
        (DataCard(classes=("a",), image_shape=(4, 16, 3), pixels=True), 192),
        (DataCard(classes=("a",), image_shape=(8, 6, 4), pixels=True), 192),
        (DataCard(classes=("a",), image_shape=(8, 8, 3), pixels=True), 64),
        (DataCard(classes=("a",), image_shape=(5000, 5000), pixels=True), 25_000_000),
        (DataCard(classes=("a",), name="digits", image_shape=(20, 20), columns_first=True), 399),
    ],
)
def test_nets_that_no_picture_can_be_asked_of(card, inputs, tmp_path):
    with pytest.raises(InputError) as caught:
        rows_of([tmp_path / "none.png"], card, inputs)
    assert "Received: " in str(caught.value)
    assert "\n" not in str(caught.value)


# ------------------------------------------------------------------------------------------------- what both wings say


def test_S1_12_large_pictures_of_test_digits_are_read_by_both_wings(mnist, digits, net, tmp_path):
    paths = []
    for position, digit in enumerate(mnist[0]):
        paths.append(tmp_path / f"{position}.png")
        sheet = (
            large(digit) if position % 2 else Image.fromarray(255 - np.asarray(large(digit)))
        )  # black on white, white on black
        sheet.save(paths[-1])
    found = lockstep.predict(paths, net)
    assert all(answer.identical and answer.low.tobytes() == answer.high.tobytes() for answer in found)
    trainer = lowlevel.Trainer(DIGITS, TrainSpec(epochs=20, seed=1234))
    trainer.load(net)
    direct = trainer.predict(digits.x_test[:100]).argmax(axis=1)
    read = np.array([answer.order[0] for answer in found])
    print(f"\nof 100 test digits: {(direct == mnist[1]).sum()} right as rows, {(read == mnist[1]).sum()} right as large pictures")
    assert (read == direct).sum() >= 90
    assert (read == mnist[1]).sum() >= 85


def test_S1_12_a_picture_of_no_class_still_gets_an_answer(net, tmp_path, capsys):
    noise = np.random.default_rng(0).integers(0, 256, (120, 90, 3)).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.jpg")
    Image.new("L", (30, 30), 255).save(tmp_path / "blank.png")
    for answer in lockstep.predict([tmp_path / "noise.jpg", tmp_path / "blank.png"], net):
        for said in (answer.low, answer.high):
            assert said.shape == (10,)
            assert (said >= 0).all()
            assert said.sum() == pytest.approx(1, abs=1e-6)
        assert answer.identical
    assert main(["predict", str(tmp_path / "noise.jpg"), str(tmp_path / "blank.png"), "--weights", str(net)]) == 0
    shown = capsys.readouterr().out
    assert "must choose one of its 10 classes" in shown
    assert shown.count("to the net this picture is blank") == 1


def test_S1_10_predict_prints_every_class_and_writes_what_it_prints(mnist, net, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    large(mnist[0][0]).save("seven.png")
    assert main(["predict", "seven.png", "--weights", str(net), "--json", "said.json"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert "seven.png: 7" in shown
    assert "  both wings: the same bits" in shown
    said = json.loads(Path("said.json").read_text(encoding="utf-8"))
    assert (said["schema"], said["data"], said["classes"]) == (1, "digits", list("0123456789"))
    (picture,) = said["pictures"]
    assert (picture["picture"], picture["class"], picture["identical"], picture["max_ulp"], picture["max_abs"]) == (
        "seven.png",
        "7",
        True,
        0,
        0,
    )
    low, high = (np.array(picture["probabilities"][wing]) for wing in ("low", "high"))
    assert low.tolist() == high.tolist()
    assert picture["probability"] == low.max()
    table = [line.split() for line in shown if len(line.split()) == 3 and line.startswith("  ") and "class" not in line]
    assert [row[0] for row in table] == [str(label) for label in np.argsort(-low, kind="stable")]
    assert [float(row[1]) for row in table] == pytest.approx(sorted(low, reverse=True), abs=1e-6)
    assert [row[1] for row in table] == [row[2] for row in table]
    assert main(["predict", "seven.png", "--weights", str(net), "--json", "-"]) == 0
    both = capsys.readouterr()
    assert json.loads(both.out) == said
    assert "seven.png: 7" in both.err


def test_differences_between_the_wings_are_told():
    def answer(low, high):
        class Said:
            def __init__(self, values):
                self.values = np.array([values], np.float32)

            def predict(self, x):
                return np.zeros((1, 2), np.float32)

            def predict_proba(self, x):
                return self.values

        (found,) = prediction.answers(["\x1b[2Ja.png"], ("a", "\x1bb"), np.zeros((1, 4)), Said(low), Said(high))
        return found

    apart = answer([0.25, 0.75], [0.25, 0.5])
    assert (apart.identical, apart.max_abs) == (False, 0.25)
    assert apart.max_ulp == 2**22
    assert "largest difference 0.25, 4,194,304 ULP" in str(apart)
    assert "\x1b" not in str(apart)  # names that would steer the terminal
    broken = answer([np.nan, 1], [np.nan, 1])
    assert not broken.identical
    many = lockstep.Answer("a", tuple(f"c{label}" for label in range(12)), np.full(12, 1 / 12), np.full(12, 1 / 12), 0.0, 0)
    assert str(many).count("0.083333") == 20
    assert "and 2 more classes" in str(many)


def test_S4_07_the_page_on_pictures_runs_and_both_wings_miss_the_same_digits(digits, tmp_path, monkeypatch):
    """The Python of ``docs/pictures.md``, as it stands there."""
    monkeypatch.chdir(tmp_path)
    (program,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "pictures.md").read_text(encoding="utf-8"), re.DOTALL)
    made: dict = {}
    exec(compile(program, "docs/pictures.md", "exec"), made)
    sides = made["found"]
    assert list(sides) == ["low-level", "high-level"]
    wrong = {side: evaluation.misclassified(digits.y_train, found, 10) for side, found in sides.items()}
    assert np.array_equal(wrong["low-level"], wrong["high-level"])
    count = int((sides["low-level"] != digits.y_train[:, 0]).sum())
    assert 0 < len(wrong["low-level"]) == count < 2500
    halves = made["wrong"].subfigs
    assert [half.get_suptitle() for half in halves] == [f"{side}: {count:,} of 5,000 wrong, the first 10 shown" for side in sides]
    low, high = ([panel.get_title() for panel in half.axes] for half in halves)
    assert low == high
    assert low[0].split(" → ")[0] == str(digits.y_train[wrong["low-level"][0], 0])
    assert np.array_equal(*made["counts"].values())
    assert made["counts"]["low-level"].sum() - np.trace(made["counts"]["low-level"]) == count
    assert [panel.get_title() for panel in made["table"].axes] == [f"{side}: {count:,} of 5,000 wrong" for side in sides]
    assert [len([panel for panel in half.axes if panel.images]) for half in made["answers"].subfigs] == [64, 64]
    assert len(made["page"].axes) == 64
    assert [list(line.get_ydata()) for line in made["loss"].axes[0].lines] == [made["histories"]["low-level"].loss] * 2
    assert [panel.get_title() for panel in made["shapes"].axes] == ["relu", "linear", "sigmoid", "tanh"]
    assert [path.name for path in tmp_path.iterdir()] == ["misclassified.png"]


# ------------------------------------------------------------------------------------------------------- files of nets

X = np.random.default_rng(5).integers(0, 256, (60, 4, 4, 3)).astype(np.uint8)
Y = np.arange(60) % 3
HANDS = Dataset(x_train=X, y_train=Y, classes=("none", "one", "two"), source="hands", name="hands", image_shape=(4, 4, 3))
SMALL = ModelSpec.mlp(48, 5, 3)


@pytest.mark.parametrize("wing", WINGS)
def test_every_saved_file_names_its_classes_and_data(wing, tmp_path):
    path = tmp_path / "a.weights.h5"
    trainer = WINGS[wing](SMALL, TrainSpec())
    trainer.save(path)
    assert read_card(path) == DataCard(classes=("0", "1", "2"))  # nothing is known of the data yet
    trainer.save(path, data=HANDS)
    card = DataCard(classes=("none", "one", "two"), name="hands", image_shape=(4, 4, 3), pixels=True)
    assert read_specs(path) == (SMALL, TrainSpec(), card)
    with h5py.File(path) as file:
        assert json.loads(file.attrs["lockstep_classes"]) == ["none", "one", "two"]
        assert "255" in file.attrs["lockstep_preprocessing"]
    # what was trained on last, or read from a file, is remembered
    trainer.fit(HANDS)
    trainer.save(path)
    assert read_card(path) == card
    other = WINGS[wing](SMALL, TrainSpec())
    other.load(path)
    other.fit((X, Y))
    other.save(tmp_path / "b.weights.h5")
    assert read_card(tmp_path / "b.weights.h5") == card
    plain = keras.Sequential([keras.Input((48,)), keras.layers.Dense(5, "relu"), keras.layers.Dense(3)])
    plain.load_weights(path, skip_mismatch=False)
    assert [weight.tobytes() for weight in plain.get_weights()] == [weight.tobytes() for weight in trainer.weights()]
    plain.save_weights(tmp_path / "plain.weights.h5")
    assert read_card(tmp_path / "plain.weights.h5") is None
    with pytest.raises(InputError, match="Dataset"):
        trainer.save(path, data=(X, Y))


@pytest.mark.parametrize(
    "texts",
    [
        {"lockstep_classes": "[1, 2, 3]"},
        {"lockstep_classes": "no JSON"},
        {"lockstep_classes": '["a", "b"]'},
        {"lockstep_classes": "[" * 5000},
        {"lockstep_data": "[]"},
        {"lockstep_data": "{}"},
        {"lockstep_data": '{"name": "a", "image_shape": [4, 4, 3], "columns_first": false, "pixels": true, "more": 1}'},
        {"lockstep_data": '{"name": "a", "image_shape": [4, 4, -3], "columns_first": false, "pixels": true}'},
        {"lockstep_data": '{"name": "a", "image_shape": 4, "columns_first": false, "pixels": true}'},
        {"lockstep_data": '{"name": 4, "image_shape": null, "columns_first": false, "pixels": true}'},
        {"lockstep_data": '{"name": "a", "image_shape": null, "columns_first": 0, "pixels": true}'},
        {"lockstep_model": "{}"},
        {"lockstep_train": '{"optimizer": "best"}'},
        {"lockstep_train": None},
    ],
    ids=str,
)
def test_files_that_say_something_else_are_refused(texts, tmp_path):
    path = tmp_path / "a.weights.h5"
    lowlevel.Trainer(SMALL, TrainSpec()).save(path, data=HANDS)
    with h5py.File(path, "r+") as file:
        for name, text in texts.items():
            del file.attrs[name]
            if text is not None:
                file.attrs[name] = text
    with pytest.raises(InputError) as caught:
        read_specs(path)
    assert "a.weights.h5" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_card_of_ten_thousand_classes_goes_through_a_file(tmp_path):
    model = ModelSpec.mlp(2, 10_000)
    lowlevel.Trainer(model, TrainSpec(optimizer="sgd")).save(tmp_path / "a.weights.h5")
    assert read_card(tmp_path / "a.weights.h5") == DataCard.numbered(10_000)


# ------------------------------------------------------------------------------------------------- the net that is kept


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "lockstep" / "nets"


def keep(train=None, model=SMALL, data=HANDS):
    said = []
    trainer = kept.trained(data, model, train or TrainSpec(epochs=2), said.append)
    return [weight.tobytes() for weight in trainer.weights()], said


def test_a_net_is_trained_once_and_kept(cache):
    first, said = keep()
    assert len(said) == 1
    assert "trained on hands once, 2 epochs" in said[0]
    assert str(cache) in said[0]
    (path,) = cache.iterdir()
    assert read_specs(path)[2].classes == HANDS.classes
    again, said = keep()
    assert again == first
    assert said == [f"net:   trained on hands before and kept as {str(path)!r}"]
    # other specs, data or versions are other nets
    keep(TrainSpec(epochs=2, seed=1))
    keep(model=ModelSpec.mlp(48, 6, 3))
    other = Dataset(x_train=X, y_train=Y[::-1], classes=HANDS.classes, source="", name="hands", image_shape=(4, 4, 3))
    keep(data=other)
    assert len(list(cache.iterdir())) == 4
    assert path in cache.iterdir()


def test_another_version_trains_anew(cache, monkeypatch):
    keep()
    monkeypatch.setattr(kept, "versions", lambda: {"keras-lockstep": "0.0.1"})
    assert "once" in keep()[1][0]


@pytest.mark.parametrize("harm", ["one bit", "cut", "empty", "other net"])
def test_a_damaged_kept_net_is_trained_again(cache, harm, tmp_path):
    first, _ = keep()
    (path,) = cache.iterdir()
    content = bytearray(path.read_bytes())
    with h5py.File(path) as file:
        place = file["layers/dense/vars/0"].id.get_offset()
    content[place] ^= 1  # the last bit of the first weight
    if harm == "other net":
        lowlevel.Trainer(SMALL, TrainSpec(seed=3)).save(tmp_path / "other.weights.h5")
        content = (tmp_path / "other.weights.h5").read_bytes()
    path.write_bytes({"one bit": content, "other net": content, "cut": content[:5000], "empty": b""}[harm])
    again, said = keep()
    assert again == first
    assert "the kept one is damaged" in said[0]
    (path,) = cache.iterdir()
    assert "before" in keep()[1][0]


def test_a_cache_that_cannot_be_written_costs_no_answer(cache):
    cache.parent.parent.mkdir()
    cache.parent.write_text("a file where the folder should be")
    weights, said = keep()
    assert len(weights) == 4
    assert "could not be kept" in said[1]
    assert cache.parent.is_file()


def test_nothing_half_written_stays_in_the_cache(cache, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", stop)
    with pytest.raises(KeyboardInterrupt):
        keep()
    assert list(cache.iterdir()) == []


def test_the_cache_lies_where_the_user_wants_it(monkeypatch):
    monkeypatch.setenv("HOME", "/someone")
    for value, folder in (
        ("/far/away", "/far/away/lockstep"),
        ("", "/someone/.cache/lockstep"),
        ("not/absolute", "/someone/.cache/lockstep"),
    ):
        monkeypatch.setenv("XDG_CACHE_HOME", value)
        assert cache_folder() == Path(folder)
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path("/someone/.cache/lockstep")

    def nobody():
        raise RuntimeError

    monkeypatch.setattr(Path, "home", nobody)
    with pytest.raises(InputError, match="XDG_CACHE_HOME"):
        cache_folder()


def test_predict_without_weights_says_where_the_net_comes_from(cache, mnist, digits, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(OPTIONS, "digits", ["--epochs", "3"])
    large(mnist[0][1]).save(tmp_path / "two.jpg")
    for words in ("net:   trained on digits once, 3 epochs, to be kept in", "net:   trained on digits before and kept as"):
        assert main(["predict", str(tmp_path / "two.jpg")]) == 0
        shown = capsys.readouterr().out.splitlines()
        assert shown[0].startswith(words)
        assert shown[1].endswith("two.jpg: 2")
        assert "  both wings: the same bits" in shown


# ------------------------------------------------------------------------------------------------- on the command line


@pytest.fixture
def hands(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with h5py.File("train_hands.h5", "w") as file:
        file["train_set_x"], file["train_set_y"] = X, Y
        file["list_classes"] = np.array([b"none", b"one", b"two"])
    with h5py.File("test_hands.h5", "w") as file:
        file["test_set_x"], file["test_set_y"] = X[:7], Y[:7]
    return tmp_path


def test_train_writes_the_same_net_from_both_wings_and_predict_reads_it(hands, capsys):
    for wing in WINGS:
        assert (
            main(["train", "train_hands.h5", "--wing", wing, "--out", f"{wing}.weights.h5", "--epochs", "3", "--hidden", "5"])
            == 0
        )
    shown = capsys.readouterr()
    assert shown.err == ""
    lines = shown.out.splitlines()
    epochs = [line for line in lines if line.startswith("epoch ")]
    assert [line.split()[1] for line in epochs] == ["1", "2", "3"] * 2
    assert epochs[:3] == epochs[3:]  # the same figures
    assert all("test acc." in line for line in epochs)
    ends = [line for line in lines if "training rows wrong" in line]
    assert [line.split(":")[0] for line in ends] == ["low", "high"]
    assert ends[0].removeprefix("low") == ends[1].removeprefix("high")
    assert "of 60 training rows wrong" in ends[0]
    assert "of 7 test rows wrong (test accuracy" in ends[0]
    specs = [read_specs(f"{wing}.weights.h5") for wing in WINGS]
    assert specs[0] == specs[1]
    assert specs[0][2].classes == ("none", "one", "two")
    trainers = [wing(*specs[0][:2]) for wing in WINGS.values()]
    for trainer, wing in zip(trainers, WINGS, strict=True):
        trainer.load(f"{wing}.weights.h5")
    assert all(np.array_equal(*pair) for pair in zip(trainers[0].state().weights, trainers[1].state().weights, strict=True))
    Image.fromarray(X[0]).save("hand.png")
    assert main(["predict", "hand.png", "--weights", "high.weights.h5", "--json", "said.json"]) == 0
    (picture,) = json.loads(Path("said.json").read_text(encoding="utf-8"))["pictures"]
    assert np.array_equal(np.float32(picture["probabilities"]["low"]), trainers[0].predict_proba(X[:1])[0])
    assert sorted(path.name for path in hands.iterdir()) == [
        *("hand.png", "high.weights.h5", "low.weights.h5", "said.json", "test_hands.h5", "train_hands.h5")
    ]


def test_train_ends_on_nan_and_leaves_nothing(hands, capsys):
    arguments = [
        "train",
        "train_hands.h5",
        "--wing",
        "low",
        "--out",
        "a.weights.h5",
        "--optimizer",
        "sgd",
        "--learning-rate",
        "1e38",
    ]
    assert main(arguments) == 2
    assert "--learning-rate" in one_line(capsys)
    assert not Path("a.weights.h5").exists()


def test_train_stopped_by_ctrl_c_leaves_nothing(hands, capsys, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("lockstep.commands.train.Progress.on_epoch_end", stop)
    for wing in WINGS:
        assert main(["train", "train_hands.h5", "--wing", wing, "--out", "a.weights.h5"]) == 130
        assert one_line(capsys) == "lockstep: stopped\n"
    assert sorted(path.name for path in hands.iterdir()) == ["test_hands.h5", "train_hands.h5"]


def test_train_shows_a_bar_on_a_terminal(monkeypatch):
    from lockstep.commands.train import Progress

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    bar, out = Terminal(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", bar)
    with Progress(2, out) as progress:
        progress.on_epoch_end(0, {"loss": 1.0, "accuracy": 0.5})
    assert "0/2" in bar.getvalue()
    assert out.getvalue() == "epoch    1  loss 1.000000  accuracy 0.500000\n"


def test_compare_draws_pictures(hands, capsys):
    Path("drawn").mkdir()
    assert main(["compare", "train_hands.h5", "--epochs", "2", "--hidden", "5", "--pictures", "drawn"]) == 0
    names = ["loss.png", "confusion.png", "misclassified.png"]
    assert [line for line in capsys.readouterr().out.splitlines() if "written" in line] == [
        f"written: drawn/{name}" for name in names
    ]
    for name in names:
        with Image.open(Path("drawn") / name) as image:
            assert image.format == "PNG"
            assert np.asarray(image.convert("L")).std() > 5


def test_the_pictures_of_a_comparison_show_the_test_set(tmp_path):
    from types import SimpleNamespace

    from lockstep import pictures

    data = Dataset(
        x_train=X, y_train=Y, x_test=X[:6], y_test=Y[:6], classes=HANDS.classes, source="", name="hands", image_shape=(4, 4, 3)
    )
    histories = {"epoch": SimpleNamespace(loss=[1.0, 0.5]), "keras": SimpleNamespace(loss=[1.0, 0.5])}
    logits = {"epoch": np.eye(3)[Y[:6]], "keras": np.eye(3)[[0, 1, 2, 0, 1, 1]]}
    assert [path.name for path in pictures.draw(tmp_path, data, histories, logits)] == list(pictures.NAMES)
    assert [path.name for path in pictures.draw(tmp_path, HANDS, histories, {})] == ["loss.png"]


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """How unusable inputs end, all in one process that must not load TensorFlow."""
    folder = tmp_path_factory.mktemp("bad")
    sheet = Image.new("RGB", (40, 30), "white")
    sheet.save(folder / "good.png")
    sheet.save(folder / "whole.jpg")
    (folder / "cut.jpg").write_bytes((folder / "whole.jpg").read_bytes()[:300])
    (folder / "text.png").write_text("not a picture\n" * 20)
    (folder / "empty.png").touch()
    (folder / "folder.png").mkdir()
    (folder / "vector.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    lowlevel.Trainer(SMALL, TrainSpec()).save(folder / "unnamed.weights.h5")
    lowlevel.Trainer(SMALL, TrainSpec()).save(folder / "hands.weights.h5", data=HANDS)
    keras.Sequential([keras.Input((400,)), keras.layers.Dense(10)]).save_weights(folder / "plain.weights.h5")
    (folder / "cut.weights.h5").write_bytes((folder / "hands.weights.h5").read_bytes()[:4000])
    with h5py.File(folder / "data.h5", "w") as file:
        file["train_set_x"], file["train_set_y"] = X, Y
    cases = [arguments for arguments, _ in BAD_PICTURES + BAD_TRAINING] + BAD_USE
    listed = child(folder, RUN_ALL, json.dumps(cases))
    assert sorted(path.name for path in folder.iterdir() if path.name.startswith((".", "net."))) == []
    return {tuple(case): end for case, end in zip(cases, listed, strict=True)}


BAD_PICTURES = [
    (["predict", "missing.png"], "missing.png"),
    (["predict", "good.png", "missing.png"], "missing.png"),
    (["predict", "folder.png"], "folder"),
    (["predict", "empty.png"], "empty"),
    (["predict", "text.png"], "text.png"),
    (["predict", "cut.jpg"], "cut.jpg"),
    (["predict", "vector.svg"], "vector.svg"),
    (["predict", "two\nlines.png"], "two"),
    (["predict", "data.h5"], "data.h5"),
    (["predict", ""], "A picture must"),
    (["predict", "good.png", "--json", "said.txt"], "said.txt"),
    (["predict", "good.png", "--json", "nowhere/said.json"], "nowhere"),
    (["predict", "good.png", "--weights", "missing.weights.h5"], "missing.weights.h5"),
    (["predict", "good.png", "--weights", "folder.png"], "folder"),
    (["predict", "good.png", "--weights", "good.png"], "HDF5"),
    (["predict", "good.png", "--weights", "data.h5"], "lockstep train"),
    (["predict", "good.png", "--weights", "plain.weights.h5"], "lockstep train"),
    (["predict", "good.png", "--weights", "unnamed.weights.h5"], "no pictures"),
    (["predict", "good.png", "--weights", "cut.weights.h5"], "cut"),
    (["predict", "text.png", "--weights", "hands.weights.h5"], "text.png"),
]
BAD_TRAINING = [
    (["train", "missing.h5", "--wing", "low", "--out", "net.weights.h5"], "missing.h5"),
    (["train", "data.h5", "--wing", "low", "--out", "net.h5"], "NAME.weights.h5"),
    (["train", "data.h5", "--wing", "low", "--out", "nowhere/net.weights.h5"], "nowhere"),
    (["train", "data.h5", "--wing", "low", "--out", "net.weights.h5", "--epochs", "0"], "epochs=0"),
    (["train", "data.h5", "--wing", "low", "--out", "net.weights.h5", "--seed", "-1"], "seed=-1"),
    (["train", "data.h5", "--wing", "low", "--out", "net.weights.h5", "--test", "missing.h5"], "missing.h5"),
    (["compare", "data.h5", "--pictures", "nowhere"], "nowhere"),
    (["compare", "data.h5", "--pictures", "good.png"], "good.png"),
]
BAD_USE = [
    ["predict"],
    ["predict", "good.png", "--data", "cars"],
    ["predict", "good.png", "--data", "digits", "--weights", "hands.weights.h5"],
    ["train"],
    ["train", "data.h5", "--wing", "low"],
    ["train", "data.h5", "--out", "net.weights.h5"],
    ["train", "data.h5", "--wing", "middle", "--out", "net.weights.h5"],
    ["train", "data.h5", "--wing", "low", "--out", "net.weights.h5", "--resume", "now"],
]


@pytest.mark.parametrize(
    ("arguments", "word"), BAD_PICTURES + BAD_TRAINING, ids=lambda part: " ".join(part)[:60] if isinstance(part, list) else ""
)
def test_unusable_input_ends_in_one_line(ended, arguments, word):
    status, out, err, loaded = ended[tuple(arguments)]
    assert (status, out, loaded) == (2, "", [])
    assert err.startswith("lockstep: ")
    assert len(err.splitlines()) == 1
    assert "Received: " in err
    assert word in err


@pytest.mark.parametrize("arguments", BAD_USE, ids=" ".join)
def test_wrong_use_ends_in_one_line(ended, arguments):
    status, out, err, loaded = ended[tuple(arguments)]
    assert (status, out, loaded) == (2, "", [])
    assert len(err.splitlines()) == 1
    assert "--help" in err


def test_help_stands_at_once(tmp_path):
    source = """
        import contextlib, io, json, sys
        from lockstep.cli import main

        shown = []
        for command in ("train", "predict"):
            with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.suppress(SystemExit):
                main([command, "--help"])
            shown.append(out.getvalue())
        json.dump([shown, sorted({name.split(".")[0] for name in sys.modules})], sys.stdout)
    """
    (train, predict), loaded = child(tmp_path, source)
    assert not {"tensorflow", "keras", "numpy", "h5py", "PIL", "lowlevel", "highlevel", "shared"} & set(loaded)
    assert all(option in train for option in ("--wing", "--out", "--epochs", "--seed", "--test", "--hidden"))
    assert all(option in predict for option in ("PICTURE", "--weights", "--data", "--json"))
