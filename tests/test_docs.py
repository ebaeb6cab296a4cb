"""Nothing executable goes unexecuted: the README's Python, the docstring examples, the style of it all."""

import doctest
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_readme_python_runs(tmp_path, monkeypatch):
    """The dialect table's two fragments are shown, not run; the block with imports is run as it stands."""
    monkeypatch.chdir(tmp_path)
    programs = [block for block in blocks("python") if "import" in block]
    assert len(programs) == 1
    exec(compile(programs[0], "README.md", "exec"), {})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.weights.h5", "report.html"]


def test_readme_layer_is_the_code():
    """What the README shows as one layer is what the wings do."""
    source = (ROOT / "lowlevel" / "layers.py").read_text()
    assert "z = tf.matmul(x, tf.cast(self.kernel, x.dtype))" in source  # the casts do something in mixed nets only
    assert "add = tf.nn.bias_add if self.bias.shape[0] > 1 else tf.add" in source
    assert "z = add(z, tf.cast(self.bias, x.dtype))" in source
    assert "return self.activation(z)" in source
    shown = "".join(blocks("python")[0].split())
    assert shown == "tf.nn.relu(tf.nn.bias_add(tf.matmul(x,kernel),bias))"


def test_readme_commands_parse():
    """Every ``lockstep`` command of the README is one that the parser knows, and so is every side it names."""
    from lockstep.cli import parser
    from lockstep.sides import sides_of

    commands = re.findall(r"^(?:.*\.venv/bin/)?lockstep ([a-z]+ ?[^#\n]*)", README, re.MULTILINE)
    assert len(commands) == 21
    for command in commands:
        given = parser().parse_args(command.split())
        assert command.split()[0] != "compare" or len(sides_of(given.sides)) >= 2


def test_readme_links_lead_somewhere():
    folders = ("docs", "datasets", "notebooks", "benchmarks")
    pages = [ROOT / "README.md", *(page for folder in folders for page in (ROOT / folder).glob("*.md"))]
    seen = 0
    for page in pages:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            if target.startswith("https://creativecommons.org/"):
                continue  # the licence of the digits, the one link that leaves the repository
            seen += 1
            assert (page.parent / target).exists(), f"{page.name}: {target}"
    assert seen > 8


EXAMPLES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): path.read_text(encoding="utf-8").count(">>> ")
    for package in ("lockstep", "lowlevel", "highlevel", "shared")
    for path in sorted((ROOT / package).rglob("*.py"))
    if ">>> " in path.read_text(encoding="utf-8")
}


@pytest.mark.parametrize("module", EXAMPLES)
def test_docstring_examples(module):
    """Every example is found, and prints what it says; all of them in this one process."""
    results = doctest.testmod(importlib.import_module(module), optionflags=doctest.ELLIPSIS)
    assert (results.failed, results.attempted) == (0, EXAMPLES[module])


def test_the_most_used_names_have_examples():
    assert len(EXAMPLES) >= 14


@pytest.mark.parametrize(
    "command",
    [["ruff", "check", "."], ["ruff", "format", "--check", "."], pytest.param(["mypy"], marks=pytest.mark.long)],
    ids=lambda c: " ".join(c),
)
def test_style_and_types(command):
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_constraints_hold_names_and_versions_only():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert len(pins) > 30
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", line) for line in pins)
    assert {"tensorflow", "keras", "numpy", "h5py", "scikit-learn", "tqdm"} <= {line.split("==")[0] for line in pins}


@pytest.mark.long
def test_readme_main_job_prints_what_the_readme_says(tmp_path):
    """The first command's job: the lines that do not depend on the processor, word for word."""
    done = subprocess.run(
        [sys.executable, "-m", "lockstep", "compare", "digits"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    shown = next(block for block in blocks("text") if "verdict" in block)
    printed = [line.rstrip() for line in done.stdout.splitlines()]
    ours = re.compile(r"\s+\d+ .*ULP\)|  \.\.\.|  \w+: \d+ of")  # losses and errors are one machine's
    for line in shown.splitlines():
        assert ours.match(line) or line.rstrip() in printed, line
    rows = [line for line in printed if re.match(r"\s+\d+ ", line)]
    assert len(rows) == 40
    assert all(line.endswith("0 (0 ULP)") for line in rows)
