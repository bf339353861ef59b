"""What a phase sets: measurements with their aggregations and axes, and metadata.

Source: contract/procedure-format.md §8, §9.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

from ..common.values import plain

MOST_METADATA = 50
LONGEST_TEXT = 1000  # of metadata
LONGEST_VALUE = 1_000_000  # characters of a measured text
_METADATA_KEY = re.compile(r"[A-Za-z0-9_.:+-]{1,40}")


class Entry:
    """One measurement: its value, its curve, its aggregations, as far as they were set."""

    def __init__(self, name: str, tell: Callable[[Entry], None]) -> None:
        self.name = name
        self.value: Any = None
        self.is_set = False
        self.x: Series | None = None
        self.y: dict[str, Series] = {}
        self.aggregations = Aggregations()
        self.unit: str | None = None
        self._tell = tell

    def set(self, value: Any) -> None:
        """A scalar, text, list or object."""
        self.value, self.is_set = typed(self.name, value), True
        self._tell(self)

    def given(self) -> dict[str, Any]:
        """As a message holds it."""
        found: dict[str, Any] = {"name": self.name, "aggregations": self.aggregations.packed()}
        if self.is_set:
            found["value"] = packed(self.value)
        if self.unit:
            found["unit"] = self.unit
        if self.x is not None:
            found["x"] = self.x.given()
        if self.y:
            found["y"] = {key: series.given() for key, series in self.y.items()}
        return found


class Aggregations:
    """``aggregations.rms = 0.3``: the test computes, nothing is computed here."""

    _values: dict[str, Any]

    def __init__(self) -> None:
        self.__dict__["_values"] = {}

    def __setattr__(self, name: str, value: Any) -> None:
        self._values[name] = typed(name, value)

    def __getattr__(self, name: str) -> Any:
        if name in self._values:
            return self._values[name]
        raise AttributeError(f"the aggregation “{name}” was not set")

    def packed(self) -> dict[str, Any]:
        """As a message holds them."""
        return {name: packed(value) for name, value in self._values.items()}


class Series:
    """The points of one axis."""

    def __init__(self, data: Any) -> None:
        self.data = [float(point) for point in data]
        self.aggregations = Aggregations()

    def __iter__(self) -> Iterator[float]:
        return iter(self.data)

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, place: Any) -> Any:
        return self.data[place]

    def given(self) -> dict[str, Any]:
        """As a message holds it."""
        return {"data": [packed(point) for point in self.data], "aggregations": self.aggregations.packed()}


class YAxes:
    """``curve.y_axis.voltage = […]``, or a list of lists."""

    _entry: Entry

    def __init__(self, entry: Entry) -> None:
        self.__dict__["_entry"] = entry

    def __setattr__(self, name: str, data: Any) -> None:
        self._entry.y[name] = Series(data)

    def __getattr__(self, name: str) -> Series:
        if name not in self._entry.y:
            raise AttributeError(f"{self._entry.name} has no y axis “{name}” yet")
        return self._entry.y[name]


class Readable:
    """What reading a measurement gives besides its value. Mixed into the value's own type."""

    _entry: Entry

    @property
    def aggregations(self) -> Aggregations:
        """Of the value, or of the curve."""
        return self._entry.aggregations

    @property
    def x_axis(self) -> Any:
        """The points of the curve."""
        return self._entry.x

    @x_axis.setter
    def x_axis(self, data: Any) -> None:
        self._entry.x = Series(data)

    @property
    def y_axis(self) -> YAxes:
        """The series of the curve, by key."""
        return YAxes(self._entry)

    @y_axis.setter
    def y_axis(self, data: Any) -> None:
        rows = list(data)
        is_one = not rows or not hasattr(rows[0], "__iter__")
        self._entry.y = {f"y{n}" if n else "y": Series(row) for n, row in enumerate([rows] if is_one else rows)}


class _Number(Readable, float):
    pass


class _Text(Readable, str):  # noqa: SLOT000 - it carries its entry
    pass


class _List(Readable, list):  # type: ignore[type-arg]
    pass


class _Object(Readable, dict):  # type: ignore[type-arg]
    pass


class _Unset(Readable):
    """A measurement that has no value: a curve, perhaps."""

    def __repr__(self) -> str:
        return f"<measurement {self._entry.name}: not set>"


_READABLE = {float: _Number, str: _Text, list: _List, dict: _Object}


class Measured:
    """``measurements``: attributes are measurements. ``tell`` is called with each one that is written."""

    def __init__(self, tell: Callable[[dict[str, Any]], None]) -> None:
        self.__dict__["_entries"] = {}
        self.__dict__["_tell"] = lambda entry: tell(entry.given())

    def __setattr__(self, name: str, value: Any) -> None:
        self._entry(name).set(value)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        entry = self._entry(name)
        if entry.is_set and type(entry.value) not in _READABLE:
            return entry.value
        found = _READABLE[type(entry.value)](entry.value) if entry.is_set else _Unset()
        found._entry = entry
        return found

    def __setitem__(self, name: str, value: Any) -> None:
        self._entry(name).set(value)

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name)

    def everything(self) -> dict[str, Any]:
        """All that was set, by name."""
        entries = self._entries.values()
        return {one.name: one.given() for one in entries if one.is_set or one.x or one.y or one.aggregations.packed()}

    def _entry(self, name: str) -> Entry:
        entry = self._entries.get(name)
        if entry is None:
            entry = self._entries[name] = Entry(name, self._tell)
        return entry  # type: ignore[no-any-return]


class Metadata(MutableMapping):  # type: ignore[type-arg]
    """Facts by key, checked whichever way they are written. Nothing is stored of what is refused."""

    def __init__(self, known: Mapping[str, Any]) -> None:
        self._values = dict(known)

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._values.update(self._checked({key: value}))

    def __delitem__(self, key: str) -> None:
        del self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return repr(self._values)

    def __ior__(self, others: Mapping[str, Any]) -> Metadata:
        self.update(others)
        return self

    def update(self, *others: Any, **more: Any) -> None:
        """All of it, or nothing."""
        self._values.update(self._checked(dict(*others, **more)))

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The value; without a default nothing is stored."""
        if key not in self._values and default is not None:
            self[key] = default
        return self._values.get(key)

    def replace(self, others: Mapping[str, Any]) -> None:
        """These instead of all others."""
        checked = self._checked(dict(others), instead=True)
        self._values = checked

    def _checked(self, values: dict[Any, Any], instead: bool = False) -> dict[str, Any]:
        for key, value in values.items():
            if not isinstance(key, str) or not _METADATA_KEY.fullmatch(key):
                raise ValueError(f"{key!r}: a key of metadata has 1 to 40 letters, digits and _ . : + -")
            if not isinstance(value, (str, int, float, bool)):
                raise TypeError(f"{key}: a value of metadata is a text, a number or a truth value, not {value!r:.60}")
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError(f"{key}: {value} is no value for metadata")
            if isinstance(value, str) and len(value) > LONGEST_TEXT:
                raise ValueError(f"{key}: a text of metadata has at most {LONGEST_TEXT} characters")
        if len({*(() if instead else self._values), *values}) > MOST_METADATA:
            raise ValueError(f"at most {MOST_METADATA} entries of metadata")
        return values


def typed(name: str, value: Any) -> Any:
    """The value as it is recorded. Raises TypeError for what is none."""
    if isinstance(value, Readable) and not isinstance(value, (float, str, list, dict)):
        raise TypeError(f"{name}: that measurement has no value")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        return float(value)
    if isinstance(value, str):
        if len(value) > LONGEST_VALUE:
            raise ValueError(f"{name}: a text of {len(value)} characters is no measurement: attach it as a file")
        return str(value)
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_element(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _element(item) for key, item in value.items()}
    if hasattr(value, "tolist"):  # numpy and its relatives
        return typed(name, value.tolist())
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name}: a value of type {type(value).__name__} cannot be recorded") from None


def packed(value: Any) -> Any:
    """The value for JSON, which knows no NaN and no infinity: ``{"$": "nan"}``."""
    if isinstance(value, float) and not math.isfinite(value):
        return {"$": str(value)}
    if isinstance(value, list):
        return [packed(item) for item in value]
    if isinstance(value, dict):
        return {key: packed(item) for key, item in value.items()}
    return value


def _element(value: Any) -> Any:
    """Inside of a list or an object integers stay integers, and what JSON does not know becomes its text."""
    if isinstance(value, float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, (list, tuple)):
        return [_element(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _element(item) for key, item in value.items()}
    return plain(value)
