"""The lines on stdout: numbered, within their limits, and readable in any locale.

Source: contract/run-json.md §3, §3.3, §7.
"""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable
from typing import Any

LONGEST_VALUE_BYTES = 1_000_000
LONGEST_DETAIL_BYTES = 10_240
_LONGEST_TEXT_BYTES = {"name": 1_024, "unit": 1_024, "mimetype": 1_024, "path": 4_096}


class Lines:
    """Numbers events and hands each to ``write`` as one line with its end. For any thread; order is that of `send`."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        self._lock = threading.Lock()
        self._next_seq = 0

    def send(self, kind: str, /, **fields: Any) -> None:
        """Write one event. One that cannot be written as JSON becomes `internal_error`; the numbering goes on."""
        with self._lock:
            try:
                line = _encoded({"type": kind, **finite(fields), "seq": self._next_seq})
            except (TypeError, ValueError, RecursionError) as error:
                fault = {"type": "internal_error", "seq": self._next_seq, "stage": kind, "detail": str(error)[:1_000]}
                line = _encoded(fault)
            self._next_seq += 1
            self._write(line.encode("ascii") + b"\n")

    def send_measurement(self, **fields: Any) -> None:
        """Write `measurement_recorded`. A value over the limit is replaced by its size, after a warning."""
        value = finite(fields["value"])
        size = len(_encoded(value))
        if size > LONGEST_VALUE_BYTES:
            value = {"truncated": True, "original_size_bytes": size}
            self.warn("measurement_truncated", f"The value of {fields['name']} has {size} bytes: it is left out here.")
        self.send("measurement_recorded", **{**_shortened(fields), "value": value})

    def send_attachment(self, **fields: Any) -> None:
        """Write `attachment_added`, after a warning where a text of it had to be cut."""
        short = _shortened(fields)
        if short != fields:
            self.warn(
                "attachment_truncated", f"What is said of the attachment {short['name']} was too long: it is cut."
            )
        self.send("attachment_added", **short)

    def warn(self, kind: str, message: str, detail: Any = None, longest_bytes: int = LONGEST_DETAIL_BYTES) -> None:
        """Write `internal_warning`: something was cut or not understood, and the run goes on."""
        fields: dict[str, Any] = {"kind": kind, "message": message}
        if detail is not None:
            size = len(_encoded(finite(detail)))
            fields["detail"] = {"truncated": True, "original_size_bytes": size} if size > longest_bytes else detail
        self.send("internal_warning", **fields)


def finite(value: Any) -> Any:
    """The value with texts where it holds numbers that JSON does not know."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [finite(one) for one in value]
    return value


def cut(text: str, longest_bytes: int) -> str:
    """The beginning of the text that has at most so many bytes, cut between two characters."""
    return text.encode("utf-8", "replace")[:longest_bytes].decode("utf-8", "ignore")


def cut_to_tail(text: str, longest_bytes: int) -> str:
    """The end of the text that has at most so many bytes, cut between two characters."""
    return text.encode("utf-8", "replace")[-longest_bytes:].decode("utf-8", "ignore")


def _shortened(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        key: cut(value, _LONGEST_TEXT_BYTES[key]) if key in _LONGEST_TEXT_BYTES and isinstance(value, str) else value
        for key, value in fields.items()
    }


def _encoded(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
