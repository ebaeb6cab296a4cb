"""What callbacks remember from epoch to epoch, such as how long EarlyStopping has waited and the best weights so far.

Neither Keras's callbacks nor most people's have a method for it, so it is read off their attributes: truth values, numbers, None
and lists of arrays in the shapes of the net's weights, unless ``__init__`` takes an argument of that name, which says how the
callback was made. Nothing else is touched, so a file cannot give a callback a path or an object.
"""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from shared.checkpoints.sealed import Sealed

MOST = 100  # callbacks, and attributes of each


@dataclass(frozen=True)
class Memory:
    """What a callback of the class ``owner`` remembers: plain ``values`` by attribute, and ``lists`` of arrays by attribute."""

    owner: str
    values: dict[str, bool | int | float | None] = field(default_factory=dict)
    lists: dict[str, list[np.ndarray]] = field(default_factory=dict)

    @classmethod
    def of(cls, callback: Any, weights: Sequence[np.ndarray]) -> "Memory":
        """What is to be remembered of a callback; ``weights``: the net's, for their shapes."""
        found = {name: value for name, value in _attributes(callback).items() if name not in _arguments(callback)}
        return cls(
            type(callback).__name__,
            {name: value if value is None else _plain(value) for name, value in found.items() if _is_plain(value)},
            {name: [np.array(one) for one in value] for name, value in found.items() if _is_weights(value, weights)},
        )

    def put_back(self, callback: Any) -> None:
        """Give the callback its memory again."""
        known = _attributes(callback).keys() - _arguments(callback)
        for name, value in (*self.values.items(), *self.lists.items()):
            if name in known and (_is_plain(getattr(callback, name)) or isinstance(getattr(callback, name), list)):
                setattr(callback, name, value)

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays of the lists, by their names in a file."""
        return {f"{name}/{number}": one for name, value in self.lists.items() for number, one in enumerate(value)}

    def to_dict(self) -> dict[str, Any]:
        """For the header of a file."""
        return {"owner": self.owner, "values": self.values, "lists": list(self.lists)}

    @classmethod
    def from_file(cls, sealed: Sealed, number: int, header: Any, weights: Sequence[np.ndarray]) -> "Memory":
        """The memory that ``to_dict`` and ``arrays`` describe.

        Raises:
            InputError: content that they do not make.
        """
        owner, values, lists = (header.get(name) if isinstance(header, dict) else None for name in ("owner", "values", "lists"))
        if not (
            number < MOST
            and isinstance(owner, str)
            and isinstance(values, dict)
            and isinstance(lists, list)
            and len(values) + len(lists) <= MOST
            and all(_is_plain(value) for value in values.values())
            and all(isinstance(name, str) and name.isidentifier() for name in lists)
            and len(set(lists)) == len(lists)
        ):
            raise sealed.error("a callback's memory with other values")
        return cls(
            owner,
            values,
            {
                name: [
                    sealed.array(f"memories/{number}/{name}/{at}", weight.shape, weight.dtype)
                    for at, weight in enumerate(weights)
                ]
                for name in lists
            },
        )


def memories_of(callbacks: Sequence[Any], weights: Sequence[np.ndarray]) -> list[Memory]:
    """The memories of those callbacks that have any."""
    found = [Memory.of(callback, weights) for callback in callbacks]
    return [memory for memory in found if memory.values or memory.lists]


def put_back(memories: Sequence[Memory], callbacks: Sequence[Any]) -> None:
    """Give callbacks their memories again: the first of a class the first memory of that class, and so on."""
    left = list(callbacks)
    for memory in memories:
        callback = next((one for one in left if type(one).__name__ == memory.owner), None)
        if callback is not None:
            left = [one for one in left if one is not callback]
            memory.put_back(callback)


def _attributes(callback: Any) -> dict[str, Any]:
    return getattr(callback, "__dict__", {})


def _arguments(callback: Any) -> set[str]:
    return set(inspect.signature(type(callback).__init__).parameters)


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | np.bool_ | np.integer | np.floating)


def _plain(value: Any) -> bool | int | float:
    return value.item() if isinstance(value, np.generic) else value


def _is_weights(value: Any, weights: Sequence[np.ndarray]) -> bool:
    return (
        isinstance(value, list)
        and len(value) == len(weights)
        and all(
            isinstance(a, np.ndarray) and (a.shape, a.dtype) == (b.shape, b.dtype) for a, b in zip(value, weights, strict=True)
        )
    )
