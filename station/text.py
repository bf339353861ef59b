"""Text from a procedure's process, made fit for a journal: valid Unicode, one line, no colours."""

from __future__ import annotations

import re
from typing import Any

_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f]")
_UNSTORABLE = re.compile("[\ud800-\udfff\x00]")
_LONGEST_NAME = 200  # of a file; the portal takes 255


def readable_line(line: bytes) -> str:
    """One line of output: bytes that are no UTF-8 become U+FFFD; colours and other control characters go."""
    return _ESCAPES.sub("", line.decode("utf-8", "replace")).rstrip()


def clean(value: Any) -> Any:
    """A message without half characters (lone surrogates) and NUL, which JSON can carry and databases cannot."""
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, list):
        return [clean(item) for item in value]
    if isinstance(value, dict):
        return {clean(key): clean(item) for key, item in value.items()}
    return value


def file_name(name: str) -> str:
    """A file's name that any portal takes: no control characters, and not too long, its ending kept."""
    plain = _ESCAPES.sub("", name).strip() or "attachment"
    if len(plain) <= _LONGEST_NAME:
        return plain
    stem, dot, ending = plain.rpartition(".")
    ending = f"{dot}{ending}" if stem and len(ending) <= 10 else ""
    return plain[: _LONGEST_NAME - len(ending)] + ending
