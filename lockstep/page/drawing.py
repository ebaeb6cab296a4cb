"""What the pad needs to know of nets: their weights, and how a frame of 28x28 bytes becomes the row that they are fed."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lockstep.page.document import asset
from shared.data.card import DataCard
from shared.data.digits import resample, resampling_matrix
from shared.data.handwriting import FRAME
from shared.errors import InputError
from shared.spec import ModelSpec

SCRIPTS = ("centre.js", "net.js", "draw.js")


@dataclass(frozen=True)
class Drawing:
    """A pad for nets that are fed digits: the course's rows of 400, or MNIST's pictures of 28x28 pixels.

    ``nets``: weights in Keras's order by the net's (key, name); nets of the same bits are written once.

    Raises:
        InputError: nets that are fed something else, or have come to NaN.
    """

    model: ModelSpec
    card: DataCard
    nets: Mapping[tuple[str, str], Sequence[np.ndarray]]

    def __post_init__(self) -> None:
        if not drawable(self.model, self.card):
            shape = self.card.image_shape or "no pictures"
            raise InputError(
                "A digit can be drawn for a net that was trained on the digits, or on grey pictures of 28x28 pixels. "
                f"Received: a net of {self.model.inputs} inputs, trained on {self.card.name or 'unnamed data'!r} ({shape}). "
                "Train one with lockstep train digits, or use lockstep predict."
            )

        if not all(np.isfinite(weight).all() for weights in self.nets.values() for weight in weights):
            raise InputError(
                "A net that answers has finite weights. Received: NaN or infinity. Train it at a smaller learning rate."
            )

    def data(self, answer: str | None = None) -> dict[str, Any]:
        """What the script reads, plain values for JSON; ``answer`` is where it may ask for TensorFlow's answers."""
        kind = "<f8" if self.model.variable_dtype == "float64" else "<f4"
        texts = {
            net: base64.b64encode(b"".join(np.asarray(one).astype(kind).tobytes() for one in weights)).decode()
            for net, weights in self.nets.items()
        }
        single = list(dict.fromkeys(texts.values()))
        return {
            "classes": list(self.card.classes),
            "layers": [
                json.loads(layer.to_json())
                | {"class_name": layer.CLASS_NAME, "outputs": layer.outputs(inputs)}
                | {"sizes": [int(np.prod(shape)) for shape in layer.shapes(inputs).values()]}
                for layer, inputs in self.model.stack
            ],
            "dtype": self.model.variable_dtype,
            "nets": [{"key": key, "name": name, "weights": single.index(text)} for (key, name), text in texts.items()],
            "weights": single,
            "matrix": resampling_matrix().tolist() if self.card.handwriting else None,
            "columnsFirst": self.card.columns_first,
            "answer": answer,
        }

    @staticmethod
    def html() -> str:
        """The section of the page."""
        return asset("draw.html")

    @staticmethod
    def script() -> str:
        """The JavaScript of the section."""
        return "\n".join(['"use strict";', *map(asset, SCRIPTS)])


def drawable(model: ModelSpec, card: DataCard) -> bool:
    """Whether a net is fed what the pad can make."""
    pixels = card.pixels and card.image_shape in ((FRAME, FRAME), (FRAME, FRAME, 1)) and model.inputs == FRAME * FRAME
    return (card.handwriting and model.inputs == 400) or pixels


def row_of(frame: np.ndarray, card: DataCard) -> np.ndarray:
    """The row (1, inputs) for a frame, uint8 (28, 28) with bright ink on 0: float64 for the digits, else uint8 pixels."""
    if card.handwriting:
        return resample(frame[None])
    return (frame.T if card.columns_first else frame).reshape(1, -1)
