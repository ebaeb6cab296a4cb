"""``lockstep doctor``: what is printed and written, what is refused, and that the processes differ in what they say they do."""

import json
from dataclasses import replace

import numpy as np
import pytest

from lockstep import doctor
from lockstep.cli import main
from lockstep.doctor import Change, Patient, diagnose, variants
from lockstep.environment import environment
from shared import InputError

SAME = (0.0, 0.0)
HERE = {"onednn": "default", "intra_op_threads": 0, "cores": 2, "determinism": False}


class Fake:
    """In place of a process: XLA moves one weight by an ULP and takes twice as long."""

    control = 0.0

    def __init__(self, setting, value):
        self.setting = setting

    def __enter__(self):
        weights = np.ones(4, np.float32)
        if self.setting == "XLA":
            weights[2] = np.nextafter(weights[2], np.float32(2))
        self.weights = [weights, np.full(4, 1 + self.control if self.setting == "nothing" and Fake.made else 1, np.float32)]
        Fake.made = True
        return self

    def __exit__(self, *error):
        pass

    def epoch(self):
        return 2.0 if self.setting == "XLA" else 1.0


@pytest.fixture
def fake(monkeypatch):
    monkeypatch.setattr(doctor, "Patient", Fake)
    monkeypatch.setattr(Fake, "made", False, raising=False)
    return Fake


def test_every_setting_is_tried_at_another_value():
    assert variants(HERE)["oneDNN"] == ("default", "0")
    assert variants(HERE | {"onednn": "0"})["oneDNN"] == ("0", "1")
    assert variants(HERE)["threads"] == ("2", "1")
    assert variants(HERE | {"intra_op_threads": 7})["threads"] == ("7", "1")
    assert variants(HERE)["XLA"] == ("off", "on")


def test_what_is_found_is_what_the_processes_say(fake):
    told = []
    found = diagnose(HERE, told.append, rounds=2)
    assert found.repeats
    assert [change.setting for change in told] == ["nothing", *(change.setting for change in found.changes)]
    by_name = {change.setting: change for change in told}
    assert by_name["XLA"].batches == (2.0**-23, 1.0)
    assert by_name["XLA"].full == SAME
    assert by_name["XLA"].time == 2.0
    assert by_name["threads"].same_bits
    assert str(by_name["XLA"]).split() == ["XLA", "off", "on", "1", "ULP", "same", "bits", "2.00"]


def test_the_command_prints_writes_and_sets_the_status(fake, tmp_path, capsys, monkeypatch):
    path = tmp_path / "said.json"
    assert main(["doctor", "--json", str(path)]) == 0
    printed = capsys.readouterr().out
    assert "ended in the same bits" in printed
    document = json.loads(path.read_text())
    assert list(document) == ["schema", "environment", "repeats", "changes"]
    assert document["schema"] == doctor.SCHEMA
    assert document["environment"] == json.loads(json.dumps(environment()))
    for change in document["changes"]:
        assert change["setting"] in printed
    Fake.made = False
    monkeypatch.setattr(Fake, "control", 0.5)
    assert main(["doctor", "--json", "-"]) == 1
    said = capsys.readouterr()
    assert json.loads(said.out)["repeats"] is False
    assert "OTHER bits" in said.err


@pytest.mark.parametrize("path", ["said.txt", "nowhere/said.json"])
def test_an_output_that_cannot_be_written_is_refused_first(path, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(doctor, "Patient", None)
    assert main(["doctor", "--json", path]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_differences_that_are_not_finite_are_no_same_bits():
    change = Change("XLA", "off", "on", (np.inf, np.inf), SAME, 1.0)
    assert not change.same_bits
    assert "no count of ULP" in str(change)
    assert replace(change, batches=SAME).same_bits


@pytest.mark.long
def test_a_process_trains_as_it_is_asked_to_and_another_that_ends_is_told(monkeypatch):
    with Patient("nothing", "") as one, Patient("XLA", "on") as other:
        assert [weights.shape for weights in one.weights] == [(10575,), (10575,)]
        assert all(np.isfinite(weights).all() for weights in (*one.weights, *other.weights))
        assert one.epoch() > 0
        assert any(left.tobytes() != right.tobytes() for left, right in zip(one.weights, other.weights, strict=True))
    monkeypatch.setattr(doctor.sys, "executable", "/bin/false")
    with pytest.raises(InputError, match=r"another threads.*status 1"), Patient("threads", "1"):
        pass
