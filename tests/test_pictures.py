"""Pictures of training and of what nets answer, and the figures in them, checked against counts by hand."""

import io
from types import SimpleNamespace

import matplotlib.colors
import matplotlib.image
import numpy as np
import pytest

import highlevel.activations
import lowlevel.activations
from shared import Dataset, evaluation, plots
from shared.errors import InputError


def pixels(figure):
    """The figure as it would be seen: (height, width, 4) from 0 to 1."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    stream.seek(0)
    return matplotlib.image.imread(stream)


def drawn(panels):
    """The panels that hold an image."""
    return [panel for panel in panels if panel.images]


# -------------------------------------------------------------------------------------------------------- the figures

LABELS = np.array([[0], [0], [1], [1], [2], [2]])
FOUND = np.array([0, 1, 1, 1, 0, 2])


def test_S4_07_misclassified_rows_and_confusion_by_hand():
    assert evaluation.misclassified(LABELS, FOUND, 3).tolist() == [1, 4]
    assert evaluation.confusion(LABELS, FOUND, 3).tolist() == [[1, 1, 0], [0, 2, 0], [1, 0, 1]]
    assert evaluation.confusion(LABELS, FOUND, 4)[3].tolist() == [0, 0, 0, 0]  # a class that never comes up has its row
    found = evaluation.class_report(LABELS, FOUND, ("a", "b", "c"))
    assert found["a"] == {"precision": 0.5, "recall": 0.5, "f1-score": 0.5, "support": 2.0}
    assert found["b"] == {"precision": pytest.approx(2 / 3), "recall": 1.0, "f1-score": pytest.approx(0.8), "support": 2.0}
    assert found["c"] == {"precision": 1.0, "recall": 0.5, "f1-score": pytest.approx(2 / 3), "support": 2.0}
    assert evaluation.class_report(LABELS, FOUND, tuple("abcd"))["d"]["precision"] == 0.0


@pytest.mark.parametrize(
    ("labels", "found"), [(LABELS, FOUND[:5]), (LABELS, FOUND + 1), (LABELS - 1, FOUND), (LABELS, [0.5] * 6)]
)
def test_figures_refuse_what_does_not_belong_together(labels, found):
    for function, classes in (
        (evaluation.misclassified, 3),
        (evaluation.confusion, 3),
        (evaluation.class_report, ("a", "b", "c")),
    ):
        with pytest.raises(InputError, match="Received: "):
            function(labels, found, classes)


# ------------------------------------------------------------------------------------------------------------- grids


def test_S0_02_examples_show_25_pictures_class_by_class():
    rng = np.random.default_rng(0)
    pictures, labels = rng.integers(0, 256, (300, 6, 6, 3)).astype(np.uint8), rng.permutation(np.arange(300) % 6)
    data = Dataset(x_train=pictures, y_train=labels, classes=tuple("abcdef"), source="x", name="x", image_shape=(6, 6, 3))
    figure = plots.examples(data, 5, 5, title="hands")
    titles = [panel.get_title() for panel in figure.axes]
    assert len(titles) == 25
    assert titles == sorted(titles)
    assert {titles.count(name) for name in data.classes} == {4, 5}
    for panel in figure.axes:
        (row,) = np.flatnonzero((pictures == np.round(255 * np.asarray(panel.images[0].get_array()))).all(axis=(1, 2, 3)))
        assert data.classes[labels[row]] == panel.get_title()
    with pytest.raises(InputError, match="300"):
        plots.examples(data, 20, 20)


def test_S4_07_predictions_of_both_sides_and_the_wrong_ones_marked():
    images = np.random.default_rng(1).random((6, 4, 4))
    sides = {"low-level": FOUND, "high-level": LABELS[:, 0]}
    figure = plots.predictions(images, LABELS, sides, "abc", columns=3, title="label → prediction")
    left, right = figure.subfigs
    assert [half.get_suptitle() for half in (left, right)] == ["low-level: 2 of 6 wrong", "high-level: 0 of 6 wrong"]
    assert [panel.get_title() for panel in left.axes] == ["a → a", "a → b", "b → b", "b → b", "c → a", "c → c"]
    assert [panel.get_title() for panel in right.axes] == ["a → a", "a → a", "b → b", "b → b", "c → c", "c → c"]
    red = [matplotlib.colors.to_hex(panel.title.get_color()) == "#c00000" for panel in left.axes]
    assert red == [False, True, False, False, True, False]
    for half in (left, right):
        assert all(np.array_equal(panel.images[0].get_array(), image) for panel, image in zip(half.axes, images, strict=True))
    assert pixels(figure).std() > 0.1


def test_S4_07_misclassified_are_shown_and_counted():
    images = np.random.default_rng(1).random((6, 4, 4))
    sides = {"low-level": FOUND, "high-level": LABELS[:, 0], "other": (LABELS[:, 0] + 1) % 3}
    figure = plots.misclassified(images, LABELS, sides, "abc", most=4, columns=2)
    assert [half.get_suptitle() for half in figure.subfigs] == [
        "low-level: 2 of 6 wrong",
        "high-level: 0 of 6 wrong",
        "other: 6 of 6 wrong, the first 4 shown",
    ]
    assert [len(drawn(half.axes)) for half in figure.subfigs] == [2, 0, 4]
    for panel, row in zip(drawn(figure.subfigs[0].axes), (1, 4), strict=True):
        assert np.array_equal(panel.images[0].get_array(), images[row])
    assert [panel.get_title() for panel in drawn(figure.subfigs[0].axes)] == ["a → b", "c → a"]
    assert pixels(figure).shape[2] == 4


@pytest.mark.parametrize(
    ("images", "sides"),
    [(np.zeros((5, 4, 4)), {"one": FOUND}), (np.zeros((6, 4)), {"one": FOUND}), (np.zeros((6, 4, 4)), {})],
)
def test_predictions_refuse(images, sides):
    for function in (plots.predictions, plots.misclassified):
        with pytest.raises(InputError) as caught:
            function(images, LABELS, sides, "abc")
        assert "\n" not in str(caught.value)


def test_confusion_matrices_stand_side_by_side():
    counts = evaluation.confusion(LABELS, FOUND, 3)
    figure = plots.confusion({"low-level": counts, "high-level": np.diag([2, 2, 2])}, ("a", "b", "$c"), title="test")
    left, right = figure.axes
    assert (left.get_title(), right.get_title()) == ("low-level: 2 of 6 wrong", "high-level: 0 of 6 wrong")
    cells = {text.get_position(): text.get_text() for text in left.texts}
    assert cells == {(0, 0): "1", (1, 0): "1", (1, 1): "2", (0, 2): "1", (2, 2): "1"}  # (predicted, true)
    assert (left.get_xlabel(), left.get_ylabel()) == ("predicted", "true")
    assert pixels(figure).std() > 0.1
    many = plots.confusion({"one": np.eye(30, dtype=int)}, [str(name) for name in range(30)])
    assert not many.axes[0].texts
    for wrong in ({}, {"one": counts[:2]}, {"one": counts / 2}):
        with pytest.raises(InputError, match="Received: "):
            plots.confusion(wrong, "abc")


def test_bars_of_probabilities():
    figure = plots.bars({"low-level": [0.25, 0.75], "high-level": [0.5, 0.5]}, ("cat", "non-cat"), title="$")
    (panel,) = figure.axes
    assert [bar.get_height() for bar in panel.patches] == [0.25, 0.75, 0.5, 0.5]
    assert panel.get_ylim() == (0, 1)
    assert [text.get_text() for text in panel.get_xticklabels()] == ["cat", "non-cat"]
    for wrong in ({}, {"one": [0.5]}):
        with pytest.raises(InputError, match="Received: "):
            plots.bars(wrong, ("cat", "non-cat"))


# ------------------------------------------------------------------------------------------------------------- lines

NAMES = ("relu", "linear", "sigmoid", "tanh")
FORMULAS = {
    "relu": lambda z: np.where(z > 0, z, 0),
    "linear": lambda z: z,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": lambda z: 2 / (1 + np.exp(-2 * z)) - 1,
}


def test_S4_03_activations_of_both_sides_are_drawn():
    sides = {
        wing.__name__.split(".")[0]: {name: wing.get(name) for name in NAMES}
        for wing in (lowlevel.activations, highlevel.activations)
    }
    figure = plots.activations(sides, title="activation functions")
    assert [panel.get_title() for panel in figure.axes] == list(NAMES)
    for panel, name in zip(figure.axes, NAMES, strict=True):
        lines = [line for line in panel.lines if len(line.get_xdata()) > 2]
        assert [line.get_label() for line in lines] == ["lowlevel", "highlevel"]
        for line in lines:
            z, values = line.get_xydata().T
            assert (z[0], z[-1]) == (-5, 5)
            assert values == pytest.approx(FORMULAS[name](z), abs=1e-6)  # Keras rounds to float32
        assert lines[0].get_linewidth() > lines[1].get_linewidth()
    assert pixels(figure).std() > 0.1
    assert len(plots.activations({"one": dict.fromkeys("abcde", np.tanh)}).axes) == 6
    for wrong in ({}, {"one": {}}, {"one": {"a": np.tanh}, "two": {"b": np.tanh}}):
        with pytest.raises(InputError, match="Received: "):
            plots.activations(wrong)


def test_S1_11_cost_curve_of_costs_kept_every_few_epochs():
    (panel,) = plots.curves({"tf1": [1.9, 0.5, 0.1]}, quantity="cost", every=5, title="Learning rate = 0.0001").axes
    assert panel.lines[0].get_xydata().tolist() == [[0, 1.9], [5, 0.5], [10, 0.1]]
    assert (panel.get_ylabel(), panel.get_title()) == ("cost", "Learning rate = 0.0001")
    history = SimpleNamespace(loss=[1.0], accuracy=[0.5, 0.75])
    (panel,) = plots.curves({"low-level": history}, quantity="accuracy").axes
    assert panel.lines[0].get_xydata().tolist() == [[1, 0.5], [2, 0.75]]
    with pytest.raises(InputError, match="'cost'"):
        plots.curves({"low-level": history}, quantity="cost")
