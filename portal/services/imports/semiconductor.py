"""Lots of devices, as STDF and ATDF tell them: each part that was tested becomes a run.

The procedure is the job (its revision the version), the part number is the part type, the batch is the lot. A part that
is only counted (its id is a number of up to six digits, or none) is named after its lot and wafer, because such a
number comes again in every lot; any other id is the serial number. The formats have no time of a part: it begins when
the part before it on its site ended, by the test times. Sections of the program become phases; tests outside of them
are in the phase "Tests".
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from portal.errors import BadRequest
from portal.services.imports.drafts import LONGEST_NAME, LONGEST_UNITS, MOST_RUNS, Draft, Parsed, ProcedureName
from portal.services.imports.header import batch_number, facts
from portal.services.imports.limits import Limit, judged
from portal.services.imports.steps import after
from portal.services.run_input import MeasurementIn, PhaseIn, Verdict

Site = tuple[int, int]  # head, and site on it
TESTS = "Tests"
MOST_TESTS = 100_000  # of all parts together, for the same reason as `MOST_RUNS`
_COUNTED = re.compile(r"\d{0,6}")


@dataclass
class Lot:
    """What is said of all parts."""

    started_at: datetime | None = None
    lot: str | None = None
    sublot: str | None = None
    part_type: str | None = None
    job: str | None = None
    job_revision: str | None = None
    node: str | None = None
    tester: str | None = None
    operator: str | None = None
    revision: str | None = None
    test_code: str | None = None
    temperature: str | None = None


@dataclass(frozen=True)
class Test:
    """One test of one part. ``name``: None where only the summary at the end of the file says it."""

    number: int
    name: str | None
    verdict: Verdict
    value: Any
    units: str | None = None
    limits: tuple[Limit, ...] = ()


@dataclass(frozen=True)
class Part:
    """The result of a part. ``has_failed``: None where the file does not say; ``test_ms``: how long it took."""

    part_id: str | None
    has_failed: bool | None
    is_aborted: bool
    test_ms: int = 0
    hard_bin: int | None = None
    soft_bin: int | None = None
    x: int | None = None
    y: int | None = None
    note: str | None = None


@dataclass
class _Finished:
    part: Part
    site: Site
    wafer: str | None
    started_at: datetime
    ended_at: datetime
    tests: list[tuple[str, Test]] = field(default_factory=list)


class Collector:
    """Takes the records of a file in their order, and gives the runs at its end."""

    def __init__(self) -> None:
        self.lot = Lot()
        self.wafer: str | None = None
        self.names: dict[int, str] = {}  # of tests, by number, as the summary at the end of the file has them
        self._section, self._tests = TESTS, 0
        self._open: dict[Site, list[tuple[str, Test]]] = {}
        self._free_at: dict[Site, datetime] = {}
        self._finished: list[_Finished] = []

    def begin_section(self, name: str | None) -> None:
        """Tests from here on are of this section."""
        self._section = name or TESTS

    def end_section(self) -> None:
        """They are of none again."""
        self._section = TESTS

    def begin(self, site: Site) -> None:
        """A part is put on a site."""
        self._open[site] = []

    def test(self, site: Site, test: Test) -> None:
        """A test of the part on the site; one of no part is of nothing. Raises `BadRequest`."""
        if site in self._open:
            self._open[site].append((self._section, test))
            self._tests += 1
            if self._tests > MOST_TESTS:
                raise BadRequest(f"The file holds more than {MOST_TESTS} tests: that many are read from one file.")

    def end(self, site: Site, part: Part) -> None:
        """The part on the site is done. Raises `BadRequest`."""
        if self.lot.started_at is None:
            raise BadRequest("The file has results before it says what was tested: its MIR record is missing.")
        started_at = self._free_at.get(site, self.lot.started_at)
        self._free_at[site] = ended_at = after(started_at, part.test_ms / 1000)
        tests = self._open.pop(site, [])
        self._finished.append(_Finished(part, site, self.wafer, started_at, ended_at, tests))
        if len(self._finished) > MOST_RUNS:
            raise BadRequest(f"The file holds more than {MOST_RUNS} parts: that many are read from one file.")

    def parsed(self) -> Parsed:
        """The runs. Raises `BadRequest` when there are none."""
        if not self._finished:
            raise BadRequest("The file holds no part that was tested to its end.")
        left = len(self._open)
        warnings = [f"Parts without a result record were left out: {left}."] if left else []
        return Parsed([self._draft(one) for one in self._finished], warnings)

    def _draft(self, one: _Finished) -> Draft:
        lot, part = self.lot, one.part
        phases = self._phases(one)
        has_failed = part.has_failed
        if has_failed is None:
            has_failed = any(phase.outcome == "FAIL" for phase in phases)
        fields = {
            "outcome": "ABORTED" if part.is_aborted else "FAIL" if has_failed else "PASS",
            "serial_number": self._serial_number(one),
            "part_number": lot.part_type,
            "revision_number": lot.revision,
            "batch_number": batch_number(lot.lot),
            "procedure_version": lot.job_revision,
            "operated_by": (lot.operator or "")[:254] or None,
            "started_at": one.started_at,
            "ended_at": one.ended_at,
            "phases": phases,
            "metadata": facts(
                station=lot.node, tester=lot.tester, lot=lot.lot, sublot=lot.sublot, wafer=one.wafer,
                head=one.site[0], site=one.site[1], part_id=part.part_id, hard_bin=part.hard_bin,
                soft_bin=part.soft_bin, x=part.x, y=part.y, part_text=part.note, test_code=lot.test_code,
                temperature=lot.temperature,
            ),
        }  # fmt: skip
        return Draft(ProcedureName(name=lot.job), fields)

    def _serial_number(self, one: _Finished) -> str:
        part = one.part
        own = part.part_id or ""
        if not _COUNTED.fullmatch(own):
            return own
        if not own and part.x is not None and part.y is not None:
            own = f"X{part.x}Y{part.y}"
        return "-".join(piece for piece in (self.lot.lot, one.wafer, own) if piece)

    def _phases(self, one: _Finished) -> list[PhaseIn]:
        sections: dict[str, list[MeasurementIn]] = defaultdict(list)
        for section, test in one.tests:
            sections[section].append(self._measurement(test))
        return [
            PhaseIn(
                name=section[:LONGEST_NAME],
                outcome="FAIL" if any(measurement.outcome == "FAIL" for measurement in measurements) else "PASS",
                started_at=one.started_at,
                ended_at=one.ended_at,
                measurements=measurements,
            )
            for section, measurements in sections.items()
        ]

    def _measurement(self, test: Test) -> MeasurementIn:
        return MeasurementIn(
            name=(test.name or self.names.get(test.number) or f"Test {test.number}")[:LONGEST_NAME],
            outcome=test.verdict,
            measured_value=test.value,
            units=test.units[:LONGEST_UNITS] if test.units is not None else None,
            validators=judged(list(test.limits), test.value, test.verdict),
            docstring=f"Test number {test.number}",
        )
