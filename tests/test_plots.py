"""Pictures: the right number of titled panels, the images upright and unchanged, and nothing global."""

import io
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import matplotlib.image
import numpy as np
import pytest

from shared import plots
from shared.data import load_digits
from shared.errors import InputError

ROOT = Path(__file__).resolve().parents[1]


def pixels(figure):
    """The figure as it would be seen: (height, width, 4) from 0 to 1."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    stream.seek(0)
    return matplotlib.image.imread(stream)


def shown(panel):
    return np.asarray(panel.images[0].get_array())


def test_S0_02_grid_of_25_titled_panels():
    images = np.random.default_rng(0).integers(0, 256, (25, 8, 8, 3), np.uint8)
    figure = plots.grid(images, [f"y = {row % 6}" for row in range(25)], rows=5, columns=5, title="hands")
    assert [panel.get_title() for panel in figure.axes] == [f"y = {row % 6}" for row in range(25)]
    assert all(np.array_equal(shown(panel), image / 255) for panel, image in zip(figure.axes, images, strict=True))
    assert figure.get_suptitle() == "hands"
    assert pixels(figure).std() > 0.1


def test_S4_07_grid_of_64_upright_digits_with_labels():
    digits = load_digits()
    figure = plots.digits_page()
    assert len(figure.axes) == 64
    titles = [panel.get_title() for panel in figure.axes]
    assert titles == sorted(titles)
    assert set(titles) == set("0123456789")
    assert min(titles.count(title) for title in set(titles)) >= 6
    # the panels show rows of the data set, upright, of the class in their title
    upright = digits.x_train.reshape(-1, 20, 20).transpose(0, 2, 1).clip(0, 1)
    for panel in figure.axes[::9]:
        (row,) = np.flatnonzero((upright == shown(panel)).all(axis=(1, 2)))
        assert str(digits.y_train[row, 0]) == panel.get_title()
        assert panel.images[0].origin == "upper"


def test_grid_clips_floats_takes_one_channel_and_may_stay_partly_empty():
    images = np.array([[[-0.5, 0.25], [0.5, 1.5]]] * 3)
    figure = plots.grid(images[..., None], ["$a", "b$", 3], rows=2, columns=2)
    assert shown(figure.axes[0]).tolist() == [[0, 0.25], [0.5, 1]]
    assert [len(panel.images) for panel in figure.axes] == [1, 1, 1, 0]
    assert pixels(figure).shape[2] == 4  # a dollar sign in a title is no formula: this would raise


@pytest.mark.parametrize(
    ("images", "titles", "rows", "columns"),
    [
        (np.zeros((5, 2, 2)), list("abcde"), 2, 2),
        (np.zeros((3, 2, 2)), list("ab"), 2, 2),
        (np.zeros((0, 2, 2)), [], 2, 2),
        (np.zeros((1, 2, 2)), ["a"], 0, 2),
        (np.zeros((1, 4)), ["a"], 1, 1),
        (np.zeros((1, 2, 2, 2)), ["a"], 1, 1),
        (np.array([[["x"]]]), ["a"], 1, 1),
    ],
)
def test_grid_refuses(images, titles, rows, columns):
    with pytest.raises(InputError) as caught:
        plots.grid(images, titles, rows=rows, columns=columns)
    assert "Received: " in str(caught.value)
    assert "\n" not in str(caught.value)


def test_S4_07_loss_curves():
    histories = {"low_level": SimpleNamespace(loss=[3.0, 2.0, 1.0]), "high_level": SimpleNamespace(loss=(2.5,))}
    (panel,) = plots.curves(histories, title="loss").axes
    assert [line.get_label() for line in panel.lines] == ["low_level", "high_level"]
    assert panel.lines[0].get_xydata().tolist() == [[1, 3], [2, 2], [3, 1]]
    assert panel.lines[1].get_xydata().tolist() == [[1, 2.5]]
    assert panel.lines[1].get_marker() == "o"
    assert (panel.get_xlabel(), panel.get_ylabel(), panel.get_title()) == ("epoch", "loss", "loss")
    assert [text.get_text() for text in panel.get_legend().get_texts()] == list(histories)


def test_equal_curves_can_both_be_seen():
    histories = {name: SimpleNamespace(loss=[3.0, 1.0]) for name in ("one", "two")}
    (panel,) = plots.curves(histories).axes
    assert panel.lines[0].get_linewidth() > panel.lines[1].get_linewidth()


@pytest.mark.parametrize("histories", [{}, {"one": SimpleNamespace(loss=[])}])
def test_curves_need_an_epoch(histories):
    with pytest.raises(InputError, match="Train first"):
        plots.curves(histories)


def test_page_in_the_documentation_is_the_one_drawn_here(tmp_path, capsys):
    made = tmp_path / "digits.png"
    assert plots.main(["--out", str(made)]) == 0
    assert str(made) in capsys.readouterr().out
    shipped = matplotlib.image.imread(ROOT / "docs" / "pictures" / "digits.png")
    drawn = matplotlib.image.imread(made)
    # other versions of matplotlib may set a pixel or a letter a little differently
    assert abs(np.array(drawn.shape) - shipped.shape).max() <= 10
    assert abs(drawn.mean() - shipped.mean()) < 0.02
    assert (ROOT / "docs" / "pictures" / "digits.png").stat().st_size < 150_000


def test_saving_twice_gives_the_same_bytes_and_errors_are_one_line(tmp_path):
    figure = plots.curves({"one": SimpleNamespace(loss=[3.0, 1.0])})
    plots.save(figure, tmp_path / "a.png")
    plots.save(figure, str(tmp_path / "b.png"))
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert b"matplotlib" not in (tmp_path / "a.png").read_bytes().lower()
    for name in ("none/a.png", "a.unknown"):
        with pytest.raises(InputError) as caught:
            plots.save(figure, tmp_path / name)
        assert "\n" not in str(caught.value)
    with pytest.raises(SystemExit) as ended:
        plots.main(["--out", str(tmp_path / "none" / "a.png")])
    assert ended.value.code == 2


def test_without_matplotlib_the_error_names_the_extra(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)  # Python's own way of saying: not there
    with pytest.raises(InputError, match=r"pip install 'keras-lockstep\[plot\]'"):
        plots.grid(np.zeros((1, 2, 2)), ["a"], rows=1, columns=1)


def test_neither_pyplot_nor_matplotlib_comes_with_the_import():
    code = (
        "import json, sys; import shared.plots as p; before = 'matplotlib' in sys.modules; "
        "p.digits_page().canvas.draw(); print(json.dumps([before, 'matplotlib.pyplot' in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [False, False]
