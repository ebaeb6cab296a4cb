"""Every page and picture as people see them: rendered by Chromium to PNG, on a phone and on a desk, light and dark, and checked.

``python tests/render.py FOLDER`` writes the pages and the PNGs, prints a line for each page, and ends with 1 if the console shows
an error or ``look.js`` finds a fault: text that is too faint or too small, something wider than the window, a picture without
words.
"""

import base64
import html
import json
import os
import re
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = Path(__file__).resolve().parents[1]

from chromium import Chromium  # noqa: E402

VIEWS = [(width, dark) for width in (360, 1280) for dark in (False, True)]
LOOK = (ROOT / "tests" / "look.js").read_text(encoding="utf-8")
EXAMPLE = "document.getElementById('example')?.click()"
PAINTED = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))"
ANSWERED = "!document.getElementById('check') || !about.answer || byId('check').textContent !== ''"
COMMANDS = {
    "identical": ["compare", "digits", "--epochs", "3"],
    "rounding": ["compare", "digits", "--epochs", "2", "--sides", "numpy,epoch-xla,epoch"],
    "nan": ["compare", "digits", "--epochs", "2", "--optimizer", "sgd", "--learning-rate", "1e30"],
    "audit": ["audit", "loop.py"],
    "check": ["check", "digits.trace.h5"],
}
RECORD = ["record", "digits", "--epochs", "2", "--out", "digits.trace.h5"]


def looked(browser, address, folder=None, name="page", views=VIEWS):
    """The faults of a page in all views, a line each; the PNGs go into ``folder``."""
    faults = []
    for width, dark in views:
        browser.errors.clear()
        browser.window(width, dark=dark)
        browser.open(address)
        browser.run(EXAMPLE)
        browser.run(PAINTED)
        browser.wait(ANSWERED)
        view = f"{name}-{width}-{'dark' if dark else 'light'}"
        faults += [f"{view}: {fault}" for fault in [*browser.run(LOOK), *browser.errors]]
        if folder is not None:
            browser.picture(folder / f"{view}.png")
    return faults


def lockstep(folder, *arguments):
    """A command of ours, started in ``folder``."""
    command = [sys.executable, "-m", "lockstep", *arguments]
    return subprocess.Popen(command, cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True)


def gallery(folder):
    """A page of the documentation's pictures; returns its path."""
    from lockstep.page import document

    images = ""
    for path in sorted((ROOT / "docs" / "pictures").glob("*.png")):
        content = base64.b64encode(path.read_bytes()).decode()
        images += f'<h2>{path.stem}</h2><p><img src="data:image/png;base64,{content}" alt="{path.stem}"></p>'
    page = folder / "pictures.html"
    page.write_text(document("Pictures", "<h1>Pictures</h1>" + images), encoding="utf-8")
    return page


def lessons(folder):
    """A page of what the lessons show: their pictures, with the words that they come with, and code side by side."""
    shown = ""
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        outputs = [one for cell in json.loads(path.read_text("utf-8"))["cells"] for one in cell.get("outputs", [])]
        shown += f"<h2>{path.stem.replace('_', ' ')}</h2>"
        for data, words in ((one["data"], one["metadata"]) for one in outputs if "data" in one):
            if "image/png" in data:
                alt = html.escape(words["image/png"]["alt"])
                shown += f'<p><img src="data:image/png;base64,{data["image/png"].strip()}" alt="{alt}"></p>'
            shown += "".join(data.get("text/html", []))
    page = folder / "lessons.html"
    title = "<title>Lessons</title>"
    style = ":root { color-scheme: light dark } body { background: Canvas; color: CanvasText } img { max-width: 100% }"
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width">{title}<style>{style}</style>'
    body = f"<main><h1>Lessons</h1>{shown}</main><footer>What the notebooks show.</footer>"
    page.write_text(f'<!doctype html><html lang="en"><head>{head}</head><body>{body}</body></html>', encoding="utf-8")
    return page


def main(folder):
    """Render all; returns the exit status."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "loop.py").write_text(
        re.search(r"```python\n(.*?)```", (ROOT / "docs" / "audit.md").read_text("utf-8"), re.DOTALL)[1]
    )
    with lockstep(folder, *RECORD) as done:
        said = done.communicate(timeout=600)[0]
    assert done.returncode == 0, said
    found = {}
    with Chromium() as browser:
        for name, arguments in COMMANDS.items():
            with lockstep(folder, *arguments, "--html", f"{name}.html") as done:
                said = done.communicate(timeout=600)[0]
            assert done.returncode in (0, 1), said
            found[name] = looked(browser, (folder / f"{name}.html").as_uri(), folder, name)
        for name, page in (("pictures", gallery(folder)), ("lessons", lessons(folder))):
            found[name] = looked(browser, page.as_uri(), folder, name)
        with lockstep(folder, "serve", "--port", "0") as server:
            try:
                address = next(line.split()[1] for line in server.stdout if line.startswith("page:"))
                found["serve"] = looked(browser, address, folder, "serve")
            finally:
                server.kill()
        foreign = [one for one in browser.requests if not one.startswith(("file:", "data:", address))]
    found["requests"] = [f"leaves this machine: {one}" for one in foreign]
    for name, faults in found.items():
        print(f"{name}: {'; '.join(faults) or 'as it should be'}")
    return int(any(found.values()))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
