"""Tables as CSV files, sent while they are read: an export of any length takes no memory.

Spreadsheets run a cell that begins like a formula, whoever wrote it. Such a text gets an apostrophe in front, which
they take for "this is text" (OWASP, CSV injection).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from flask import Response

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_BOM = "\ufeff"  # without it, Excel reads UTF-8 as the code page of the country


def send_csv(name: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """The file as a download. ``rows`` is read while it is sent, without the request. None: an empty cell."""
    response = Response(_lines(head, rows), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "private, no-store"
    return response


def cell(value: object) -> object:
    """The value as it stands in the file: no text of it is a formula."""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return "" if value is None else value


def _lines(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    yield _BOM + _line(head)
    for row in rows:
        yield _line([cell(value) for value in row])


def _line(cells: Sequence[object]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()
