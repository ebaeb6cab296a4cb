"""What a file of weights says about the data that its net was trained on, so that the net can be used without that data."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.data.dataset import Dataset
from shared.errors import InputError

ATTRIBUTES = ("lockstep_classes", "lockstep_data", "lockstep_preprocessing")  # of the root of the file


@dataclass(frozen=True, kw_only=True)
class DataCard:
    """Names of the classes, and the form of a row.

    ``classes``, ``name``, ``image_shape`` and ``columns_first`` are those of the ``Dataset``; ``pixels`` says that its rows are
    whole numbers 0 to 255, which both wings divide by 255.
    """

    classes: tuple[str, ...]
    name: str = ""
    image_shape: tuple[int, ...] | None = None
    columns_first: bool = False
    pixels: bool = False

    @classmethod
    def of(cls, data: Dataset) -> "DataCard":
        """The card of a data set; InputError for anything else."""
        if not isinstance(data, Dataset):
            raise InputError(f"A net is described by its Dataset. Received: {type(data).__name__}. Use save(path, data=digits).")
        return cls(
            classes=data.classes,
            name=data.name,
            image_shape=data.image_shape,
            columns_first=data.columns_first,
            pixels=data.x_train.dtype.kind != "f",
        )

    @classmethod
    def numbered(cls, count: int) -> "DataCard":
        """The card where nothing is known of the data: ``count`` classes that are called by their numbers."""
        return cls(classes=tuple(str(label) for label in range(count)))

    @property
    def handwriting(self) -> bool:
        """Whether the rows are the course's digits, whose form no picture has as it is."""
        return self.name == "digits" and self.image_shape == (20, 20) and self.columns_first and not self.pixels

    @property
    def preprocessing(self) -> str:
        """How a picture becomes a row, in words."""
        if self.handwriting:
            return (
                "ink bright on 0, fitted into 20x20 of 28x28, centre of mass in the middle, /255, resampled to 20x20, by columns"
            )
        if self.pixels:
            return "whole numbers 0 to 255 are divided by 255" + (" and flattened" if self.image_shape else "")
        return "floats are taken as they are"

    def to_attributes(self) -> dict[str, str]:
        """The texts to attach to the file, by the names in ``ATTRIBUTES``."""
        form = {"name": self.name, "image_shape": self.image_shape, "columns_first": self.columns_first, "pixels": self.pixels}
        return dict(zip(ATTRIBUTES, (json.dumps(self.classes), json.dumps(form), self.preprocessing), strict=True))

    @classmethod
    def from_attributes(cls, texts: Mapping[str, Any]) -> "DataCard":
        """The card that ``to_attributes`` wrote.

        Raises:
            InputError: texts that no ``DataCard`` writes.
        """
        try:
            classes, form = (json.loads(texts[name]) for name in ATTRIBUTES[:2])
            card = cls(**{**form, "classes": tuple(classes), "image_shape": form["image_shape"] and tuple(form["image_shape"])})
        except (KeyError, ValueError, TypeError, RecursionError):
            card = None
        if card is None or not card._sound():
            raise InputError(
                f"A weights file names its classes and its data in {ATTRIBUTES[0]} and {ATTRIBUTES[1]}. "
                "Received: other values there. Save the net again with save(path, data)."
            )
        return card

    def _sound(self) -> bool:
        shape = self.image_shape or (1, 1)
        return (
            all(isinstance(name, str) for name in (*self.classes, self.name))
            and len(shape) in (2, 3)
            and all(type(length) is int and 0 < length <= 2**20 for length in shape)
            and all(isinstance(mark, bool) for mark in (self.columns_first, self.pixels))
        )
