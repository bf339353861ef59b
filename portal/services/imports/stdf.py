"""STDF version 4, the Standard Test Data Format of semiconductor testers: binary, in either order of bytes.

Read: FAR, MIR, WIR, BPS, EPS, PIR, PRR, PTR (parametric), MPR (several results) and FTR (functional) tests, TSR for the
names of tests. Not read: all other records (bins, pins, retest lists, wafer results, texts), pin states, scaling hints:
results and limits are in the unit of measure without a prefix, as the format stores them. Not read at all: files of a
VAX (CPU type 0), compressed files, version 3.

Source: Standard Test Data Format (STDF) Specification, Version 4.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from portal.errors import BadRequest
from portal.services.imports.drafts import EPOCH, Parsed, number, stored
from portal.services.imports.limits import Limit
from portal.services.imports.semiconductor import Collector, Lot, Part, Test
from portal.services.run_input import Verdict

FAR, MIR, WIR, WRR = (0, 10), (1, 10), (2, 10), (2, 20)
PIR, PRR, TSR, PTR, MPR, FTR = (5, 10), (5, 20), (10, 30), (15, 10), (15, 15), (15, 20)
BPS, EPS = (20, 10), (20, 20)
NOTHING_16, NOTHING_COORDINATE = 65_535, -32_768  # how the format says "not known" in a field that cannot be left out


def read(content: bytes) -> Parsed:
    """The parts of the lot. Raises `BadRequest`."""
    order = _order_of_bytes(content)
    collector, defaults = Collector(), _Defaults({})
    place = 0
    while place < len(content):
        if place + 4 > len(content):
            raise BadRequest("The file ends in the middle of a record: it was cut off.")
        length, kind, subkind = struct.unpack_from(f"{order}HBB", content, place)
        place += 4
        if place + length > len(content):
            raise BadRequest("The file ends in the middle of a record: it was cut off.")
        _take(collector, defaults, (kind, subkind), _Fields(content[place : place + length], order))
        place += length
    return collector.parsed()


def _order_of_bytes(content: bytes) -> str:
    """``<`` or ``>``, told by the length of the first record, which is two in any file."""
    if content[:2] == b"\x1f\x8b":
        raise BadRequest("The file is compressed: unpack it first.")
    order = {b"\x02\x00": "<", b"\x00\x02": ">"}.get(content[:2])
    if order is None or content[2:4] != bytes(FAR) or len(content) < 6:
        raise BadRequest("The file is no STDF: it does not begin with an FAR record.")
    if content[4] == 0:
        raise BadRequest("The file was written by a VAX (CPU type 0), whose numbers are not read.")
    if content[5] != 4:
        raise BadRequest(f"The file is STDF version {content[5]}: version 4 is read.")
    return order


@dataclass
class _Default:
    """What the first record of a test says for those that follow it."""

    name: str | None
    units: str | None
    low: float | None
    high: float | None


@dataclass
class _Defaults:
    by_test: dict[int, _Default]


def _take(collector: Collector, defaults: _Defaults, kind: tuple[int, int], fields: _Fields) -> None:
    if kind == MIR:
        collector.lot = _lot(fields)
    elif kind == WIR:
        fields.skip("BBI")
        collector.wafer = fields.text()
    elif kind == WRR:
        collector.wafer = None
    elif kind == BPS:
        collector.begin_section(fields.text())
    elif kind == EPS:
        collector.end_section()
    elif kind == PIR:
        collector.begin((fields.whole("B") or 0, fields.whole("B") or 0))
    elif kind == PRR:
        site = (fields.whole("B") or 0, fields.whole("B") or 0)
        collector.end(site, _part(fields))
    elif kind == TSR:
        fields.skip("BBc")
        test_number = fields.whole("I")
        fields.skip("III")
        if test_number is not None and (name := fields.text()):
            collector.names[test_number] = name
    elif kind in (PTR, MPR, FTR):
        _take_test(collector, defaults, kind, fields)


def _lot(fields: _Fields) -> Lot:
    fields.skip("I")
    started = fields.whole("I") or 0
    fields.skip("BcccHc")
    names = ("lot", "part_type", "node", "tester", "job", "job_revision", "sublot", "operator")
    lot = Lot(started_at=EPOCH + timedelta(seconds=started), **{name: fields.text() for name in names})
    fields.text(), fields.text()  # what ran the job, and its version
    lot.test_code, lot.temperature = fields.text(), fields.text()
    return lot


def _part(fields: _Fields) -> Part:
    flags = fields.whole("B") or 0
    fields.skip("H")
    hard, soft = fields.whole("H"), fields.whole("H")
    x, y = fields.whole("h"), fields.whole("h")
    test_ms = fields.whole("I") or 0
    return Part(
        part_id=fields.text(),
        has_failed=None if flags & 0x10 else bool(flags & 0x08),
        is_aborted=bool(flags & 0x04),
        test_ms=test_ms,
        hard_bin=hard if hard != NOTHING_16 else None,
        soft_bin=soft if soft != NOTHING_16 else None,
        x=x if x != NOTHING_COORDINATE else None,
        y=y if y != NOTHING_COORDINATE else None,
        note=fields.text(),
    )


def _take_test(collector: Collector, defaults: _Defaults, kind: tuple[int, int], fields: _Fields) -> None:
    test_number = fields.whole("I")
    site = (fields.whole("B") or 0, fields.whole("B") or 0)
    flags = fields.whole("B")
    if test_number is None or flags is None:
        return
    if kind == FTR:
        test = _functional(test_number, flags, fields)
    else:
        test = _parametric(defaults, test_number, flags, fields, has_many=kind == MPR)
    collector.test(site, test)


def _parametric(defaults: _Defaults, test_number: int, flags: int, fields: _Fields, *, has_many: bool) -> Test:
    parameter_flags = fields.whole("B") or 0
    value: Any
    states = 0
    if has_many:
        states, count = fields.whole("H") or 0, fields.whole("H") or 0
        fields.skip_bytes((states + 1) // 2)
        value = [fields.number() for _ in range(min(count, len(fields)))]
    else:
        value = fields.number()
    name = fields.text()
    fields.text()  # which alarm
    options = fields.whole("B")
    fields.skip("bbb")
    low, high = fields.number(), fields.number()
    if has_many:
        fields.skip("ff")
        fields.skip_bytes(2 * states)
    units = fields.text()
    known = defaults.by_test.setdefault(test_number, _Default(name, units, low, high))
    options = 0x30 if options is None else options  # a record that ends before them takes the first one's
    low = None if options & 0x40 else known.low if options & 0x10 else low
    high = None if options & 0x80 else known.high if options & 0x20 else high
    limits = (
        Limit(">=" if parameter_flags & 0x40 else ">", low),
        Limit("<=" if parameter_flags & 0x80 else "<", high),
    )
    return Test(
        number=test_number,
        name=name or known.name,
        verdict=_verdict(flags),
        value=None if flags & 0x12 else value,
        units=units or known.units,
        limits=tuple(limit for limit in limits if limit.expected is not None),
    )


def _functional(test_number: int, flags: int, fields: _Fields) -> Test:
    fields.skip("BIIIIiih")
    pins, programmed = fields.whole("H") or 0, fields.whole("H") or 0
    fields.skip_bytes(2 * pins + (pins + 1) // 2 + 2 * programmed + (programmed + 1) // 2)
    bits = fields.whole("H") or 0
    fields.skip_bytes((bits + 7) // 8)
    fields.text(), fields.text(), fields.text()  # vector, time set, op code
    verdict = _verdict(flags)
    return Test(test_number, fields.text(), verdict, {"PASS": True, "FAIL": False}.get(verdict))


def _verdict(flags: int) -> Verdict:
    """Bits of the flag: 4 not executed, 6 without verdict, 7 failed."""
    if flags & 0x50:
        return "UNSET"
    return "FAIL" if flags & 0x80 else "PASS"


class _Fields:
    """The fields of a record, one after the other. A record may end before its last ones: those are None."""

    def __init__(self, content: bytes, order: str) -> None:
        self._content, self._order, self._place = content, order, 0

    def __len__(self) -> int:
        """How many bytes are left."""
        return max(0, len(self._content) - self._place)

    def whole(self, code: str) -> int | None:
        """A whole number; ``code`` as in `struct`."""
        found: int | None = self._one(code)
        return found

    def number(self) -> float | None:
        """A number; None for what is none, such as an infinity."""
        return number(self._one("f"))

    def text(self) -> str | None:
        """A text behind its length; None for an empty one."""
        length = self._one("B") or 0
        raw = self._content[self._place : self._place + length]
        self._place += length
        return stored(raw.decode("latin-1")).strip() or None

    def skip(self, codes: str) -> None:
        """Leave fields out."""
        self._place += struct.calcsize(self._order + codes)

    def skip_bytes(self, count: int) -> None:
        """Leave bytes out."""
        self._place += count

    def _one(self, code: str) -> Any:
        size = struct.calcsize(self._order + code)
        if len(self) < size:
            self._place = len(self._content)
            return None
        (found,) = struct.unpack_from(self._order + code, self._content, self._place)
        self._place += size
        return found
