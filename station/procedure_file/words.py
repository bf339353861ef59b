"""The small types of the format: names, keys, durations, references. Source: contract/procedure-format.md §2, §8."""

from __future__ import annotations

import keyword
import re
import unicodedata
from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from station.procedure_file.yaml_text import written

LONGEST_KEY = 100
_GROUP = re.compile(r"\s*([0-9]+)\s*(ms|s|m|h)")
_UNIT_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}
# What Unicode does not take apart into a letter and its mark.
_LETTERS = str.maketrans(
    {"ß": "ss", "æ": "ae", "Æ": "Ae", "ø": "o", "Ø": "O", "œ": "oe", "Œ": "Oe", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D",
     "þ": "th", "ð": "d", "ı": "i", "Ω": "Ohm", "µ": "u", "μ": "u"}
)  # fmt: skip


def _as_text(value: Any) -> Any:
    return written(value) or value


def _stripped(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value


def _or_absent(value: Any) -> Any:
    return None if value == "" else value


Text = Annotated[str, BeforeValidator(_stripped), BeforeValidator(_as_text)]
Name = Annotated[str, Field(min_length=1, max_length=100), BeforeValidator(_stripped), BeforeValidator(_as_text)]


def short(longest: int) -> Any:
    """An optional text of at most so many characters; an empty one is absent."""
    limited = Annotated[str, Field(max_length=longest)]
    return Annotated[limited | None, BeforeValidator(_or_absent), BeforeValidator(_stripped), BeforeValidator(_as_text)]


def derive_key(name: str) -> str:
    """The key of something that has only a name: ``5 V rail (main)`` is ``_5_v_rail_main``."""
    plain = unicodedata.normalize("NFKD", name.translate(_LETTERS)).encode("ascii", "ignore").decode().lower()
    key = re.sub(r"[^a-z0-9_]", "", re.sub(r"[\s-]+", "_", plain.strip()))
    return f"_{key}" if key[:1].isdigit() else key


def is_key(text: str) -> bool:
    """Whether Python takes it for a name: phases have plugs and earlier phases as parameters."""
    return text.isidentifier() and text.isascii() and not keyword.iskeyword(text) and len(text) <= LONGEST_KEY


def _check_key(value: str) -> str:
    if not is_key(value):
        raise ValueError(
            "A key is a Python name: letters, digits and “_”, not beginning with a digit, at most 100 characters, and "
            "none of Python's own words."
        )
    return value


Key = Annotated[Text, AfterValidator(_check_key)]


def _as_duration(value: Any) -> Any:
    """Milliseconds as a number, or groups such as ``1h30m``."""
    milliseconds = int(value) if isinstance(value, int) and not isinstance(value, bool) else _sum_of_groups(value)
    if milliseconds is None:
        raise ValueError(_DURATION)
    if milliseconds <= 0:
        raise ValueError("A duration is at least 1 ms.")
    if milliseconds > 24 * 3_600_000:
        raise ValueError("A duration is at most 24 h.")
    return timedelta(milliseconds=milliseconds)


def _sum_of_groups(value: Any) -> int | None:
    text = value.strip() if isinstance(value, str) else ""
    place = milliseconds = 0
    while place < len(text):
        group = _GROUP.match(text, place)
        if group is None:
            return None
        milliseconds += int(group[1]) * _UNIT_MS[group[2]]
        place = group.end()
    return milliseconds if text else None


_DURATION = "A duration is a whole number of milliseconds, or whole numbers with ms, s, m or h, such as 1h30m or 500ms."
Duration = Annotated[timedelta, BeforeValidator(_as_duration)]


def compiles(pattern: str) -> str:
    """The pattern. Raises `ValueError` with the reason when it is no regular expression."""
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"The pattern is not a regular expression: {error}.") from error
    return pattern


Pattern = Annotated[Text, Field(max_length=500), AfterValidator(compiles)]
