"""Tables in text files: CSV, with commas, semicolons, tabs or bars, in the encodings that spreadsheets write.

Excel's own format is not read: it would take a library for what "save as CSV" does.
"""

from __future__ import annotations

import codecs
import csv
import io
import itertools
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from portal.errors import BadRequest
from portal.services.imports.drafts import stored

MOST_ROWS, MOST_COLUMNS, MOST_CELLS = 200_000, 2_000, 5_000_000
_SEPARATORS = ",;\t|"
_END = "\x1e"  # put below the last line, where it is a row of its own, unless a quoted cell still goes on there
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True)
class Row:
    """One row. ``number`` counts as a spreadsheet does: the header is 1. Cells are trimmed, and as many as columns."""

    number: int
    cells: list[str]


@dataclass(frozen=True)
class Table:
    """A header and what is below it. ``has_decimal_comma``: numbers may be written ``1,5``."""

    columns: list[str]
    rows: list[Row]
    has_decimal_comma: bool

    def place(self, column: str) -> int:
        """Where the column is. Raises `BadRequest`, which names it and those that there are."""
        wanted = column.strip()
        place = self._places.get(wanted)
        if place is None:
            known = ", ".join(map(repr, self.columns[:50]))
            raise BadRequest(f"The file has no column {column[:100]!r}. Its columns are: {known}.", "mapping")
        if wanted in self._repeated:
            raise BadRequest(f"The file has several columns {wanted!r}: give each a name of its own.", "mapping")
        return place

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.columns)}

    @cached_property
    def _repeated(self) -> set[str]:
        return {name for name, count in Counter(self.columns).items() if count > 1}


def read_table(content: bytes) -> Table:
    """The file's table. Raises `BadRequest`."""
    text = _text(content)
    separator = _separator(text)
    if text[:4].lower() == "sep=":
        text = text.partition("\n")[2]
    reader = csv.reader(itertools.chain(io.StringIO(text, newline=""), [_END]), delimiter=separator)
    records: list[Row] = []
    count, number = 0, 0
    cells: list[str] = []
    try:
        for number, cells in enumerate(reader, 1):
            if any(cell.strip() for cell in cells):
                records.append(Row(number, [cell.strip() for cell in cells]))
            count += len(cells)
            if len(records) > MOST_ROWS or count > MOST_CELLS:
                raise BadRequest(f"The file has more than {MOST_ROWS} rows or {MOST_CELLS} cells: split it.")
    except csv.Error as error:
        raise BadRequest(f"The file is not a table, at line {reader.line_num}: {error}.") from error
    if cells != [_END]:
        raise BadRequest(f"The file ends inside a cell in quotes, which row {number} began. A quote may be missing.")
    if len(records) < 2:
        raise BadRequest("The file is not a table: it needs a row of column names, and rows below it.")
    header, *rows = records
    if len(header.cells) > MOST_COLUMNS:
        raise BadRequest(f"The file has {len(header.cells)} columns: at most {MOST_COLUMNS} are possible.")
    return Table(header.cells, [_fitted(row, len(header.cells)) for row in rows], separator != ",")


def _text(content: bytes) -> str:
    if content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise BadRequest("The file is an Excel workbook: save it as CSV, and import that.")
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            try:
                return _lines(content.decode(encoding))
            except UnicodeDecodeError as error:
                raise BadRequest(f"The file is not text in {encoding.upper()}, as its first bytes say.") from error
    try:
        return _lines(content.decode("utf-8"))
    except UnicodeDecodeError:
        return _lines(content.decode("latin-1"))  # never fails: each byte is a letter


def _lines(text: str) -> str:
    return stored(text).replace("\r\n", "\n").replace("\r", "\n")


def _separator(text: str) -> str:
    """What stands most often between the names of the columns; said by the first line where it is Excel's ``sep=``."""
    first = text.lstrip("\n").partition("\n")[0]
    if first[:4].lower() == "sep=" and len(first) >= 5:
        return first[4]
    bare = "".join(first.split('"')[::2])  # without what is in quotes
    return max(_SEPARATORS, key=bare.count)


def _fitted(row: Row, width: int) -> Row:
    if any(row.cells[width:]):
        raise BadRequest(f"Row {row.number} has {len(row.cells)} cells: the header has {width}.")
    return Row(row.number, row.cells[:width] + [""] * (width - len(row.cells)))
