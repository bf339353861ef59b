"""What a cell of a table says: a time, an outcome, a number, any value. Refusals name its row and column."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from portal.errors import BadRequest
from portal.services.imports.drafts import EPOCH, number_in
from portal.services.imports.steps import instant, word
from portal.services.imports.table import Row, Table

# A whole number with a leading zero is a name (of a version, an article), not a number.
_NUMBER = re.compile(r"[-+]?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d{1,3})?")
_GERMAN = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})[ T,]+(\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?)")
_NO_NUMBERS = ("nan", "inf", "-inf", "+inf", "infinity", "-infinity")
# Seconds since 1970 from 1973 on, milliseconds from 1973 on: what is smaller is a count of something else.
FIRST_SECONDS, FIRST_MILLISECONDS = 1e8, 1e11


@dataclass(frozen=True)
class Cell:
    """A place in the table, and what stands there."""

    text: str
    row: int
    column: str
    has_decimal_comma: bool

    def refused(self, why: str) -> BadRequest:
        """The refusal of this cell."""
        return BadRequest(f"Row {self.row}, column {self.column!r}: {self.text[:100]!r} {why}", "mapping")

    def time(self) -> datetime:
        """ISO 8601, day.month.year, or seconds or milliseconds since 1970; without a zone it is UTC.

        Raises `BadRequest`, also for 05/04/2026, which is in May for some and in April for others.
        """
        found = instant(self.text) or _german(self.text) or self._since_1970()
        if found is None:
            raise self.refused("is no time that can be read: write it as 2026-11-22T13:05:09Z.")
        return found

    def outcome(self, words: Mapping[str, str], allowed: tuple[str, ...]) -> Any:
        """The word for an outcome: as the file's words are translated, else by the usual ones. Raises `BadRequest`."""
        by_key = {key.strip().casefold(): value for key, value in words.items()}
        found = by_key.get(self.text.casefold())
        if found is None and self.text.upper() in allowed:
            found = self.text.upper()
        if found is None and not words:
            found = word(self.text) or _USUAL.get(self.text.casefold())
        if found not in allowed:
            raise self.refused(f"is no outcome: translate it with valueMap, or write {', '.join(allowed)}.")
        return found

    def number(self, why: str = "is no number.") -> float | None:
        """A number; None for an empty cell. Raises `BadRequest`, which says ``why``."""
        found = number_in(self.text if self.has_decimal_comma else self.text.replace(",", "x"))
        if found is None and self.text:
            raise self.refused(why)
        return found

    def value(self) -> Any:
        """A number, a truth value, or the text; None for an empty cell and for what is no number."""
        plain = self.text.replace(",", ".") if self.has_decimal_comma and self.text.count(",") == 1 else self.text
        if not plain or plain.lower() in _NO_NUMBERS:
            return None
        if plain.lower() in ("true", "false"):
            return plain.lower() == "true"
        if not _NUMBER.fullmatch(plain):
            return self.text
        return int(plain) if plain.lstrip("+-").isdigit() and len(plain) < 16 else number_in(plain)

    def _since_1970(self) -> datetime | None:
        found = number_in(self.text)
        if found is None or not abs(found) > 0:
            return None
        try:
            return EPOCH + timedelta(seconds=found / 1000 if found >= FIRST_MILLISECONDS else found)
        except OverflowError:
            return None


_USUAL = {"ok": "PASS", "true": "PASS", "good": "PASS", "nok": "FAIL", "ng": "FAIL", "false": "FAIL", "bad": "FAIL"}


def cell(table: Table, row: Row, column: str) -> Cell:
    """The cell. Raises `BadRequest` for a column that is not there."""
    return Cell(row.cells[table.place(column)], row.number, column, table.has_decimal_comma)


def _german(given: str) -> datetime | None:
    found = _GERMAN.fullmatch(given)
    if found is None:
        return None
    day, month, year, clock = found.groups()
    padded = clock.replace(",", ".").rjust(len(clock) + (clock[1] == ":"), "0")
    return instant(f"{year}-{int(month):02d}-{int(day):02d}T{padded}")
