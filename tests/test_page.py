"""The page to draw on: its server refuses what is not meant for it, and a real browser computes what both wings say.

Without Chromium the tests that need it are skipped, and the last lines of the test run say so (``conftest.py``).
"""

import json
import re
import runpy
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import chromium
import numpy as np
import pytest
from render import PAINTED
from test_cli import RUN_ALL, assert_one_line, child, environment

import highlevel
import lowlevel
from lockstep.cli import parser
from lockstep.page import Drawing, document, server
from lockstep.page.drawing import row_of
from shared import ModelSpec, TrainSpec, load_digits
from shared.data import Dataset
from shared.data.card import DataCard
from shared.data.handwriting import digit_frame
from shared.errors import InputError
from shared.spec import ActivationSpec, BatchNormalizationSpec, DenseSpec, DropoutSpec

ROOT = Path(__file__).resolve().parents[1]
DIGITS = ModelSpec.mlp(400, 25, 15, 10)
CARD = DataCard(classes=tuple("0123456789"), name="digits", image_shape=(20, 20), columns_first=True)
SEVEN = [(75, 60), (140, 62), (200, 60), (180, 100), (160, 140), (140, 190), (125, 235)]
needs_chromium = pytest.mark.skipif(chromium.found() is None, reason=chromium.MISSING)


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    """The file of a net trained on the digits."""
    digits = load_digits()
    trainer = lowlevel.Trainer(DIGITS, TrainSpec(epochs=3, seed=1234))
    trainer.fit((digits.x_train, digits.y_train))
    path = tmp_path_factory.mktemp("net") / "digits.weights.h5"
    trainer.save(path, data=digits)
    return path


@pytest.fixture(scope="module")
def wings(net):
    """Both wings with that net."""
    trainers = [wing.Trainer(DIGITS, TrainSpec(epochs=3, seed=1234)) for wing in (lowlevel, highlevel)]
    for trainer in trainers:
        trainer.load(net)
    return trainers


@pytest.fixture(scope="module")
def served(net):
    """The real command: its process and its address."""
    command = [sys.executable, "-m", "lockstep", "serve", "--weights", str(net), "--port", "0"]
    started = subprocess.Popen(
        command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        lines = [started.stdout.readline() for _ in range(2)]
        assert lines[0] == f"net:   trained on digits, read from {str(net)!r}\n"
        yield started, re.fullmatch(r"page:  (http://127\.0\.0\.1:\d+/) \(Ctrl-C ends it\)\n", lines[1]).group(1)
    finally:
        started.kill()
        started.communicate()


def port_of(url):
    return int(url.rstrip("/").rpartition(":")[2])


def spoken(port, request, *, end=True):
    """What is answered to these bytes, whole."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as peer:
        peer.sendall(request)
        if end:
            peer.shutdown(socket.SHUT_WR)
        parts = []
        while part := peer.recv(2**16):
            parts.append(part)
    return b"".join(parts)


def asked(
    body, *, host="127.0.0.1:{port}", path="/answer", method="POST", head="Content-Type: application/json\r\n", length=None
):
    """A request, as bytes, for a port to be filled in."""

    def filled(port):
        top = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{head}".replace("{port}", str(port))
        top += f"Content-Length: {len(body) if length is None else length}\r\n\r\n"
        return top.encode("latin-1") + body

    return filled


def body(frame):
    return json.dumps({"frame": frame}).encode()


# ------------------------------------------------------------------------------------------------------- hostile requests

BLANK = [0] * 784
GET = {"method": "GET", "path": "/", "head": ""}
JSON = "Content-Type: application/json\r\n"
HOSTILE = {
    "another file": (404, asked(b"", **GET | {"path": "/etc/passwd"})),
    "path traversal": (404, asked(b"", **GET | {"path": "/../../../../etc/passwd"})),
    "encoded traversal": (404, asked(b"", **GET | {"path": "/%2e%2e/%2e%2e/etc/passwd"})),
    "backslashes": (404, asked(b"", **GET | {"path": "/..\\..\\etc\\passwd"})),
    "double slash": (404, asked(b"", **GET | {"path": "//127.0.0.1/etc/passwd"})),
    "whole address": (404, asked(b"", **GET | {"path": "http://example.org/"})),
    "favicon": (404, asked(b"", **GET | {"path": "/favicon.ico"})),
    "GET of the answer": (405, asked(b"", **GET | {"path": "/answer"})),
    "POST of the page": (405, asked(body(BLANK), path="/")),
    **{
        f"{name} of the page": (405, asked(b"", **GET | {"method": name}))
        for name in ("PUT", "DELETE", "OPTIONS", "TRACE", "get")
    },
    "unknown method": (405, asked(b"", **GET | {"method": "BREW"})),
    "foreign host": (403, asked(body(BLANK), host="evil.example:{port}")),
    "foreign host for the page": (403, asked(b"", **GET, host="evil.example")),
    "other port": (403, asked(b"", **GET, host="127.0.0.1:1")),
    "all interfaces": (403, asked(b"", **GET, host="0.0.0.0:{port}")),
    "no host": (400, lambda port: b"GET / HTTP/1.1\r\n\r\n"),
    "two hosts": (400, lambda port: b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nHost: evil\r\n\r\n" % port),
    "foreign origin": (403, asked(body(BLANK), head=JSON + "Origin: https://evil.example\r\n")),
    "no origin at all": (403, asked(body(BLANK), head=JSON + "Origin: null\r\n")),
    "origin of another port": (403, asked(body(BLANK), head=JSON + "Origin: http://127.0.0.1:1\r\n")),
    "two origins": (400, asked(body(BLANK), head=JSON + "Origin: http://127.0.0.1:{port}\r\nOrigin: http://evil\r\n")),
    "form": (415, asked(body(BLANK), head="Content-Type: text/plain\r\n")),
    "no type": (415, asked(body(BLANK), head="")),
    "large body": (413, asked(b"[" * 2_000_000)),
    "large length": (413, asked(b"", length="99999999999999999999999999")),
    "longer than Python's integers": (413, asked(b"", length="9" * 5000)),
    "negative length": (411, asked(b"", length="-1")),
    "signed length": (411, asked(b"", length="+1")),
    "other digits": (411, asked(b"", length="\xb2")),
    "no length": (411, lambda port: f"POST /answer HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{JSON}\r\n".encode()),
    "two lengths": (411, asked(body(BLANK), head=JSON + "Content-Length: 3\r\n")),
    "chunked": (411, asked(b"0\r\n\r\n", head=JSON + "Transfer-Encoding: chunked\r\n")),
    "cut short": (400, asked(body(BLANK)[:-100], length=len(body(BLANK)))),
    "empty": (400, asked(b"")),
    "no JSON": (400, asked(b"{frame: 1}")),
    "no UTF-8": (400, asked(b"\xff\xfe" * 10)),
    "deep JSON": (400, asked(b"[" * 16_000)),
    "long number": (400, asked(b"9" * 16_000)),
    "list": (400, asked(json.dumps(BLANK).encode())),
    "other key": (400, asked(b'{"pixels": []}')),
    "too few": (400, asked(body(BLANK[1:]))),
    "too many": (400, asked(body([*BLANK, 0]))),
    "text": (400, asked(body("0" * 784))),
    "fractions": (400, asked(body([0.5] * 784))),
    "true": (400, asked(body([True] * 784))),
    "negative": (400, asked(body([-1] * 784))),
    "256": (400, asked(body([256] * 784))),
    "NaN": (400, asked(b'{"frame": [' + b",".join([b"NaN"] * 784) + b"]}")),
    "noise": (400, lambda port: bytes(range(256)) * 4),
    "no HTTP": (400, lambda port: b"SSH-2.0-OpenSSH_9.0\r\n\r\n"),
    "new HTTP": (505, lambda port: b"GET / HTTP/3.0\r\n\r\n"),
    "long line": (414, lambda port: b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n"),
    "long header": (431, lambda port: b"GET / HTTP/1.1\r\nX: " + b"a" * 70_000 + b"\r\n\r\n"),
    "many headers": (431, lambda port: b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_not_meant_for_the_page_is_refused_in_a_line(served, name):
    status, request = HOSTILE[name]
    head, _, said = spoken(port_of(served[1]), request(port_of(served[1]))).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 %d " % status), head
    assert re.fullmatch(rb"%d [A-Za-z -]+\n" % status, said) or b" HEAD " in head
    assert b"default-src 'none'" in head
    assert b"Python" not in head


def test_the_server_lives_on_and_answers(served, wings):
    frame = np.random.default_rng(0).integers(0, 256, (28, 28)).astype(np.uint8)
    request = urllib.request.Request(f"{served[1]}answer", body(frame.ravel().tolist()), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as reply:
        said = json.loads(reply.read())
    for trainer, wing in zip(wings, ("low", "high"), strict=True):
        assert np.array_equal(np.float32(said["probabilities"][wing]), trainer.predict_proba(row_of(frame, CARD))[0])
    assert (said["identical"], said["max_abs"]) == (True, 0)
    for name in ("127.0.0.1", "localhost", "LOCALHOST"):  # the names under which the page may be open
        request = asked(body(BLANK), host=f"{name}:{{port}}", head=JSON + f"Origin: http://{name.lower()}:{{port}}\r\n")
        assert spoken(port_of(served[1]), request(port_of(served[1]))).startswith(b"HTTP/1.0 200 ")


def test_the_page_may_load_nothing_and_no_other_page_may_show_it(served):
    with urllib.request.urlopen(served[1], timeout=30) as reply:
        text, headers = reply.read().decode(), reply.headers
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "script-src 'sha256-" in policy
    assert "unsafe" not in policy
    assert policy.endswith("connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
    assert (headers["X-Content-Type-Options"], headers["Referrer-Policy"]) == ("nosniff", "no-referrer")
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Access-Control-Allow-Origin" not in headers
    assert not re.findall(r"\b(?:src|href|style|on\w+)=", text.split("<script")[0])
    assert spoken(port_of(served[1]), asked(b"", **GET | {"method": "HEAD"})(port_of(served[1]))).endswith(b"\r\n\r\n")


@contextmanager
def running(**settings):
    """A server in this process that says of each frame how bright it is."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setattr(server, name, value)
        with server.Server(0) as made:
            made.page, made.answer = b"page", lambda frame: {"sum": int(frame.sum())}
            thread = threading.Thread(target=made.serve_forever, args=(0.05,))
            thread.start()
            try:
                yield made
            finally:
                made.shutdown()
                thread.join()


def test_a_request_that_takes_too_long_is_cut():
    with running(LIMIT=0.5) as made:
        port = made.server_address[1]
        began = time.monotonic()
        with socket.create_connection(("127.0.0.1", port), timeout=30) as slow:

            def trickle():  # never silent for long, and never done
                for letter in b"GET / HTTP/1.1\r\nX: " + b"a" * 1000:
                    slow.sendall(bytes([letter]))
                    time.sleep(0.02)

            with pytest.raises(OSError, match=r"(?i)pipe|reset"):
                trickle()
        assert 0.4 < time.monotonic() - began < 5
        silent = spoken(port, b"", end=False)
        assert silent == b""
        assert spoken(port, asked(body([1] * 784))(port)).endswith(b'{"sum": 784}')


def test_more_connections_than_allowed_are_turned_away():
    with running(MOST=3) as made:
        port = made.server_address[1]
        waiting = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
        time.sleep(0.2)
        assert spoken(port, b"", end=False).startswith(b"HTTP/1.0 503 ")
        for peer in waiting:
            peer.close()
        deadline = time.monotonic() + 10
        while made._since:
            assert time.monotonic() < deadline
        assert spoken(port, asked(b"", **GET)(port)).endswith(b"page")


def test_unusable_input_ends_in_one_line_before_tensorflow(net, tmp_path):
    colours = Dataset(x_train=np.zeros((2, 12)), y_train=[0, 1], classes=("a", "b"), source="", name="colours")
    lowlevel.Trainer(ModelSpec.mlp(12, 2), TrainSpec()).save(tmp_path / "other.weights.h5", data=colours)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        cases = {
            ("--weights", "missing.h5"): "missing.h5",
            ("--weights", "other.weights.h5"): "12 inputs, trained on 'colours'",
            ("--weights", str(net), "--port", port): f"port {port} (Address already in use)",
            ("--weights", str(net), "--port", "65536"): "65536",
            ("--weights", str(net), "--port", "-1"): "-1",
            ("--port", "many"): "--help",
            ("--weights",): "--help",
            ("more",): "--help",
        }
        listed = child(tmp_path, RUN_ALL, json.dumps([["serve", *arguments] for arguments in cases]))
    for end, word in zip(listed, cases.values(), strict=True):
        assert_one_line(end)
        assert word in end[2]


# ------------------------------------------------------------------------------------------------------- in a real browser


@pytest.fixture(scope="module")
def browser():
    with chromium.Chromium() as made:
        yield made


def on_pad(browser, places):
    """Places on the pad as places in the window."""
    left, top, width = browser.run(
        "pad.scrollIntoView(); (({ left, top, width }) => [left, top, width])(pad.getBoundingClientRect())"
    )
    return [(left + x * width / 280, top + y * width / 280) for x, y in places]


def inked(browser):
    """What stands on the pad, as a picture in colours."""
    ink = browser.run("Array.from(inkOf(brush.getImageData(0, 0, pad.width, pad.height)))")
    return np.repeat(np.uint8(ink).reshape(280, 280, 1), 3, axis=2)


@needs_chromium
@pytest.mark.parametrize("touch", [False, True], ids=["mouse", "finger"])
def test_S1_12_a_drawn_stroke_gets_the_same_answer_from_page_low_level_and_keras(browser, served, wings, touch):
    browser.requests.clear()
    browser.window(360 if touch else 1280)
    browser.open(served[1])
    browser.stroke(on_pad(browser, SEVEN), touch=touch)
    browser.run(PAINTED)  # the answer to the whole stroke is there
    picture = inked(browser)
    assert picture.any()
    said = browser.wait("byId('check').textContent")
    assert "both wings give the same bits" in said
    assert float(re.search(r"largest difference from this page (\S+)\.$", said).group(1)) < 1e-5
    frame, row = (browser.run(f"Array.from({one})") for one in ("padFrame()", "answers(padFrame()).row"))
    ours = digit_frame(picture)  # the rule of lockstep predict
    assert np.array_equal(np.uint8(frame).reshape(28, 28), ours)
    assert np.array_equal(np.float32(row), row_of(ours, CARD)[0].astype(np.float32))
    nets = browser.run("answers(padFrame()).nets.map((net) => Array.from(net.probabilities))")
    for trainer, probabilities in zip(wings, nets, strict=True):
        assert trainer.predict_proba(row_of(ours, CARD))[0] == pytest.approx(probabilities, abs=1e-5)
    assert nets[0][7] == max(nets[0])
    assert browser.run("byId('said').textContent") == "It is a 7."
    values = browser.run("Array.from(document.querySelectorAll('.value'), (cell) => cell.textContent)")
    assert values == [f"{np.floor(value * 1e4) / 1e4:.4f}" for pair in zip(*nets, strict=True) for value in pair]
    assert browser.errors == []
    assert len(browser.requests) > 1
    assert all(address.startswith(served[1]) for address in browser.requests)


@needs_chromium
def test_the_hidden_layers_are_those_of_the_net_and_clear_clears(browser, served, wings):
    browser.window(1280)
    browser.open(served[1])
    browser.run("byId('example').click()")
    browser.wait("byId('said').textContent.startsWith('It is a')")
    row = row_of(digit_frame(inked(browser)), CARD)[0].astype(np.float32)
    kernel, bias = wings[0].weights()[:2]
    by_hand = np.maximum(row.astype(np.float64) @ kernel + bias, 0)
    strip = "document.querySelectorAll('#layers .strip')[0]"
    shown = browser.run(f"Array.from({strip}.children, (cell) => Number(cell.style.opacity))")
    assert shown == pytest.approx(by_hand / by_hand.max(), abs=1e-5)
    label = browser.run(f"{strip}.getAttribute('aria-label')")
    assert label.startswith(f"{(by_hand > 0).sum()} of 25 units are not 0, the strongest is unit {by_hand.argmax() + 1} ")
    assert browser.run("document.querySelectorAll('#layers .strip').length") == 4  # two layers of two nets
    browser.run("byId('clear').click()")
    browser.wait("byId('said').textContent === 'The nets answer as you draw.'")
    assert not inked(browser).any()
    assert browser.errors == []


@needs_chromium
def test_every_example_is_read_as_what_it_is(browser, served):
    browser.open(served[1])
    for number in range(browser.run("EXAMPLES.length")):
        browser.run("drawExample()")
        browser.run("show()")
        assert browser.run("byId('said').textContent") == f"It is a {browser.run(f'EXAMPLES[{number}][0]')}."


def alone(browser, folder, model, card, nets):
    """Open a page with the pad alone, from a file."""
    drawing = Drawing(model, card, nets)
    page = folder / "pad.html"
    page.write_text(document("pad", f"<h1>pad</h1>{drawing.html()}", script=drawing.script(), data=drawing.data()), "utf-8")
    browser.open(page.as_uri())


@needs_chromium
def test_S1_12_any_ink_is_fitted_and_centred_to_the_same_bits_as_by_predict(browser, tmp_path, wings):
    alone(browser, tmp_path, DIGITS, CARD, {("low", "low"): wings[0].weights()})
    random = np.random.default_rng(1)
    for number in range(40):
        height, width = random.integers(3, 200, 2)
        ink = np.zeros((height, width), np.uint8)
        for _ in range(random.integers(0, 6)):
            top, left = random.integers(0, height), random.integers(0, width)
            down, right = random.integers(1, 1 + max(height, width) // (1 + number % 9), 2)
            ink[top : top + down, left : left + right] = random.integers(0, 256, ink[top : top + down, left : left + right].shape)
        ink[[0, -1]], ink[:, [0, -1]] = 0, 0  # predict takes the ground from the edge
        found = browser.run(f"Array.from(digitFrame(Uint8Array.from({ink.ravel().tolist()}), {width}, {height}))")
        ours = digit_frame(np.repeat(ink[:, :, None], 3, axis=2))
        assert np.array_equal(np.uint8(found).reshape(28, 28), ours), (number, ink.shape)


@needs_chromium
def test_mnist_through_the_page_is_said_to_be_the_same_by_page_and_wings(browser, tmp_path, wings):
    """The first of the 10,000 test digits, by the functions of ``benchmarks/drawn.py``, which takes all of them."""
    drawn = runpy.run_path(str(ROOT / "benchmarks" / "drawn.py"))
    images = drawn["digits_in_two_forms"]()[1][:60]
    alone(browser, tmp_path, DIGITS, CARD, {("low", "low"): wings[0].weights()})
    labels = load_digits().y_test[:60, 0]
    for way in drawn["WAYS"].values():
        frames, said = drawn["framed"](browser, images, way)
        rows = np.concatenate([row_of(frame, CARD) for frame in frames])
        for trainer in wings:
            assert np.array_equal(trainer.predict(rows).argmax(axis=1), said)
        assert (said == labels).mean() > 0.8
    centred = drawn["framed"](browser, images, drawn["WAYS"]["centred by the page"])[0]
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))  # predict takes the ground from the edge
    assert np.array_equal(centred, [digit_frame(np.repeat(image[:, :, None], 3, axis=2)) for image in padded])


@needs_chromium
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_layer_and_activation_is_computed_as_by_both_wings(browser, tmp_path, dtype):
    layers = [
        DenseSpec(units=9, activation="tanh", use_bias=False, name="a"),
        BatchNormalizationSpec(name="b"),
        ActivationSpec(activation="sigmoid", name="c"),
        DropoutSpec(rate=0.5, name="d"),
        DenseSpec(units=7, activation="relu", name="e"),
        DenseSpec(units=3, name="f"),
    ]
    model = ModelSpec(inputs=784, layers=layers, dtype=dtype)
    card = DataCard(classes=("<b>", "&", "c"), name="mine", image_shape=(28, 28), pixels=True)
    random = np.random.default_rng(2)
    x, y = random.integers(0, 256, (40, 784)).astype(np.uint8), random.integers(0, 3, 40)
    low = lowlevel.Trainer(model, TrainSpec(epochs=3))
    low.fit((x, y))
    high = highlevel.Trainer(model, TrainSpec())
    high.load(low.weights())
    other = [weight + 0.01 for weight in low.weights()]
    alone(browser, tmp_path, model, card, {("low", "low"): low.weights(), ("high", "high"): high.weights(), ("x", "x"): other})
    assert browser.run("weights.length") == 2  # equal nets are written once
    frame = random.integers(0, 256, 784).astype(np.uint8)
    nets = browser.run(f"answers(Uint8Array.from({frame.tolist()})).nets.map((net) => Array.from(net.probabilities))")
    for trainer, probabilities in zip((low, high), nets, strict=False):
        assert trainer.predict_proba(row_of(frame.reshape(28, 28), card))[0] == pytest.approx(
            probabilities, abs=1e-5 if dtype == "float32" else 1e-13
        )
    assert nets[2] != nets[0]
    assert browser.run("Array.from(document.querySelectorAll('#probabilities tbody th'), (cell) => cell.textContent)") == [
        "<b>",
        "&",
        "c",
    ]
    assert browser.errors == []


def test_nets_that_are_fed_no_digits_are_refused():
    for card in (DataCard.numbered(3), DataCard(classes=("a",), image_shape=(28, 28, 3), pixels=True)):
        with pytest.raises(InputError, match="A digit can be drawn"):
            Drawing(ModelSpec.mlp(400, 3), card, {})
    with pytest.raises(InputError, match="finite"):
        Drawing(DIGITS, CARD, {("low", "low"): [np.full(shape, np.nan) for shape in DIGITS.weight_shapes.values()]})


def test_the_commands_of_both_pages_of_documentation_are_taken():
    shown = "".join((ROOT / "docs" / page).read_text(encoding="utf-8") for page in ("serve.md", "report.md"))
    commands = re.findall(r"^lockstep ([^#\n]+)", shown, re.MULTILINE)
    assert [parser().parse_args(command.split()).command for command in commands] == ["serve", "serve", "compare", "audit"]


def test_ctrl_c_ends_the_server_in_one_line_and_130(served):
    """Last: nothing of the hostile requests has been written, and nothing runs on."""
    started, url = served
    started.send_signal(signal.SIGINT)
    out, err = started.communicate(timeout=60)
    assert (started.returncode, out, err) == (130, "", "lockstep: stopped\n")
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port_of(url)), timeout=5)
