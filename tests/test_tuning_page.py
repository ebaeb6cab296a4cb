"""The page on tuning: its Python runs as it stands, and the space, the command and the document that it shows are real."""

import json
import re
from pathlib import Path

import pytest
from test_tuning_pages import program

from lockstep.cli import parser
from lockstep.tuning import COURSE, Space
from lockstep.tuning.samplers import KINDS

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.long
def test_the_page_on_tuning_runs_and_describes_the_documents():
    names = program("tuning.md")
    text = (ROOT / "docs" / "tuning.md").read_text(encoding="utf-8")
    document = json.loads(names["low"].to_json())
    rows = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| `.*?\|", text.split("## The JSON document")[1], re.MULTILINE))))
    assert rows == set(document)
    assert all(f"`{key}`" in text for key in document["points"][0])
    assert all(f"`{kind}`" in text for kind in KINDS)
    rates = [stage.train.learning_rate for stage in names["watched"].stages]
    assert rates[-1] < rates[0] == 2


def test_the_page_on_tuning_shows_a_space_and_a_command_that_are_taken():
    text = (ROOT / "docs" / "tuning.md").read_text(encoding="utf-8")
    (space,) = (Space.from_json(block) for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL))
    course = dict(COURSE.settings)
    assert all(sampler == course[name] for name, sampler in space.settings if name != "batch_size")
    (command,) = re.findall(r"^lockstep (search .*)$", text, re.MULTILINE)
    given = parser().parse_args(command.split())
    assert (given.command, given.data, given.points, given.fine, given.workers) == ("search", "digits", 20, True, 2)
