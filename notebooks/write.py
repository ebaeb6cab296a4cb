"""Write the notebooks: ``python notebooks/write.py`` executes every lesson and writes ``0N_name.ipynb`` beside ``0N_name.py``.

``python notebooks/write.py 04 05`` writes those that begin so. The scripts are what is edited; a notebook is written from its
script, outputs included, and never edited. Needs the extra ``notebooks``.
"""

import os
import sys
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).resolve().parent
WIDGET = "application/vnd.jupyter.widget-view+json"


def lessons(*begins: str) -> list[Path]:
    """The scripts, in order; those whose names begin with one of ``begins`` where any are given."""
    return sorted(path for path in HERE.glob("0*.py") if path.name.startswith(begins or ("0",)))


def pair(script: Path) -> nbformat.NotebookNode:
    """The notebook of a script, not yet executed."""
    notebook = jupytext.read(script, fmt="py:percent")
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    for number, cell in enumerate(notebook.cells, start=1):
        cell.id = f"{script.stem[:2]}-{number:02}"  # otherwise drawn at random
        cell.metadata = nbformat.from_dict({})
    return notebook


def execute(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook with its outputs: every cell run from top to bottom in a fresh kernel; an assertion that fails raises.

    Not kept: times, sliders (each has a random number, and moves only in a running notebook), and standard error.
    """
    metadata = nbformat.from_dict(notebook.metadata)
    path = os.pathsep.join(filter(None, [str(HERE.parent), os.environ.get("PYTHONPATH")]))
    client = NotebookClient(
        notebook,
        timeout=600,
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(HERE)}},
    )
    client.execute(env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": path})
    notebook.metadata = metadata
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({})
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if _is_kept(output)]
    return notebook


def _is_kept(output: nbformat.NotebookNode) -> bool:
    return output.get("name") != "stderr" and WIDGET not in output.get("data", {})


if __name__ == "__main__":
    for lesson in lessons(*sys.argv[1:]):
        nbformat.write(execute(pair(lesson)), lesson.with_suffix(".ipynb"))
        print(lesson.with_suffix(".ipynb").name)
