"""ATDF, the ASCII form of STDF version 4: a record on a line, fields behind their name and a separator.

Read and left out: the same records as of STDF. The separator is what stands behind the "A" of the first record; a line
that begins with a blank goes on with the line before. Numbers are taken as written: where the first record says "S"
(scaled), the units have a prefix (mV), and so have the values.

Source: ATDF Specification, Version 2 (STDF version 4).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from portal.errors import BadRequest
from portal.services.imports.drafts import LARGEST_INT, Parsed, number_in, stored
from portal.services.imports.limits import Limit
from portal.services.imports.semiconductor import Collector, Lot, Part, Site, Test
from portal.services.run_input import Verdict

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


def read(content: bytes) -> Parsed:
    """The parts of the lot. Raises `BadRequest`."""
    text = stored(content.decode("latin-1"))
    if not text.upper().startswith("FAR:A") or len(text) < 6:
        raise BadRequest("The file is no ATDF: it does not begin with the record FAR:A.")
    collector, defaults = Collector(), dict[int, _Default]()
    for kind, fields in _records(text, text[5]):
        _take(collector, defaults, kind, fields)
    return collector.parsed()


@dataclass
class _Default:
    """What the first record of a test says for those that follow it."""

    name: str | None
    compare: str
    units: str | None
    low: float | None
    high: float | None


class _Fields:
    """The fields of a record. Those behind its last one are empty."""

    def __init__(self, fields: list[str]) -> None:
        self._fields = [field.strip() for field in fields]

    def text(self, place: int) -> str | None:
        return (self._fields[place] if place < len(self._fields) else "") or None

    def number(self, place: int) -> float | None:
        return number_in(self.text(place))

    def whole(self, place: int) -> int | None:
        found = self.number(place)
        return int(found) if found is not None and abs(found) <= 2 * LARGEST_INT else None

    def site(self, place: int) -> Site:
        return self.whole(place) or 0, self.whole(place + 1) or 0


def _records(text: str, separator: str) -> Iterator[tuple[str, _Fields]]:
    lines: list[str] = []
    for line in [*text.splitlines(), "END:"]:
        if line.startswith((" ", "\t")) and lines:
            lines.append(line.strip())
            continue
        if lines:
            kind, _, rest = "".join(lines).partition(":")
            yield kind.strip().upper(), _Fields(rest.split(separator))
        lines = [line] if line.strip() else []


def _take(collector: Collector, defaults: dict[int, _Default], kind: str, fields: _Fields) -> None:
    match kind:
        case "MIR":
            collector.lot = _lot(fields)
        case "WIR":
            collector.wafer = fields.text(3)
        case "WRR":
            collector.wafer = None
        case "BPS":
            collector.begin_section(fields.text(0))
        case "EPS":
            collector.end_section()
        case "PIR":
            collector.begin(fields.site(0))
        case "PRR":
            collector.end(fields.site(0), _part(fields))
        case "TSR":
            number, name = fields.whole(2), fields.text(3)
            if number is not None and name is not None:
                collector.names[number] = name
        case "PTR" | "MPR" | "FTR":
            number = fields.whole(0)
            if number is not None:
                collector.test(fields.site(1), _test(kind, number, defaults, fields))


def _lot(fields: _Fields) -> Lot:
    started_at = _time(fields.text(6)) or _time(fields.text(5))
    if started_at is None:
        raise BadRequest("The MIR record has no start time, such as 8:14:59 23-JUL-1992.")
    return Lot(
        started_at=started_at,
        lot=fields.text(0),
        part_type=fields.text(1),
        job=fields.text(2),
        node=fields.text(3),
        tester=fields.text(4),
        operator=fields.text(7),
        sublot=fields.text(10),
        test_code=fields.text(11),
        job_revision=fields.text(13),
        temperature=fields.text(19),
    )


def _time(given: str | None) -> datetime | None:
    """``8:14:59 23-JUL-1992``; it has no zone, and is taken as UTC."""
    clock, _, date = (given or "").partition(" ")
    try:
        hour, minute, second = (int(one) for one in clock.split(":"))
        day, month, year = date.strip().split("-")
        return datetime(int(year), _MONTHS.index(month.upper()) + 1, int(day), hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None


def _part(fields: _Fields) -> Part:
    verdict = (fields.text(4) or "").upper()
    return Part(
        part_id=fields.text(2),
        has_failed={"P": False, "F": True}.get(verdict),
        is_aborted=(fields.text(10) or "").upper() == "Y",
        hard_bin=fields.whole(5),
        soft_bin=fields.whole(6),
        x=fields.whole(7),
        y=fields.whole(8),
        test_ms=max(fields.whole(11) or 0, 0),
        note=fields.text(12),
    )


def _test(kind: str, number: int, defaults: dict[int, _Default], fields: _Fields) -> Test:
    if kind == "FTR":
        verdict = _verdict(fields.text(3))
        return Test(number, fields.text(20), verdict, {"PASS": True, "FAIL": False}.get(verdict))
    shift = 1 if kind == "MPR" else 0  # an MPR has states of pins before its results
    found = _Default(
        name=fields.text(6 + shift),
        compare=(fields.text(8 + shift) or "").upper(),
        units=fields.text(9 + shift),
        low=fields.number(10 + shift),
        high=fields.number(11 + shift),
    )
    known = defaults.setdefault(number, found)
    compare = found.compare or known.compare
    low = found.low if found.low is not None else known.low
    high = found.high if found.high is not None else known.high
    limits = (Limit(">=" if "L" in compare else ">", low), Limit("<=" if "H" in compare else "<", high))
    value = fields.number(3)
    return Test(
        number=number,
        name=found.name or known.name,
        verdict=_verdict(fields.text(4 + shift)),
        value=[number_in(one) for one in (fields.text(4) or "").split(",") if one] if kind == "MPR" else value,
        units=found.units or known.units,
        limits=tuple(limit for limit in limits if limit.expected is not None),
    )


def _verdict(given: str | None) -> Verdict:
    """``P`` and ``A`` (passed by an alternative) pass, ``F`` fails; else the test has no verdict."""
    return {"P": "PASS", "A": "PASS", "F": "FAIL"}.get((given or "").upper(), "UNSET")  # type: ignore[return-value]
