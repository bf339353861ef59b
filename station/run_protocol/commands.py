"""The commands on stdin. Source: contract/run-json.md §4, §4.1."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from station.run_protocol.lines import cut

_LONGEST_ECHO_BYTES = 4_096
_TYPES = "ui_response, abort_run or get_state"


@dataclass(frozen=True)
class Respond:
    """Answer the prompt ``request_id``."""

    request_id: str
    values: dict[str, Any]


@dataclass(frozen=True)
class Abort:
    """End the run now."""


@dataclass(frozen=True)
class Snapshot:
    """Tell the state of the run."""


@dataclass(frozen=True)
class Unreadable:
    """A line that is no command: the line as far as it is echoed, and what was expected of it."""

    got: str
    expected: str


Command = Respond | Abort | Snapshot | Unreadable


def read_command(line: bytes) -> Command | None:
    """The command of one line; None for an empty one. Unknown fields are ignored, nothing raises."""
    text = line.decode("utf-8", "replace").strip()
    if not text:
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return _unreadable(text, "one JSON object per line")
    if not isinstance(found, dict):
        return _unreadable(text, "a JSON object")
    match found.get("type"):
        case "abort_run":
            return Abort()
        case "get_state":
            return Snapshot()
        case "ui_response":
            return _response(found, text)
        case _:
            return _unreadable(text, f"type: {_TYPES}")


def _response(found: dict[str, Any], text: str) -> Command:
    request_id, values = found.get("request_id"), found.get("values")
    if not isinstance(request_id, str):
        return _unreadable(text, "request_id: a text")
    if not isinstance(values, dict):
        return _unreadable(text, "values: an object of component key and value")
    return Respond(request_id, values)


def _unreadable(text: str, expected: str) -> Unreadable:
    return Unreadable(cut(text, _LONGEST_ECHO_BYTES), expected)
