"""What is installed: a wheel is built from the files that git tracks, looked into, installed elsewhere and used."""

import json
import shutil
import subprocess
import sys
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("highlevel", "lockstep", "lowlevel", "shared")


def run(*command, cwd, **options):
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of what git tracks or would track, so that building leaves nothing in the real one."""
    copy = tmp_path_factory.mktemp("checkout")
    listed = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT)
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name)
    return copy


@pytest.fixture(scope="module")
def wheel(checkout, tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder), cwd=checkout)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def names(wheel):
    with zipfile.ZipFile(wheel) as archive:
        assert archive.testzip() is None
        return archive.namelist()


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    folder = tmp_path_factory.mktemp("installed")
    pip = ("-m", "pip", "install", "--no-deps", "--no-index", "--no-compile", "--disable-pip-version-check", "--quiet")
    run(sys.executable, *pip, "--target", str(folder), str(wheel), cwd=folder)
    return folder


def python(installed, folder, *arguments):
    """What a Python prints that finds the installed wheel and not the checkout."""
    environment = {"PYTHONPATH": str(installed), "PATH": "", "HOME": str(folder), "TF_CPP_MIN_LOG_LEVEL": "3"}
    return run(sys.executable, *arguments, cwd=folder, env=environment)


def test_wheel_is_pure_python_for_every_version(wheel):
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert wheel.name == f"keras_lockstep-{version}-py3-none-any.whl"


def test_wheel_holds_the_four_packages_and_nothing_else(names):
    top = {name.split("/")[0] for name in names}
    (info,) = (name for name in top if name.endswith(".dist-info"))
    assert top - {info} == set(PACKAGES)
    assert f"{info}/licenses/LICENSE" in names


def test_wheel_holds_every_file_of_the_packages(names, checkout):
    for package in PACKAGES:
        wanted = {path.relative_to(checkout).as_posix() for path in (checkout / package).rglob("*") if path.is_file()}
        assert len(wanted) > 5
        beside = {"shared/data/digits.h5", "shared/data/DIGITS.md"} if package == "shared" else set()
        assert {name for name in names if name.startswith(f"{package}/")} == wanted | beside


def test_wheel_is_typed_and_brings_the_digits(names, wheel):
    for package in PACKAGES:
        assert f"{package}/py.typed" in names
    with zipfile.ZipFile(wheel) as archive:
        assert archive.read("shared/data/digits.h5") == (ROOT / "datasets" / "digits.h5").read_bytes()
        assert archive.read("shared/data/DIGITS.md") == (ROOT / "datasets" / "README.md").read_bytes()
    assert not [name for name in names if name.endswith((".pyc", ".log", "~")) or "test" in name.split("/")]
    assert wheel.stat().st_size < 10 * 2**20


def test_wheel_says_what_it_needs(names, wheel):
    (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
    (scripts,) = (name for name in names if name.endswith(".dist-info/entry_points.txt"))
    with zipfile.ZipFile(wheel) as archive:
        found = Parser().parsestr(archive.read(metadata).decode())
        assert "lockstep = lockstep.cli:main" in archive.read(scripts).decode().splitlines()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    core = [line for line in found.get_all("Requires-Dist") if "extra ==" not in line]
    assert len(core) == len(project["dependencies"]) == 6
    assert set(found.get_all("Provides-Extra")) == set(project["optional-dependencies"])
    assert found["License-Expression"] == "MIT"


def test_installed_digits_load_without_the_checkout(installed, tmp_path):
    source = """
import importlib.machinery, json, sys
import shared
from shared import load_digits

digits = load_digits()
finder = importlib.machinery.PathFinder
json.dump({
    "from": shared.__file__,
    "x": digits.x_train.shape,
    "tests": digits.x_test.shape,
    "label": int(digits.y_train[-1, 0]),
    "others": [name for name in ("datasets", "tests", "docs", "benchmarks") if finder.find_spec(name, [sys.argv[1]])],
    "ours": [name for name in ("shared", "lowlevel") if finder.find_spec(name, [sys.argv[1]])],
    "loaded": sorted({"tensorflow", "keras"} & set(sys.modules)),
}, sys.stdout)
"""
    found = json.loads(python(installed, tmp_path, "-c", source, str(installed)))
    assert Path(found["from"]).is_relative_to(installed)
    assert found["x"] == [5000, 400]
    assert found["tests"] == [10000, 400]
    assert found["label"] == 9
    assert found["loaded"] == []
    assert (found["ours"], found["others"]) == (["shared", "lowlevel"], [])


def test_installed_command_answers(installed, tmp_path):
    assert "compare" in python(installed, tmp_path, "-m", "lockstep", "--help")
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert python(installed, tmp_path, "-m", "lockstep", "--version") == f"lockstep {version}\n"
    script = installed / "bin" / "lockstep"
    assert "compare" in python(installed, tmp_path, str(script), "--help")


def test_installed_wings_train(installed, tmp_path):
    source = """
import json, sys
import numpy as np
import lockstep, lowlevel, highlevel
from shared import ModelSpec, TrainSpec

x, y = np.eye(6), np.arange(6) % 3
report = lockstep.compare(ModelSpec.mlp(6, 4, 3), TrainSpec(batch_size=4), (x, y))
json.dump([report.verdict, lowlevel.__file__, highlevel.__file__, lockstep.__version__], sys.stdout)
"""
    verdict, low, high, version = json.loads(python(installed, tmp_path, "-c", source))
    assert verdict == "identical"
    assert Path(low).is_relative_to(installed)
    assert Path(high).is_relative_to(installed)
    assert version == tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
