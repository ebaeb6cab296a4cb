"""The table of versions: what did not run is never counted, and the page shows what the script writes."""

import importlib.util
import json
import subprocess

import pytest
from cases import GROWN, QUICK
from test_cli import ROOT

RIGHT = {"equal": True, "ulp": "0", "numbers": 9, "first": "None"}
WRONG = RIGHT | {"equal": False, "ulp": "3", "first": "epoch 1"}


@pytest.fixture(scope="module")
def matrix():
    spec = importlib.util.spec_from_file_location("matrix", ROOT / "benchmarks" / "matrix.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def case(name="one", **forms):
    return {"case": name, "forms": {"eager": RIGHT, "graph": RIGHT, "epoch": RIGHT} | forms}


def test_only_what_ran_and_was_equal_counts(matrix):
    assert matrix.equal(case())
    assert not matrix.equal(case(epoch=WRONG))
    assert not matrix.equal(case(epoch=RIGHT | {"numbers": 0}))
    assert not matrix.equal({"case": "one", "forms": {"eager": RIGHT, "graph": RIGHT}})
    assert not matrix.equal({"case": "one", "error": "TypeError: no"})
    assert matrix.summary(None) == "not run"
    assert matrix.summary({"expected": 0, "cases": [], "error": "ImportError: no"}) == "not run: ImportError: no"
    ended = {"expected": 3, "cases": [case(), case("two", graph=WRONG)], "error": "killed"}
    assert matrix.summary(ended) == "1 of 3 at 0 ULP, then: killed"
    shown = matrix.table({matrix.CELLS[0]: ended})
    assert shown.count("not run") == len(matrix.CELLS) - 1
    assert "`two`: graph 3 ULP, first epoch 1" in shown


def test_a_cell_that_cannot_be_installed_or_imported_says_so(matrix, monkeypatch, tmp_path):
    cell = matrix.CELLS[0]
    failed = subprocess.CalledProcessError(1, "pip", stderr="line\nERROR: no such version\n")
    monkeypatch.setattr(matrix, "environment", lambda folder, cell: (_ for _ in ()).throw(failed))
    assert matrix.summary(matrix.run_cell(tmp_path, cell)) == "not run: not installed: ERROR: no such version"

    def printing(text, status=0):
        """A cell whose interpreter does nothing but this."""
        program = tmp_path / "python"
        program.write_text(f"#!/bin/sh\ncat <<'END'\n{text}\nEND\necho 'ImportError: broken' >&2\nexit {status}\n")
        program.chmod(0o755)
        monkeypatch.setattr(matrix, "environment", lambda folder, cell: (program, []))
        return matrix.summary(matrix.run_cell(tmp_path, cell))

    head, lines = {"cell": cell, "cases": ["one", "two"]}, [json.dumps(case()), json.dumps(case("two"))]
    assert printing("", status=1) == "not run: ImportError: broken"
    assert printing("\n".join([json.dumps(head), *lines])) == "2 of 2 at 0 ULP"
    assert printing("\n".join([json.dumps(head), lines[0]])) == "1 of 2 at 0 ULP, then: cases are missing"
    assert printing("\n".join([json.dumps(head), lines[0]]), status=139) == "1 of 2 at 0 ULP, then: ImportError: broken"
    other = printing("\n".join([json.dumps(head | {"cell": "1+2"}), *lines]))
    assert "other versions were imported: 1+2" in other


def test_the_page_has_a_cell_for_every_pair(matrix):
    page = matrix.PAGE.read_text(encoding="utf-8")
    shown = page.partition(matrix.MARKS[0])[2].partition(matrix.MARKS[1])[0]
    head, _, *rows = [line for line in shown.splitlines() if line.startswith("|")]
    assert head == f"| Keras | {' | '.join(f'TensorFlow {version}' for version in matrix.TENSORFLOW)} |"
    assert [row.split(" | ")[0] for row in rows] == [f"| {version}" for version in matrix.KERAS]
    count = len(QUICK) + len(GROWN)
    assert all(f" of {count} at 0 ULP" in cell or "not run" in cell for row in rows for cell in row.strip("| ").split(" | ")[1:])
