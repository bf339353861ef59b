"""Text from a procedure's process, made fit for a journal: valid Unicode, one line, no colours."""

from __future__ import annotations

import re
from typing import Any

_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f]")
_SURROGATES = re.compile("[\ud800-\udfff]")


def readable_line(line: bytes) -> str:
    """One line of output: bytes that are no UTF-8 become U+FFFD; colours and other control characters go."""
    return _ESCAPES.sub("", line.decode("utf-8", "replace")).rstrip()


def clean(value: Any) -> Any:
    """A message without half characters (lone surrogates), which JSON can carry and UTF-8 cannot."""
    if isinstance(value, str):
        return _SURROGATES.sub("\ufffd", value)
    if isinstance(value, list):
        return [clean(item) for item in value]
    if isinstance(value, dict):
        return {clean(key): clean(item) for key, item in value.items()}
    return value
