"""The lessons: scripts, their notebooks, what these show, and what the Chinese text says."""

import html
import importlib.util
import pkgutil
import re
import runpy
import sys
import textwrap
from pathlib import Path

import nbformat
import numpy as np
import pytest
import tensorflow as tf

import highlevel
import lowlevel
from lockstep import show
from shared import InputError, plots

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "notebooks"


def writer():
    """The module ``notebooks/write.py``, which belongs to no package."""
    spec = importlib.util.spec_from_file_location("write_notebooks", FOLDER / "write.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


write = writer()
EACH = pytest.mark.parametrize("script", write.lessons(), ids=lambda script: script.stem)


def notebook_of(script):
    return nbformat.read(script.with_suffix(".ipynb"), as_version=4)


def outputs(notebook):
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


# ------------------------------------------------------------------------------------------------------------ the lessons


def test_lessons_are_numbered_without_a_gap():
    assert [script.name[:3] for script in write.lessons()] == [f"0{number}_" for number in range(1, 8)]


@EACH
def test_C_06_script_and_notebook_have_the_same_cells(script):
    written, notebook = write.pair(script), notebook_of(script)
    assert [(cell.cell_type, cell.id, cell.source) for cell in notebook.cells] == [
        (cell.cell_type, cell.id, cell.source) for cell in written.cells
    ]
    assert notebook.metadata == written.metadata
    assert all(not cell.metadata for cell in notebook.cells)
    nbformat.validate(notebook)


@EACH
def test_C_06_notebook_was_run_from_top_to_bottom(script):
    notebook = notebook_of(script)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert 10 <= len(notebook.cells) <= 50
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert {output.output_type for output in outputs(notebook)} <= {"stream", "execute_result", "display_data"}
    assert {output.name for output in outputs(notebook) if output.output_type == "stream"} <= {"stdout"}
    assert sum(cell.source.count("assert ") for cell in code) >= 15
    text = script.with_suffix(".ipynb").read_text(encoding="utf-8")
    assert len(text.encode()) < 500_000
    assert not re.search(r" at 0x[0-9a-f]{6}|WARNING|/tmp/|ipykernel_", text)


@EACH
def test_C_06_notebook_shows_the_code_as_it_stands(script):
    """What a notebook shows side by side is what the files hold now; if not, write it again."""
    for output in outputs(notebook_of(script)):
        shown = output.get("data", {}).get("text/html", "")
        if "side-by-side" in shown:
            headings = [html.unescape(heading) for heading in re.findall(r"<th [^>]*>(.*?)</th>", shown)]
            pieces = [pkgutil.resolve_name(heading.replace("/", ".").replace(".py: ", ":")) for heading in headings]
            again = f"{headings} changed. Write the notebook again: python notebooks/write.py {script.stem[:2]}"
            assert show.side_by_side(*pieces)._repr_html_() == shown, again


@EACH
def test_C_06_lesson_holds_code_of_both_wings_side_by_side(script):
    assert "side_by_side(" in script.read_text(encoding="utf-8")


def test_S0_04_first_lesson_runs_as_a_script():
    names = runpy.run_path(str(write.lessons("01")[0]))
    assert names["trainers"].keys() == {"eager", "graph", "epoch", "keras"}


@pytest.mark.long
@EACH
def test_C_06_notebook_runs_and_its_assertions_hold(script):
    done = write.execute(notebook_of(script))
    assert not [output for output in outputs(done) if output.output_type == "error"]
    assert len(outputs(done)) == len(outputs(notebook_of(script)))


# --------------------------------------------------------------------------------------------------------- what they show


def test_side_by_side_shows_the_source_itself():
    shown = show.side_by_side(lowlevel.layers.Dense.__call__, highlevel.layers.Dense)
    assert [heading for heading, _ in shown.columns] == ["lowlevel/layers.py: Dense.__call__", "highlevel/layers.py: Dense"]
    low, high = (source for _, source in shown.columns)
    assert low.startswith("def __call__(self, x: tf.Tensor")  # set flush left
    assert textwrap.indent(low, "    ") in (ROOT / "lowlevel" / "layers.py").read_text(encoding="utf-8")
    assert high in (ROOT / "highlevel" / "layers.py").read_text(encoding="utf-8")
    assert str(shown).startswith("lowlevel/layers.py: Dense.__call__\n----")
    assert high in str(shown)


def test_side_by_side_looks_through_decorators():
    from lowlevel.ladder import tf2_graph_functions

    ((heading, source),) = show.side_by_side(tf2_graph_functions.sigmoid).columns
    assert heading == "lowlevel/ladder/tf2_graph_functions.py: sigmoid"
    assert source.startswith("@tf.function\ndef sigmoid(")


def test_side_by_side_escapes_html():
    def smaller(a, b):
        return "<b>" if a < b & 1 else "</td>"

    shown = show.side_by_side(smaller, smaller)._repr_html_()
    assert "&lt;b&gt;" in shown
    assert "a &lt; b &amp; 1" in shown
    assert shown.count("</td>") == 2
    assert "<locals>" not in shown
    assert re.findall(r"(?:color|background):([^;\"]+)", shown) == ["inherit", "transparent"] * 2  # of the page, light or dark


@pytest.mark.parametrize("pieces", [(), (len,), (3,), (tf.nn.relu, np.add)])
def test_side_by_side_refuses_what_has_no_source(pieces):
    with pytest.raises(InputError, match="side_by_side shows"):
        show.side_by_side(*pieces)


def test_pictures_are_drawn_to_the_same_bytes_and_say_what_they_show():
    def draw():
        return show.picture(plots.bars({"a": [0.25, 0.75]}, ["no", "yes"]), "two bars, the second three times as high")

    png, metadata = draw()._repr_png_()
    assert png.startswith(b"\x89PNG")
    assert b"Software" not in png
    assert metadata == {"alt": "two bars, the second three times as high"}
    assert draw() == draw()
    assert repr(draw()) == "[picture: two bars, the second three times as high]"


def test_S4_02_sliders_call_again_with_what_they_stand_at(monkeypatch):
    import IPython

    seen = []
    assert show.sliders(lambda **values: None, z0=1.0) is None  # no notebook
    monkeypatch.setattr(IPython, "get_ipython", object)
    widget = show.sliders(lambda **values: seen.append(values), low=-2, high=4, z0=1.0, z1=2.0)
    first, second, _ = widget.children
    assert (first.description, first.min, first.max, second.value) == ("z0", -2, 4, 2)
    second.value = 3.5
    assert seen[-1] == {"z0": 1.0, "z1": 3.5}
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    assert show.sliders(lambda **values: None, z0=1.0) is None


# -------------------------------------------------------------------------------------------------------------- in Chinese


def numbers(text):
    """The numbers in a text, those in names such as TensorFlow 2 among them."""
    return set(re.findall(r"\d+(?:[.,]\d+)*", text))


def in_code(text):
    """What stands between backticks, commands and names."""
    return set(re.findall(r"`([^`\n]+)`", text))


@EACH
def test_chinese_text_has_the_headings_numbers_and_names_of_the_lesson(script):
    cells = notebook_of(script).cells
    english = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    chinese = script.with_suffix("").with_suffix(".zh.md").read_text(encoding="utf-8")
    levels = [re.findall(r"^(#+) ", text, re.MULTILINE) for text in (english, chinese)]
    assert levels[0] == levels[1]
    assert f"]({script.stem}.ipynb)" in chinese
    assert numbers(english) <= numbers(chinese)
    every = {part.strip() for piece in in_code(english) for part in piece.split(", ")}
    assert every <= {part.strip() for piece in in_code(chinese) for part in piece.split(", ")}
    assert "```" not in chinese  # code stays in the notebook


def blocks(text):
    return re.findall(r"^```\w*\n.*?^```$", text, re.MULTILINE | re.DOTALL)


def test_chinese_readme_has_the_code_numbers_links_and_names_of_the_readme():
    english, chinese = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh.md"))
    assert len(blocks(english)) > 8
    assert blocks(chinese) == blocks(english)
    prose = [re.sub(r"^```\w*\n.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL) for text in (english, chinese)]
    assert numbers(prose[0]) <= numbers(prose[1])
    levels = [re.findall(r"^(#+) ", text, re.MULTILINE) for text in prose]
    assert levels[0] == levels[1]
    links = [set(re.findall(r"\]\(([^)]+)\)", text)) - {"README.md", "README.zh.md"} for text in prose]
    assert links[0] == links[1]
    assert in_code(prose[0]) == in_code(prose[1])
