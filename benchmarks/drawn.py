"""MNIST's 10,000 test digits asked of both wings, as they are and as the page to draw on makes them.

``python benchmarks/drawn.py [EPOCHS]`` (40 where not given; needs Chromium). Each net is trained in both wings on the 5,000
training digits that ship. Then a real browser fits and centres every test digit with the page's own JavaScript, once from its
28x28 pixels and once painted onto the pad of 280x280 first. What it makes is asked of both wings, and of the page.
"""

import base64
import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import h5py
import numpy as np
from chromium import Chromium

import highlevel
import lowlevel
from lockstep.page import Drawing, document
from lockstep.page.drawing import row_of
from shared import Dataset, ModelSpec, TrainSpec, load_digits
from shared.data.card import DataCard

ROOT = Path(__file__).resolve().parents[1]
AT_ONCE = 500  # digits a question to the browser
# what becomes of a digit of 28x28 bytes in the page: its frame
WAYS = {
    "centred by the page": "(digit) => digitFrame(digit, 28, 28)",
    "painted on the pad, centred": """(digit) => {
        const small = new OffscreenCanvas(28, 28), pixels = new ImageData(28, 28);
        digit.forEach((ink, at) => pixels.data.set([255, 255, 255, ink], 4 * at));
        small.getContext("2d").putImageData(pixels, 0, 0);
        brush.clearRect(0, 0, pad.width, pad.height);
        brush.drawImage(small, 0, 0, pad.width, pad.height);
        return padFrame();
    }""",
}
ASK = """((text, way) => {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)), frames = [], labels = [];
    for (let at = 0; at < bytes.length; at += 784) {
        const frame = way(bytes.subarray(at, at + 784));
        const { probabilities } = answers(frame).nets[0];
        frames.push(...frame);
        labels.push(probabilities.indexOf(probabilities.reduce((a, b) => Math.max(a, b))));
    }
    return [frames, labels];
})"""


def digits_in_two_forms():
    """The course's digits, resampled to 20x20, and the same as MNIST's pixels; then the test digits as bytes."""
    with h5py.File(ROOT / "datasets" / "digits.h5") as file:
        arrays = {name: file[name][()] for name in ("train_images", "train_labels", "test_images", "test_labels")}
    pixels = Dataset(
        x_train=arrays["train_images"].reshape(-1, 784),
        y_train=arrays["train_labels"],
        x_test=arrays["test_images"].reshape(-1, 784),
        y_test=arrays["test_labels"],
        classes=tuple("0123456789"),
        source="MNIST",
        name="mnist",
        image_shape=(28, 28),
    )
    return [load_digits(), pixels], arrays["test_images"]


def framed(browser, images, way):
    """What the page makes of the images, (n, 28, 28), and the classes that it says of them."""
    frames, labels = [], []
    for at in range(0, len(images), AT_ONCE):
        text = base64.b64encode(images[at : at + AT_ONCE].tobytes()).decode()
        made, said = browser.run(f"{ASK}({text!r}, {way})")
        frames += made
        labels += said
    return np.uint8(frames).reshape(-1, 28, 28), np.array(labels)


def main():
    """Print the table."""
    epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    sets, images = digits_in_two_forms()
    print(f"{'net':<14} {'test digits':<28} {'low-level':>10} {'Keras':>10} {'page':>10}  same class in all three")
    with Chromium() as browser, tempfile.TemporaryDirectory() as folder:
        for data in sets:
            model = ModelSpec.mlp(data.x_train.shape[1], 25, 15, 10)
            trainers = [wing.Trainer(model, TrainSpec(epochs=epochs, seed=1234)) for wing in (lowlevel, highlevel)]
            for trainer in trainers:
                trainer.fit((data.x_train, data.y_train))
            low, high = (trainer.weights() for trainer in trainers)
            assert all(a.tobytes() == b.tobytes() for a, b in zip(low, high, strict=True)), "the wings differ"
            card, labels = DataCard.of(data), np.ravel(data.y_test)
            drawing = Drawing(model, card, {("low", "low-level"): low})
            page = Path(folder) / "page.html"
            page.write_text(
                document("pad", f"<h1>pad</h1>{drawing.html()}", script=drawing.script(), data=drawing.data()), "utf-8"
            )
            browser.open(page.as_uri())

            def line(name, rows, said, model=model, trainers=trainers, labels=labels):
                found = [trainer.predict(rows).argmax(axis=1) for trainer in trainers]
                found += [] if said is None else [said]
                shares = [f"{100 * (one == labels).mean():>9.2f}%" for one in found] + ["         -"] * (3 - len(found))
                same = int(np.all([one == found[0] for one in found], axis=0).sum())
                print(f"{model!s:<14} {name:<28} {' '.join(shares)}  {same:,}", flush=True)

            line("as they are", data.x_test, None)
            for name, way in WAYS.items():
                frames, said = framed(browser, images, way)
                line(name, np.concatenate([row_of(frame, card) for frame in frames]), said)


if __name__ == "__main__":
    main()
