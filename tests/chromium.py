"""A real browser for the tests: Chromium without a window, told what to do in the words of its DevTools protocol.

The browser takes its orders from a pipe (``--remote-debugging-pipe``: JSON ended by a zero byte, read from file 3, answered on
file 4), so no library, no port and no other program stands between the tests and the browser.
"""

import base64
import json
import math
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
MISSING = "no Chromium found"
LIMIT = 60.0  # seconds for any one order: a slow machine
TALLEST = 16_000  # pixels of one picture, of which Chromium draws no more
NO_SANDBOX = "--no-sandbox"  # what is opened is made by the tests
QUIET = (
    *("--headless=new", "--remote-debugging-pipe", "--disable-gpu", "--disable-quic", "--no-first-run", "--mute-audio"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions"),
    *("--no-default-browser-check", "--disable-dev-shm-usage", "--hide-scrollbars", "--force-color-profile=srgb"),
)
LOCAL = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"  # no name is looked up anywhere

# puts the two ends of the pipes at 3 and 4, where the browser looks for them, and becomes the browser
LAUNCH = """
import fcntl, os, sys
ends = [fcntl.fcntl(int(end), fcntl.F_DUPFD, 10) for end in sys.argv[1:3]]
for end, place in zip(ends, (3, 4)):
    os.dup2(end, place, inheritable=True)
os.execv(sys.argv[3], sys.argv[3:])
"""


def found() -> str | None:
    """Where Chromium is; None where it is not."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Chromium:
    """One browser with one page. Use as a context manager.

    ``requests`` are the addresses that were asked for, ``errors`` what the console showed as an error.
    """

    def __init__(self):
        path = found()
        if path is None:
            raise FileNotFoundError(MISSING)
        self.requests, self.errors, self.events = [], [], []
        if os.geteuid() == 0:
            self._start(path, NO_SANDBOX)  # as root the sandbox refuses to run
            return
        try:
            self._start(path)
        except OSError:  # some containers and kernels leave other users no sandbox either: then Chromium ends at once
            self._start(path, NO_SANDBOX)

    def _start(self, path, *options):
        self.profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        orders, self.write = os.pipe()
        self.read, reports = os.pipe()
        profile = f"--user-data-dir={self.profile.name}"
        self.process = subprocess.Popen(
            [sys.executable, "-c", LAUNCH, str(orders), str(reports), path, *QUIET, LOCAL, *options, profile, "about:blank"],
            pass_fds=(orders, reports),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(orders)
        os.close(reports)
        self.number, self.buffer, self.session = 0, b"", None
        try:
            page = next(one for one in self.order("Target.getTargets")["targetInfos"] if one["type"] == "page")
            self.session = self.order("Target.attachToTarget", targetId=page["targetId"], flatten=True)["sessionId"]
            for domain in ("Page", "Runtime", "Log", "Network"):
                self.order(f"{domain}.enable")
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def close(self):
        """End the browser, and wait for its end."""
        if self.process.poll() is None:
            try:
                self.order("Browser.close")
                self.process.wait(timeout=10)
            except Exception:
                self.process.kill()
        self.process.wait()
        for end in (self.read, self.write):
            os.close(end)
        self.profile.cleanup()

    # ------------------------------------------------------------------------------------------------- the protocol

    def order(self, method, **params):
        """Send an order and return its result."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session and not method.startswith(("Target.", "Browser.")):
            message["sessionId"] = self.session
        text = memoryview(json.dumps(message).encode() + b"\0")
        while text:
            text = text[os.write(self.write, text) :]
        end = time.monotonic() + LIMIT
        while True:
            report = self._next(end)
            if report.get("id") == self.number:
                if "error" in report:
                    raise RuntimeError(f"{method}: {report['error']}")
                return report["result"]
            self._note(report)

    def _next(self, end):
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.read], [], [], max(0.0, end - time.monotonic()))
            part = os.read(self.read, 2**20) if ready else b""
            if not part:
                raise TimeoutError(f"Chromium has ended or does not answer; try: {NAMES[0]} --headless=new about:blank")
            self.buffer += part
        report, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(report)

    def _note(self, report):
        method, params = report.get("method"), report.get("params", {})
        self.events.append(method)
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.errors.append(params["entry"]["text"])
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "assert"):
            self.errors.append(str(params["args"]))

    # ---------------------------------------------------------------------------------------------------- the page

    def window(self, width, height=800, dark=False):
        """Set the window's size, in CSS pixels, and light or dark; narrow windows are phones."""
        self.order("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.order("Emulation.setEmulatedMedia", features=[scheme])

    def open(self, address):
        """Load a page and wait until it has loaded."""
        self.events.clear()
        result = self.order("Page.navigate", url=address)
        assert "errorText" not in result, result
        end = time.monotonic() + LIMIT
        while "Page.loadEventFired" not in self.events:
            self._note(self._next(end))

    def run(self, script):
        """The value of JavaScript, awaited if it is a promise."""
        result = self.order("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def wait(self, script):
        """Wait until JavaScript is true; returns its value."""
        end = time.monotonic() + LIMIT
        while not (value := self.run(script)):
            assert time.monotonic() < end, f"never true: {script}"
            time.sleep(0.02)
        return value

    def stroke(self, places, touch=False):
        """Draw a line through places (x, y) of the window with the mouse, or with a finger."""
        for at, (x, y) in enumerate([*places, places[-1]]):
            kind = 0 if at == 0 else 2 if at == len(places) else 1
            if touch:
                points = [] if kind == 2 else [{"x": x, "y": y}]
                self.order("Input.dispatchTouchEvent", type=("touchStart", "touchMove", "touchEnd")[kind], touchPoints=points)
            else:
                event = ("mousePressed", "mouseMoved", "mouseReleased")[kind]
                self.order("Input.dispatchMouseEvent", type=event, x=x, y=y, button="left", buttons=1, clickCount=1)

    def picture(self, path):
        """Write the whole page as PNG; what is too tall for one goes on in ``NAME-2.png``."""
        size, path = self.order("Page.getLayoutMetrics")["cssContentSize"], Path(path)
        for piece, top in enumerate(range(0, math.ceil(size["height"]), TALLEST), start=1):
            clip = {"x": 0, "y": top, "width": size["width"], "height": min(size["height"] - top, TALLEST), "scale": 1}
            shot = self.order("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True)
            written = path if piece == 1 else path.with_stem(f"{path.stem}-{piece}")
            written.write_bytes(base64.b64decode(shot["data"]))
