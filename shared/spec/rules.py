"""How a spec checks its fields, and how all specs become JSON and come back."""

import json
import math
import re
from dataclasses import fields
from numbers import Integral, Real
from typing import Any, ClassVar

from shared.errors import InputError

MOST = 2**31 - 1  # counts are 32-bit integers in TensorFlow


def require(holds: bool, rule: str, received: object, remedy: str) -> None:
    """Raise ``InputError`` with rule, received and remedy unless ``holds``."""
    if not holds:
        raise InputError(f"{rule} Received: {line(str(received))}. {remedy}")


def line(text: str) -> str:
    """``text`` in one line of bounded length that a terminal shows as it is, whatever somebody passed."""
    text = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in " ".join(text[:1000].split()))
    return text if len(text) <= 200 else f"{text[:199]}…"


def shown(field: str, value: object) -> str:
    """``field=value`` for a message."""
    try:
        return f"{field}={value!r}"
    except ValueError:  # Python writes no integers of more than 4300 digits
        return f"{field} of type {type(value).__name__}, too long to print"


def whole(value: object, least: int) -> bool:
    """Whether ``value`` is an integer, NumPy's included, from ``least`` to ``MOST``."""
    return isinstance(value, Integral) and not isinstance(value, bool) and least <= int(value) <= MOST


def number(value: object) -> bool:
    """Whether ``value`` is a finite number, and no truth value."""
    if not isinstance(value, Real) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer that no float holds
        return False


def one_of(spec: object, field: str, known: tuple[str, ...], what: str) -> None:
    """Check a field that holds one of some names."""
    value = getattr(spec, field)
    rule = f"{type(spec).__name__}.{field} names {what}."
    require(isinstance(value, str) and value in known, rule, shown(field, value), f"Use one of: {', '.join(known)}.")


def count(spec: object, field: str, remedy: str, least: int = 1, what: str = "") -> None:
    """Check a field that counts something, and keep it as a plain int."""
    value = getattr(spec, field)
    rule = f"{type(spec).__name__}.{field} {what or 'must be'} a whole number from {least} to {MOST}."
    require(whole(value, least), rule, shown(field, value), remedy)
    object.__setattr__(spec, field, int(value))  # a frozen spec sets itself once


def real(
    spec: object,
    field: str,
    low: float,
    high: float = math.inf,
    *,
    open_low: bool = True,
    closed_high: bool = False,
    default: float | None = None,
) -> None:
    """Check a field that holds a number between ``low`` and ``high``, and keep it as a plain float."""
    value = getattr(spec, field)
    right = number(value) and (low < value if open_low else low <= value) and (value <= high if closed_high else value < high)
    bounds = f"above {low:g}" if open_low else f"from {low:g}"
    if high < math.inf:
        bounds += f" {'to' if closed_high else 'to below'} {high:g}"
    own = next(one.default for one in fields(spec) if one.name == field) if default is None else default  # type: ignore[arg-type]
    remedy = f"Keras's default is {own}." if number(own) else f"Use a number {bounds}."
    require(right, f"{type(spec).__name__}.{field} must be a number {bounds}.", shown(field, value), remedy)
    object.__setattr__(spec, field, float(value))


def switch(spec: object, field: str) -> None:
    """Check a field that is True or False."""
    value = getattr(spec, field)
    require(isinstance(value, bool), f"{type(spec).__name__}.{field} is True or False.", shown(field, value), "Use one.")


def identifier(spec: object, field: str = "name") -> None:
    """Check a name that labels tensors and files."""
    value = getattr(spec, field)  # TensorFlow's scopes take no other letters, and a net's no underscore first
    plain = isinstance(value, str) and re.fullmatch("[A-Za-z][A-Za-z0-9_]*", value) is not None
    rule = f"{type(spec).__name__}.{field} labels tensors and files, so it must be a plain identifier."
    require(plain, rule, shown(field, value), "Use a letter, then letters, digits and underscores, as in 'L1'.")


class Json:
    """``to_json`` and ``from_json`` for all specs.

    ``CLASS_NAME`` is Keras's name of what the spec describes, where one field may hold specs of several kinds.
    """

    CLASS_NAME: ClassVar[str] = ""

    def to_dict(self) -> dict[str, Any]:
        """The fields in order, in plain values; first ``class_name`` where there is one."""
        kind = {"class_name": self.CLASS_NAME} if self.CLASS_NAME else {}
        return kind | {one.name: _plain(getattr(self, one.name)) for one in fields(self)}  # type: ignore[arg-type]

    def to_json(self) -> str:
        """The spec as one JSON object, keys in the order of the fields."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> Any:
        """The spec that ``to_json`` wrote.

        Raises:
            InputError: not JSON, not an object, an unknown or missing field, or a value against its rule.
        """
        try:
            values = json.loads(text)
        except (ValueError, TypeError, RecursionError) as error:
            received = line(str(error)).rstrip(".")
            raise InputError(f"{cls.__name__} is read from JSON. Received: {received}. Write it with to_json().") from None
        return cls.from_dict(values)

    @classmethod
    def from_dict(cls, values: dict) -> Any:
        """The spec of a dictionary of its fields; see ``from_json``."""
        known = [field.name for field in fields(cls)]  # type: ignore[arg-type]
        require(isinstance(values, dict), f"{cls.__name__} is a JSON object.", type(values).__name__, "Use to_json().")
        values = {name: value for name, value in values.items() if (name, value) != ("class_name", cls.CLASS_NAME)}
        unknown = [str(name) for name in values if name not in known]
        require(not unknown, f"{cls.__name__} has the fields {', '.join(known)}.", ", ".join(unknown), "Remove these.")
        try:
            return cls(**values)
        except TypeError as error:
            raise InputError(
                f"{cls.__name__} needs all its fields. Received: {line(str(error))}. Write it with to_json()."
            ) from None


def _plain(value: Any) -> Any:
    if isinstance(value, Json):
        return value.to_dict()
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def read_kind(value: Any, kinds: tuple[type[Json], ...], default: type[Json] | None = None) -> Any:
    """A spec of one of several ``kinds``: as it is, or from the dictionary that ``to_dict`` made; else ``value`` itself."""
    if not isinstance(value, dict):
        return value
    name = value.get("class_name", default.CLASS_NAME if default else None)
    known = {kind.CLASS_NAME: kind for kind in kinds}
    found = known.get(name) if isinstance(name, str) else None
    rule = "class_name says what a part of a spec is."
    require(found is not None, rule, shown("class_name", name), f"Use one of: {', '.join(known)}.")
    assert found is not None
    return found.from_dict(value)
