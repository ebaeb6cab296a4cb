"""The command line as people meet it: help at once, one line for unusable input, and reports that hold together."""

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
from html.parser import HTMLParser
from pathlib import Path

import h5py
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
TENSORFLOW_NOTES = re.compile(r"oneDNN|absl::|cpu_feature_guard|computation_placer|WARNING|TF-TRT|cuda", re.IGNORECASE)


def environment():
    """Ours, so that the packages are found from any folder, and without what makes TensorFlow quiet anyway."""
    quiet = ("TF_CPP_MIN_LOG_LEVEL", "TF_ENABLE_ONEDNN_OPTS", "PYTHONWARNINGS")
    return {name: value for name, value in os.environ.items() if name not in quiet} | {"PYTHONPATH": str(ROOT)}


def lockstep(folder, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "lockstep", *arguments], cwd=folder, env=environment(), capture_output=True, text=True, timeout=300
    )


def child(folder, source, *arguments):
    """What a Python program of our own prints, as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(source), *arguments],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# ------------------------------------------------------------------------------------------- before TensorFlow is wanted

# Runs main() on each list of arguments; says how it ended, what it printed, and whether TensorFlow was loaded by then.
RUN_ALL = """
import contextlib, io, json, sys
from lockstep.cli import main

ended = []
for arguments in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = main(arguments)
        except SystemExit as end:
            status = end.code
    loaded = [name for name in ("tensorflow", "keras") if name in sys.modules]
    ended.append([status, out.getvalue(), err.getvalue(), loaded])
json.dump(ended, sys.stdout)
"""


def test_help_stands_without_tensorflow(tmp_path):
    asked = [["--help"], ["compare", "--help"], ["--version"]]
    for arguments, (status, out, err, loaded) in zip(asked, child(tmp_path, RUN_ALL, json.dumps(asked)), strict=True):
        assert (status, err, loaded) == (0, "", []), arguments
        assert "lockstep" in out
    helped = lockstep(tmp_path, "compare", "--help")
    assert (helped.returncode, helped.stderr) == (0, "")
    for option in ("--epochs", "--sides", "--optimizer", "--html", "--json", "--require", "--hidden", "--test", "--seed"):
        assert option in helped.stdout


def test_help_imports_neither_numpy_nor_anything_of_the_wings(tmp_path):
    source = """
        import contextlib, io, json, sys
        from lockstep.cli import main

        with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
            main(["compare", "--help"])
        json.dump(sorted({name.split(".")[0] for name in sys.modules}), sys.stdout)
    """
    loaded = child(tmp_path, source)
    assert not {"tensorflow", "keras", "numpy", "h5py", "lowlevel", "highlevel", "shared"} & set(loaded)


X = np.linspace(-1, 1, 60 * 12, dtype=np.float32).reshape(60, 12)
Y = np.arange(60) % 3


def write(path, **arrays):
    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            file[name] = values
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Files that can be used, and files that cannot."""
    here = tmp_path_factory.mktemp("cli")
    write(here / "good.h5", train_set_x=X, train_set_y=Y, test_set_x=X[:20], test_set_y=Y[:20])
    write(here / "negative.h5", train_set_x=X, train_set_y=Y - 1)
    write(here / "out of range.h5", train_set_x=X, train_set_y=Y, list_classes=np.array([b"cat", b"dog"]))
    write(here / "nan.h5", train_set_x=np.where(X > 0.99, np.nan, X), train_set_y=Y)
    write(here / "lengths.h5", train_set_x=X, train_set_y=Y[:-1])
    write(here / "no labels.h5", train_set_x=X)
    write(here / "other names.h5", x=X, y=Y)
    write(here / "no rows.h5", train_set_x=X[:0], train_set_y=Y[:0])
    write(here / "columns.h5", train_set_x=X, train_set_y=Y, test_set_x=X[:, :5], test_set_y=Y)
    (here / "empty.h5").touch()
    (here / "text.h5").write_text("train_set_x,train_set_y\n" * 50)
    (here / "cut.h5").write_bytes((here / "good.h5").read_bytes()[:3000])
    (here / "folder.h5").mkdir()
    (here / "folder.html").mkdir()
    (here / "board" / "keras").mkdir(parents=True)
    (here / "board" / "keras" / "tfevents.h5").touch()
    return here


LONG = "9" * 5000
BAD_USE = [
    [],
    ["nothing"],
    ["compare"],
    ["compare", "good.h5", "more"],
    ["compare", "good.h5", "--unknown"],
    ["compare", "good.h5", "--two\nlines"],
    ["compare", "good.h5", "--epochs"],
    ["compare", "good.h5", "--epochs", "many"],
    ["compare", "good.h5", "--epochs", "1.5"],
    ["compare", "good.h5", "--epochs", LONG],
    ["compare", "good.h5", "--learning-rate", "fast"],
    ["compare", "good.h5", "--require", "perfect"],
]
# Arguments after `compare`, and a word that the one line must hold.
BAD_INPUT = [
    (["missing.h5"], "missing.h5"),
    (["nowhere/missing.h5"], "nowhere/missing.h5"),
    (["folder.h5"], "folder"),
    (["."], "folder"),
    ([""], "folder"),
    (["two\nlines.h5"], "two"),
    (["empty.h5"], "empty"),
    (["text.h5"], "HDF5"),
    (["cut.h5"], "cut short"),
    (["negative.h5"], "-1"),
    (["out of range.h5"], "2 classes"),
    (["nan.h5"], "NaN"),
    (["lengths.h5"], "59 labels"),
    (["no labels.h5"], "train_set_y"),
    (["other names.h5"], "train_set_x"),
    (["no rows.h5"], "at least one row"),
    (["columns.h5"], "shape"),
    (["good.h5", "--test", "missing.h5"], "missing.h5"),
    (["good.h5", "--test", "columns.h5"], "columns.h5"),
    (["digits", "--test", "good.h5"], "--test"),
    (["good.h5", "--sides", "epoch,torch"], "torch"),
    (["good.h5", "--sides", "keras"], "two or more"),
    (["good.h5", "--sides", "keras,keras"], "two or more"),
    (["good.h5", "--sides", "xla,epoch-xla"], "two or more"),
    (["good.h5", "--sides", ""], "A side is one of"),
    (["good.h5", "--sides", "a\nb,keras"], "A side is one of"),
    (["good.h5", "--hidden", "many"], "--hidden"),
    (["good.h5", "--hidden", ""], "--hidden"),
    (["good.h5", "--hidden", "5,"], "--hidden"),
    (["good.h5", "--hidden", "5,2.5"], "--hidden"),
    (["good.h5", "--hidden", "5,0"], "units=0"),
    (["good.h5", "--hidden=-5"], "units=-5"),
    (["good.h5", "--hidden", LONG], "--hidden"),
    (["good.h5", "--epochs", "0"], "epochs=0"),
    (["good.h5", "--epochs", "-1"], "epochs=-1"),
    (["good.h5", "--batch-size", "0"], "batch_size=0"),
    (["good.h5", "--seed", "-1"], "seed=-1"),
    (["good.h5", "--learning-rate", "nan"], "learning_rate=nan"),
    (["good.h5", "--learning-rate", "inf"], "learning_rate=inf"),
    (["good.h5", "--learning-rate", "0"], "learning_rate=0.0"),
    (["good.h5", "--optimizer", "best"], "optimizer='best'"),
    (["good.h5", "--momentum", "0.9"], "momentum=0.9"),
    (["good.h5", "--optimizer", "rmsprop", "--sides", "tf1,keras"], "optimizer='rmsprop'"),
    (["good.h5", "--optimizer", "sgd", "--nesterov"], "momentum=0.9"),
    (["good.h5", "--dtype", "float16"], "dtype='float16'"),
    (["good.h5", "--html", "nowhere/report.html"], "nowhere/report.html"),
    (["good.h5", "--html", "good.h5/report.html"], "good.h5/report.html"),
    (["good.h5", "--html", "/proc/report.html"], "/proc/report.html"),
    (["good.h5", "--html", "folder.html"], "folder.html"),
    (["good.h5", "--html", "x" * 300 + ".html"], "too long"),
    (["good.h5", "--html", "report.txt"], "report.txt"),
    (["good.h5", "--html", "report"], "'report'"),
    (["good.h5", "--html", "-"], "'-'"),
    (["good.h5", "--html", ""], "''"),
    (["good.h5", "--json", "report.html"], "report.html"),
    (["good.h5", "--json", "nowhere/report.json"], "nowhere/report.json"),
    (["good.h5", "--tensorboard", ""], "''"),
    (["good.h5", "--tensorboard", "good.h5"], "good.h5"),
    (["good.h5", "--tensorboard", "good.h5/runs"], "good.h5/runs"),
    (["good.h5", "--tensorboard", "/proc/runs"], "/proc/runs"),
    (["good.h5", "--tensorboard", "new/" + "x" * 300], "too long"),
    (["good.h5", "--tensorboard", "board"], "a run"),
    (["digits", "--workers", "1"], "--workers 2"),
    (["digits", "--workers", "3"], "3 replicas"),
    (["digits", "--workers", "2", "--dtype", "mixed_float16"], "mixed_float16"),
    (["digits", "--workers", "2", "--sides", "eager,keras", "--html", "report.html"], "--sides, --html"),
    (["digits", "--workers", "2", "--resume"], "resume without checkpoint"),
]


@pytest.fixture(scope="module")
def ended(folder):
    """How each of the cases above ended, all in one process."""
    cases = [*BAD_USE, *(["compare", *arguments] for arguments, _ in BAD_INPUT)]
    listed = child(folder, RUN_ALL, json.dumps(cases))
    return {tuple(case): end for case, end in zip(cases, listed, strict=True)}


def assert_one_line(end):
    status, out, err, loaded = end
    assert status == 2
    assert out == ""
    assert err.endswith("\n")
    assert len(err.splitlines()) == 1
    assert err.startswith("lockstep")
    assert "Traceback" not in err
    assert loaded == []


@pytest.mark.parametrize("arguments", BAD_USE, ids=lambda arguments: " ".join(arguments)[:40] or "none")
def test_wrong_use_ends_in_one_line(ended, arguments):
    end = ended[tuple(arguments)]
    assert_one_line(end)
    assert "--help" in end[2]


@pytest.mark.parametrize(("arguments", "word"), BAD_INPUT, ids=lambda part: " ".join(part)[:40] if isinstance(part, list) else "")
def test_unusable_input_ends_in_one_line(ended, arguments, word):
    end = ended["compare", *arguments]
    assert_one_line(end)
    assert "Received: " in end[2]
    assert word in end[2]


def test_refused_outputs_leave_nothing_behind(ended, folder):
    assert ended
    left = [path.name for path in folder.rglob("*") if path.suffix != ".h5"]
    assert sorted(left) == ["board", "folder.html", "keras"]


@pytest.mark.parametrize("arguments", [["compare", "missing.h5"], ["compare", "good.h5", "--epochs", "many"], []], ids=str)
def test_the_status_of_the_process_is_the_one_that_main_returns(folder, arguments):
    done = lockstep(folder, *arguments)
    assert_one_line([done.returncode, done.stdout, done.stderr, []])


# ------------------------------------------------------------------------------------------------------------- real runs


class Page(HTMLParser):
    """Reads a page and keeps what it would load, its text, and whether tags are balanced."""

    VOID = ("meta", "line", "polyline", "br", "img", "link", "input", "hr", "wbr")

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.attributes, self.text = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def parsed(text):
    page = Page()
    page.feed(text)
    page.close()
    assert page.open == []
    return page


def assert_self_contained(text):
    """Nothing is loaded, and the page's own policy would not let it; it holds its own script and its own pictures."""
    page = parsed(text)
    assert text.startswith("<!DOCTYPE html>")
    policy = next(value for name, value in page.attributes if name == "content")
    assert policy.startswith("default-src 'none'; ")
    assert "img-src data:; connect-src 'none'; " in policy
    assert not {"link", "iframe", "object", "embed", "base", "form"} & set(page.seen)
    assert not {"srcset", "action", "style", "xlink:href"} & {name for name, _ in page.attributes}
    assert not any(name.startswith("on") for name, _ in page.attributes)
    assert all(value.startswith("data:image/png;base64,") for name, value in page.attributes if name == "src")
    assert all(value.startswith("#") for name, value in page.attributes if name == "href")
    plain = re.sub(r"<script.*?</script>|data:image/png;base64,[^\"]*", "", text, flags=re.DOTALL)
    for door in ("http:", "https:", "//", "url(", "@import", "javascript:"):
        assert door not in plain
    return page


@pytest.fixture(scope="module")
def first_run(folder):
    return lockstep(folder, "compare", "good.h5", "--epochs", "2", "--json", "first.json", "--html", "first.html")


@pytest.fixture(scope="module")
def document(first_run, folder):
    assert first_run.returncode == 0, first_run.stderr
    return json.loads((folder / "first.json").read_text(encoding="utf-8"))


def test_both_wings_are_identical(first_run, document):
    assert first_run.returncode == 0
    assert first_run.stderr == ""
    assert "verdict: identical" in first_run.stdout
    assert "written: first.html" in first_run.stdout
    assert "\r" not in first_run.stdout  # plain lines in a pipe
    assert [line.split()[0] for line in first_run.stdout.splitlines() if line.endswith("(0 ULP)")] == ["1", "2"]
    assert document["verdict"] == "identical"
    assert (document["max_ulp"], document["max_abs"], document["first"]) == (0, 0, None)
    assert document["sides"] == ["epoch", "keras"]
    assert document["train"]["epochs"] == 2
    assert document["model"]["inputs"] == 12
    (pair,) = document["pairs"]
    assert (pair["steps"], pair["epochs"]) == (4, 2)
    assert pair["numbers"] > 4 * 676 * 4  # at each step weights, gradients and two slots of each of 676 parameters


def test_page_is_self_contained_and_well_formed(first_run, document, folder):
    text = (folder / "first.html").read_text(encoding="utf-8")
    page = assert_self_contained(text)
    shown = " ".join(page.text)
    assert "epoch against keras" in shown
    assert document["verdict"] in shown
    for loss in (*document["histories"]["epoch"]["loss"], *document["histories"]["keras"]["loss"]):
        assert f"{loss:.6f}" in shown
    assert page.seen.count("path") > 2


def test_two_runs_give_equal_json_and_json_alone_on_standard_output(document, folder):
    again = lockstep(folder, "compare", "good.h5", "--epochs", "2", "--json", "-")
    assert again.returncode == 0
    other = json.loads(again.stdout)  # nothing but the document
    assert not TENSORFLOW_NOTES.search(again.stderr)
    assert "verdict: identical" in again.stderr
    assert list(other) == list(document)
    assert other.pop("seconds") > 0
    assert other == {name: value for name, value in document.items() if name != "seconds"}


@pytest.mark.long
def test_all_forms_stand_side_by_side_for_every_pixel_file(folder):
    pictures = np.random.default_rng(0).integers(0, 256, (60, 4, 3, 1)).astype(np.uint8)
    write(folder / "train_pictures.h5", train_set_x=pictures, train_set_y=Y[None], list_classes=np.array([b"<b>", b"&", b"'\""]))
    write(folder / "test_pictures.h5", test_set_x=pictures[:7], test_set_y=Y[None, :7])
    done = lockstep(
        folder,
        *("compare", "train_pictures.h5", "--sides", "eager,graph,epoch,keras", "--epochs", "2", "--hidden", "5"),
        *("--optimizer", "sgd", "--momentum", "0.9", "--nesterov", "--batch-size", "25", "--require", "identical"),
        *("--json", "four.json", "--html", "four.html"),
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    found = json.loads((folder / "four.json").read_text(encoding="utf-8"))
    assert [(pair["left"], pair["right"], pair["verdict"]) for pair in found["pairs"]] == [
        ("eager", "keras", "identical"),
        ("graph", "keras", "identical"),
        ("epoch", "keras", "identical"),
    ]
    assert found["classes"] == ["<b>", "&", "'\""]
    assert found["outcomes"]["keras"]["test_rows"] == 7
    assert [layer["units"] for layer in found["model"]["layers"]] == [5, 3]
    assert_self_contained((folder / "four.html").read_text(encoding="utf-8"))


@pytest.mark.long
def test_require_sets_the_status_and_xla_differs_by_rounding_at_most(folder):
    done = lockstep(
        folder,
        *("compare", "good.h5", "--sides", "epoch-xla,epoch", "--epochs", "3", "--hidden", "25,15"),
        *("--require", "identical", "--json", "xla.json", "--html", "xla.html"),
    )
    found = json.loads((folder / "xla.json").read_text(encoding="utf-8"))
    # Which of the two it is depends on the processor; on most it is round-off, and the status then 1.
    assert found["verdict"] in ("identical", "round-off")
    assert done.returncode == int(found["verdict"] != "identical")
    assert (found["first"] is None) == (found["verdict"] == "identical")
    assert ("first difference: epoch " in done.stdout) == (found["verdict"] != "identical")
    assert not TENSORFLOW_NOTES.search(done.stderr)
    assert_self_contained((folder / "xla.html").read_text(encoding="utf-8"))


@pytest.mark.long
def test_names_from_outside_are_escaped_and_nan_is_told(folder):
    # One process for what needs no process of its own: a page with hostile names, and a training that ends in NaN.
    source = """
        import contextlib, io, json, sys
        from pathlib import Path
        import numpy as np
        import lockstep
        from lockstep.cli import main
        from lockstep.report.html import page
        from shared import Dataset, ModelSpec, TrainSpec

        x, y = np.linspace(-1, 1, 48).reshape(12, 4), np.arange(12) % 3
        data = Dataset(x_train=x, y_train=y, classes=("<i>", "b", "c"), source="<script>alert(1)</script>", name="x")
        report = lockstep.compare(ModelSpec.mlp(4, 3), TrainSpec(), data)
        hostile = page(report)
        blown = TrainSpec(optimizer="sgd", learning_rate=1e30, epochs=3)
        report = lockstep.compare(ModelSpec.mlp(4, 5, 3), blown, data)
        with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
            status = main(["compare", "good.h5", "--optimizer", "sgd", "--learning-rate", "1e30", "--epochs", "3"])
        json.dump([hostile, page(report), report.verdict, report.to_json(), str(report), status, out.getvalue()], sys.stdout)
    """
    hostile, blown, verdict, text, shown, status, out = child(folder, source)
    page = parsed(hostile)
    assert "script" not in page.seen
    assert "<script>alert(1)</script>" in page.text
    assert_self_contained(blown)
    assert verdict == "different"
    assert status == 1
    assert "NaN" in shown
    assert "NaN" in out
    found = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert found["max_ulp"] == "inf"
    assert found["first"]["max_ulp"] == "inf"


# ----------------------------------------------------------------------------------------------------------------- Ctrl-C


def interrupted(folder, wait, *arguments):
    """Starts a long run, sends SIGINT once ``wait`` has returned, and returns how it ended."""
    command = [sys.executable, "-m", "lockstep", "compare", "good.h5", "--epochs", "1000000", *arguments]
    started = subprocess.Popen(
        command, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        wait(started)
        started.send_signal(signal.SIGINT)
        out, err = started.communicate(timeout=120)
    finally:
        started.kill()
    return started.returncode, out, err


def second_epoch(started):
    for line in started.stdout:
        if line.split()[:1] == ["2"]:
            return
    raise AssertionError("ended before its second epoch")


def loading(started):
    """Until TensorFlow's library is being loaded, as the kernel sees it."""
    maps = Path(f"/proc/{started.pid}/maps")
    while "libtensorflow" not in maps.read_text(encoding="utf-8"):
        assert started.poll() is None


@pytest.mark.parametrize("wait", [second_epoch, loading])
def test_ctrl_c_ends_in_one_line_and_130(folder, wait):
    status, _, err = interrupted(folder, wait, "--html", "stopped.html", "--sides", "graph,epoch,keras")
    assert (status, err) == (130, "lockstep: stopped\n")
    assert not (folder / "stopped.html").exists()
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


def test_a_reader_that_leaves_early_is_no_error(folder):
    command = [sys.executable, "-m", "lockstep", "compare", "good.h5", "--epochs", "1000000"]
    with subprocess.Popen(
        command, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as started:
        started.stdout.readline()
        started.stdout.close()
        err = started.stderr.read()
        assert (started.wait(timeout=120), err) == (1, "")
