"""CSV as spreadsheets read it, line by line. Source: RFC 4180."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

# A spreadsheet takes a cell that begins so for a formula, and names and notes are anybody's words.
_BEGINS_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_lines(rows: Iterable[Iterable[str | None]]) -> Iterator[bytes]:
    """Each row as one line of UTF-8; what a spreadsheet would calculate is marked as text by an apostrophe."""
    for row in rows:
        line = io.StringIO()
        csv.writer(line, lineterminator="\r\n").writerow([harmless(cell or "") for cell in row])
        yield line.getvalue().encode()


def harmless(cell: str) -> str:
    """The cell as text and nothing else."""
    return f"'{cell}" if cell.startswith(_BEGINS_FORMULA) else cell
