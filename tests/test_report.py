"""The report page and the audit's page: they say what was found, load nothing, and can be read on a phone and in the dark."""

import base64
import io
import re

import chromium
import numpy as np
import pytest
from PIL import Image
from render import LOOK, looked, main
from test_cli import assert_self_contained, parsed

import lockstep
from lockstep import cli
from lockstep.auditing.finding import Cause, Finding
from lockstep.divergence import Divergence
from lockstep.page import document
from lockstep.report import charts, html
from lockstep.report.charts import Line, chart
from lockstep.report.png import data_uri
from lockstep.report.report import listed
from lockstep.sides import IN_WORDS, NAMES
from shared import Dataset, ModelSpec, TrainSpec, evaluation, load_digits
from shared.errors import InputError

MODEL = ModelSpec.mlp(400, 12, 10)
needs_chromium = pytest.mark.skipif(chromium.found() is None, reason=chromium.MISSING)


@pytest.fixture(scope="module")
def few():
    """Every 25th training digit, and 300 test digits."""
    digits = load_digits()
    return Dataset(
        x_train=digits.x_train[::25],
        y_train=digits.y_train[::25],
        x_test=digits.x_test[:300],
        y_test=digits.y_test[:300],
        classes=digits.classes,
        source=digits.source,
        name="digits",
        columns_first=True,
        image_shape=(20, 20),
    )


@pytest.fixture(scope="module")
def identical(few):
    return lockstep.compare(MODEL, TrainSpec(epochs=2, seed=3), few)


@pytest.fixture(scope="module")
def rounded(few):
    return lockstep.compare(MODEL, TrainSpec(epochs=2, seed=3), few, sides="numpy,epoch")


@pytest.fixture(scope="module")
def finding():
    first = Divergence(1, 3, "weights out", "<hidden>/kernel", 0.25, 1234567)
    pair = Cause(
        "adam-frozen-counter", "Its `t` stays 1.", ("step 3: <b>", "step 4"), "count in a `tf.Variable`.", "slots", "other"
    )
    causes = [pair, Cause("unknown", "Something else.", (), "Look.")]
    return Finding(
        verdict="different",
        why="17 of 20 steps differ",
        first=first,
        over=1e4,
        max_abs=0.5,
        max_ulp=float("inf"),
        steps=20,
        local=tuple(range(4, 21)),
        causes=causes,
        facts=["every step differs"],
        notes=["a note & more"],
        error="Traceback\n  <module>",
    )


@pytest.fixture(scope="module")
def browser():
    with chromium.Chromium() as made:
        yield made


def text_of(page):
    return " ".join(" ".join(parsed(page).text).split())


# ------------------------------------------------------------------------------------------------------- what a report says


def test_a_report_says_verdict_first_and_holds_every_part(identical, rounded):
    for report in (identical, rounded):
        page = html.page(report)
        assert_self_contained(page)
        assert len(page.encode()) < 1_000_000
        headings = re.findall(r"<h2 id=\"(\w+)-title\"", page)
        assert headings == ["pairs", "curves", "divergence", "outcome", "confusion", "wrong", "draw", "epochs", "settings"]
        assert page.index(report.verdict) < page.index("<nav")
        shown = text_of(page)
        assert f"{report.outcomes['epoch'].test_errors:,} of 300" in shown
        for curve in ("loss", "accuracy", "val_loss", "val_accuracy"):
            title = html.CURVES.get(curve, curve.replace("val_accuracy", "accuracy on the test set"))
            assert f'aria-label="{title}: {report.sides[0]} from ' in page
    assert "no weight differs after any of the 14 steps" in text_of(html.page(identical))
    assert "noise floor of one step" in text_of(html.page(rounded))
    assert "Rounding may reach 10 times as far" in text_of(html.page(rounded))
    for side in ("epoch", "keras"):
        assert f"{side}: {IN_WORDS[side]}" in text_of(html.page(identical))
    assert IN_WORDS.keys() == set(NAMES)
    assert (listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])) == ("a", "a and b", "a, b and c")


def test_S4_07_the_matrix_and_the_misclassified_are_those_of_the_nets(identical, few):
    page = html.page(identical)
    said = identical.answers.predicted["keras"]
    expected = evaluation.confusion(few.y_test, said, 10)
    body = re.search(r'<table class="matrix">.*?<tbody>(.*?)</tbody>', page, re.DOTALL).group(1)
    found = [
        [int(cell.replace(",", "")) for cell in re.findall(r"<td[^>]*>([\d,]+)</td>", row)] for row in body.split("</tr>")[:-1]
    ]
    assert np.array_equal(found, expected)
    wrong = evaluation.misclassified(few.y_test, said, 10)
    pictures = re.findall(r'<img src="data:image/png;base64,([^"]+)" alt="test row (\d+): (\d), taken for (\d)"', page)
    assert len(pictures) == min(len(wrong), html.PICTURES) > 5
    assert [int(row) for _, row, _, _ in pictures] == wrong[: len(pictures)].tolist()
    for content, row, true, taken in pictures:
        assert (int(true), int(taken)) == (few.y_test[int(row), 0], said[int(row)])
        picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(content))))
        assert np.array_equal(picture, np.round(few.images(few.x_test)[int(row)].clip(0, 1) * 255))


def test_sides_that_disagree_stand_apart(identical):
    other = identical.answers.predicted["epoch"].copy()
    right = np.flatnonzero(other == identical.answers.labels)[0]
    other[right] = (other[right] + 1) % 10
    answers = type(identical.answers)(
        identical.answers.labels, identical.answers.predicted | {"epoch": other}, identical.answers.pictures
    )
    report = type(identical)(**{**vars(identical), "answers": answers})
    page = html.page(report)
    assert "On 1 of them the sides disagree" in page
    true = answers.labels[right]
    assert re.search(rf'alt="test row {right}: {true}, taken for {other[right]} \(epoch\); {true} \(keras\)"', page)
    assert page.index(f"test row {right}:") == page.index("test row ")
    assert page.count('<table class="matrix">') == 2


def test_what_is_not_there_is_left_out(identical, monkeypatch):
    x, y = np.linspace(-1, 1, 48).reshape(12, 4), np.arange(12) % 3
    bare = html.page(lockstep.compare(ModelSpec.mlp(4, 3), TrainSpec(), (x, y)))
    assert re.findall(r"<h2 id=\"(\w+)-title\"", bare) == ["pairs", "curves", "divergence", "outcome", "epochs", "settings"]
    assert "<script" not in bare
    regression = TrainSpec(loss="mean_squared_error", epochs=2)
    assert "mean absolute error" in html.page(lockstep.compare(ModelSpec.mlp(4, 1), regression, (x, x[:, 0])))
    monkeypatch.setattr(html, "NET_BYTES", 10_000)
    assert "<script" not in html.page(identical)  # a net too large to be written into a page
    monkeypatch.undo()
    nan = {side: [weight * np.nan for weight in weights] for side, weights in identical.nets.items()}
    spoilt = html.page(type(identical)(**{**vars(identical), "nets": nan}))
    assert "<script" not in spoilt  # it would answer nothing
    assert "A net that has come to NaN answers nothing" in text_of(spoilt)


def test_a_picture_is_kept_as_it_is():
    random = np.random.default_rng(0)
    for shape in ((3, 5), (4, 4, 1), (6, 2, 3)):
        picture = random.integers(0, 256, shape).astype(np.uint8)
        read = np.asarray(Image.open(io.BytesIO(base64.b64decode(data_uri(picture).partition(",")[2]))))
        assert np.array_equal(read, picture.reshape(read.shape))


def test_scales_hold_their_values():
    ticks, height_of = charts._log_scale([0.0, 1e-7, 2e-3])
    assert ticks == ["1e-2", "1e-3", "1e-4", "1e-5", "1e-6", "1e-7", "0"]
    assert [height_of(value) for value in (1e-2, 1e-4, 0.0, float("inf"))] == pytest.approx([0, 100 / 3, 100, 0])
    ticks, height_of = charts._log_scale([1e-30, 1.0])
    assert (ticks[0], ticks[-1]) == ("1e0", "1e-30")
    assert height_of(1e-15) == pytest.approx(50)
    ticks, height_of = charts._linear_scale([0.3, 1.7], True)
    assert ticks == ["2", "1.5", "1", "0.5", "0"]
    assert height_of(0.5) == pytest.approx(75)
    assert charts._linear_scale([0.91, 0.99], False)[0][-1] == "0.9"
    peaks = [1e-8] * 5000
    peaks[1234] = 1e-3
    drawn = re.search(r'class="c0" d="M([^"]+)"/>', chart("x", [Line("x", peaks)], "step", log=True)).group(1)
    assert len(drawn.split("L")) == charts.POINTS
    assert min(float(place.split()[1]) for place in drawn.split("L")) == 0  # the one peak is not lost
    assert "0 throughout" in chart("x", [Line("x", [0.0, 0.0])], "step", log=True)
    assert "NaN or infinite from step 1 on" in chart("x", [Line("x", [float("nan")])], "step")
    assert "NaN or infinite from step 2 on" in chart("x", [Line("x", [0.0, float("inf")])], "step", log=True)


# ------------------------------------------------------------------------------------------------------ what an audit's page says


def test_the_audits_page_names_causes_with_evidence_and_remedy(finding, tmp_path):
    finding.save(tmp_path / "audit.html", title="<loop>.py")
    page = (tmp_path / "audit.html").read_text(encoding="utf-8")
    assert_self_contained(page)
    shown = text_of(page)
    assert shown.startswith("<loop>.py against fit: different")
    for part in ("17 of 20 steps differ.", "3 (epoch 1)", "weights out", "<hidden>/kernel", "10,000 times", "17 of 20: 4, 5"):
        assert part in shown
    for part in ("1. Its t stays 1.", "adam-frozen-counter together with other", "step 3: <b>", "Count in a tf.Variable"):
        assert part in shown
    assert "<code>tf.Variable</code>" in page
    assert shown.index("2. Something else.") > shown.index("Count in a")
    for part in ("every step differs", "a note & more", "Traceback <module>"):
        assert part in shown
    finding.save(tmp_path / "audit.json")
    assert (tmp_path / "audit.json").read_text(encoding="utf-8") == finding.to_json()
    with pytest.raises(InputError, match=r"audit\.txt"):
        finding.save(tmp_path / "audit.txt")


LOOP = """
import keras
import numpy as np

x, y = np.eye(6, dtype="float32"), np.arange(6) % 3
model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(3)])
model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
twin = keras.models.clone_model(model)
twin.compile(keras.optimizers.SGD(0.02), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
variables, step, steps, batch_size = twin.trainable_variables, twin.train_on_batch, 3, 3
"""


def test_the_command_writes_the_audits_page(tmp_path, capsys):
    (tmp_path / "rate.py").write_text(LOOP, encoding="utf-8")
    assert cli.main(["audit", str(tmp_path / "rate.py"), "--html", str(tmp_path / "audit.html")]) == 1
    assert f"written: {tmp_path / 'audit.html'}" in capsys.readouterr().out
    page = (tmp_path / "audit.html").read_text(encoding="utf-8")
    assert_self_contained(page)
    assert "rate.py against fit: alike" in text_of(page)
    assert "learning-rate-value" in page


# -------------------------------------------------------------------------------------------------------- in a real browser


@needs_chromium
def test_the_browser_starts_where_it_has_no_sandbox(monkeypatch):
    monkeypatch.setattr(chromium.os, "geteuid", lambda: 1000)  # root, who has none, is not known as such
    with chromium.Chromium() as made:
        assert made.run("1 + 1") == 2


@needs_chromium
def test_a_tall_page_is_drawn_to_its_end(browser, tmp_path, monkeypatch):
    (tmp_path / "tall.html").write_text("<body style='margin: 0'><p style='height: 2500px; margin: 0'>x</p></body>", "utf-8")
    monkeypatch.setattr(chromium, "TALLEST", 1000)
    browser.window(360)
    browser.open((tmp_path / "tall.html").as_uri())
    browser.picture(tmp_path / "tall.png")
    pieces = [Image.open(io.BytesIO((tmp_path / f"tall{piece}.png").read_bytes())) for piece in ("", "-2", "-3")]
    assert [piece.height for piece in pieces] == [1000, 1000, 500]
    assert len(list(tmp_path.glob("*.png"))) == 3


@needs_chromium
def test_the_look_finds_each_planted_fault(browser, tmp_path):
    planted = {
        "contrast": '<p class="soft"><code></code></p>',
        "no text alternative": '<img src="data:image/png;base64,AA==">',
        "overflow": "<pre>x</pre>",
        "no scope": "<table><tr><th>a</th></tr></table>",
        "no label": '<div role="img"></div>',
        "leads nowhere": '<a href="#nowhere">x</a>',
        "an id stands twice": '<p id="a">a</p><p id="a">b</p>',
        "not one h1": "<h1>again</h1>",
        "a heading's level": "<h4>far</h4>",
    }
    faint = "document.querySelector('code').textContent = 'faint'; document.querySelector('code').style.color = '#999';"
    wide = "document.querySelector('pre').style.width = '500px';"
    (tmp_path / "bad.html").write_text(document("bad", "<h1>bad</h1>" + "".join(planted.values()), footer="foot"), "utf-8")
    browser.window(360)
    browser.open((tmp_path / "bad.html").as_uri())
    browser.run(faint + wide)
    faults = browser.run(LOOK)
    for name in planted:
        assert any(fault.startswith(name) for fault in faults), (name, faults)
    assert any(fault.startswith("contrast 2.8") for fault in faults)  # 2.85, as WCAG's formula gives for #999 on white
    (tmp_path / "error.html").write_text(document("bad", "<h1>bad</h1>", script="nothing.at.all"), "utf-8")
    assert any("nothing is not defined" in fault for fault in looked(browser, (tmp_path / "error.html").as_uri()))


@needs_chromium
def test_the_reports_can_be_read_everywhere_and_load_nothing(browser, identical, rounded, finding, tmp_path):
    browser.requests.clear()
    for name, one in {"identical": identical, "rounded": rounded, "audit": finding}.items():
        one.save(tmp_path / f"{name}.html")
        assert looked(browser, (tmp_path / f"{name}.html").as_uri(), views=[(360, True), (1280, False)]) == []
    loaded = {address for address in browser.requests if not address.startswith("data:")}
    assert loaded == {(tmp_path / f"{name}.html").as_uri() for name in ("identical", "rounded", "audit")}


@needs_chromium
def test_the_pad_in_a_report_answers_with_each_sides_own_net(browser, rounded, tmp_path):
    import lowlevel

    rounded.save(tmp_path / "report.html")
    browser.window(1280)
    browser.open((tmp_path / "report.html").as_uri())
    browser.run("drawExample()")
    row, nets = browser.run(
        "(({ row, nets }) => [Array.from(row), nets.map((net) => Array.from(net.probabilities))])(answers(padFrame()))"
    )
    assert browser.run("weights.length") == 2  # round-off: the nets differ
    for weights, probabilities in zip(rounded.nets.values(), nets, strict=True):
        trainer = lowlevel.Trainer(MODEL, TrainSpec())
        trainer.load(weights)
        assert trainer.predict_proba(np.float64([row]))[0] == pytest.approx(probabilities, abs=1e-5)
    assert browser.run("byId('check').textContent") == ""
    assert browser.errors == []


@needs_chromium
@pytest.mark.long
def test_every_page_and_picture_renders(tmp_path, capsys):
    assert main(tmp_path) == 0, capsys.readouterr().out
    pages = [line.split(":")[0] for line in capsys.readouterr().out.splitlines() if not line.startswith("requests:")]
    assert len(pages) == 8
    assert len([*tmp_path.glob("*-light.png"), *tmp_path.glob("*-dark.png")]) == 4 * len(pages)
