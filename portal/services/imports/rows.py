"""From the rows of a table to runs, by a mapping.

Where a table has a row for each measurement (long), or rows name their phase, the rows with the same serial number and
start are one run. Else each row is a run of its own. So a table may hold many runs, of many units.

Of one run, the worst outcome counts, the last end, and all else must be the same in all of its rows. A phase that comes
again with another start is another attempt; in a wide table each row of a phase is one.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from portal.errors import BadRequest
from portal.services.imports.cells import Cell, cell
from portal.services.imports.drafts import MOST_RUNS
from portal.services.imports.limits import Limit, judged
from portal.services.imports.mapping import (
    Constant,
    FromColumn,
    Long,
    Mapping,
    MeasurementColumn,
    MetadataSource,
    OutcomeFromColumn,
    Source,
    Wide,
)
from portal.services.imports.table import Row, Table
from portal.services.run_input import MeasurementIn, PhaseIn, Verdict

PHASE = "Measurements"  # of measurements whose phase nobody named
_OUTCOMES = ("ERROR", "ABORTED", "TIMEOUT", "FAIL", "PASS")  # the worst first: contract/v2-api.md §3.2
_PHASE_OUTCOMES = ("PASS", "FAIL", "SKIP", "ERROR")
_VERDICTS = ("PASS", "FAIL", "UNSET")
_TEXTS = ("serial_number", "part_number", "revision_number", "batch_number", "operated_by", "docstring")


@dataclass
class _Phase:
    name: str
    attempt: int
    started: datetime | None = None
    ended: datetime | None = None
    outcome: str | None = None
    measurements: list[MeasurementIn] = field(default_factory=list)


@dataclass
class _Run:
    first: Row
    outcome: str
    started_at: datetime
    ended_at: datetime
    texts: dict[str, str | None]
    metadata: dict[str, Any]
    unit_metadata: dict[str, Any]
    phases: dict[tuple[str, object], _Phase] = field(default_factory=dict)
    attempts: Counter[str] = field(default_factory=Counter)


def read_runs(table: Table, mapping: Mapping) -> list[dict[str, Any]]:
    """The runs, as fields of `RunIn` without a procedure, in the order of their first rows. Raises `BadRequest`."""
    return _Reader(table, mapping).read()


class _Reader:
    def __init__(self, table: Table, mapping: Mapping) -> None:
        self._table, self._mapping = table, mapping
        self._has_rows_of_one_run = isinstance(mapping.measurements, Long) or mapping.phases is not None

    def read(self) -> list[dict[str, Any]]:
        runs: dict[object, _Run] = {}
        for row in self._table.rows:
            run = self._run(row)
            key = (run.texts["serial_number"], run.started_at) if self._has_rows_of_one_run else row.number
            run = self._joined(runs[key], run, row) if key in runs else runs.setdefault(key, run)
            self._add_phase(run, row)
            if len(runs) > MOST_RUNS:
                raise BadRequest(f"The file holds more than {MOST_RUNS} runs: split it.")
        return [self._fields(run) for run in runs.values()]

    def _run(self, row: Row) -> _Run:
        given = self._mapping.fields
        return _Run(
            first=row,
            outcome=self._outcome(row),
            started_at=self._cell(row, given.started_at, "started_at").time(),
            ended_at=self._cell(row, given.ended_at, "ended_at").time(),
            texts={name: self._text(row, name) for name in _TEXTS},
            metadata=self._metadata(row, self._mapping.metadata),
            unit_metadata=self._metadata(row, self._mapping.unitMetadata),
        )

    def _joined(self, run: _Run, again: _Run, row: Row) -> _Run:
        """The run with one more of its rows. Raises `BadRequest` where the row says something else of the same run."""
        run.outcome = min(run.outcome, again.outcome, key=_OUTCOMES.index)
        run.ended_at = max(run.ended_at, again.ended_at)
        for known, more in (
            (run.texts, again.texts),
            (run.metadata, again.metadata),
            (run.unit_metadata, again.unit_metadata),
        ):
            for name, value in more.items():
                if value is None or known.get(name) == value:
                    continue
                if known.get(name) is not None:
                    raise BadRequest(
                        f"Row {row.number} has {name} {value!r}, and row {run.first.number} of the same run "
                        f"{known[name]!r}.",
                        "mapping",
                    )
                known[name] = value
        return run

    def _fields(self, run: _Run) -> dict[str, Any]:
        phases = [
            PhaseIn(
                name=one.name,
                outcome=one.outcome or self._derived(one),  # type: ignore[arg-type]
                started_at=one.started or run.started_at,
                ended_at=one.ended or one.started or run.ended_at,
                measurements=one.measurements,
                retry_count=one.attempt,
            )
            for one in run.phases.values()
        ]
        return {
            **run.texts,
            "serial_number": run.texts["serial_number"] or "",
            "outcome": run.outcome,
            "started_at": run.started_at,
            "ended_at": run.ended_at,
            "phases": phases,
            "metadata": {key: value for key, value in run.metadata.items() if value is not None},
            "unit_metadata": {key: value for key, value in run.unit_metadata.items() if value is not None},
        }

    def _derived(self, phase: _Phase) -> str:
        return "FAIL" if any(one.outcome == "FAIL" for one in phase.measurements) else "PASS"

    # Phases

    def _add_phase(self, run: _Run, row: Row) -> None:
        measurements, phases = self._mapping.measurements, self._mapping.phases
        of_row = self._at(row, phases.nameColumn).text if phases is not None else ""
        if phases is not None and of_row:
            self._phase(run, row, of_row)
        if isinstance(measurements, Wide):
            for column in measurements.columns:
                found = self._wide(row, column)
                if found is not None:
                    self._phase(run, row, column.phase or of_row or PHASE).measurements.append(found)
        elif isinstance(measurements, Long):
            own = self._at(row, measurements.phaseColumn).text if measurements.phaseColumn is not None else ""
            found = self._long(row, measurements)
            if found is not None:
                self._phase(run, row, own or of_row or PHASE).measurements.append(found)

    def _phase(self, run: _Run, row: Row, name: str) -> _Phase:
        """The phase's attempt that the row is about, with what the row says of it."""
        given = self._mapping.phases
        started = self._at(row, given.startedColumn) if given is not None and given.startedColumn is not None else None
        is_one_each = isinstance(self._mapping.measurements, Long)
        attempt_key = (started.text if started is not None else None) if is_one_each else row.number
        if (name, attempt_key) not in run.phases:
            run.phases[name, attempt_key] = _Phase(name, run.attempts[name])
            run.attempts[name] += 1
        phase = run.phases[name, attempt_key]
        if given is None or self._at(row, given.nameColumn).text != name:
            return phase  # the row's times and outcome are those of another phase
        if started is not None and started.text:
            phase.started = started.time()
        if given.endedColumn is not None and (ended := self._at(row, given.endedColumn)).text:
            phase.ended = max(phase.ended or ended.time(), ended.time())
        if given.outcomeColumn is not None and (outcome := self._at(row, given.outcomeColumn)).text:
            phase.outcome = outcome.outcome(given.valueMap, _PHASE_OUTCOMES)
        return phase

    # Measurements

    def _wide(self, row: Row, column: MeasurementColumn) -> MeasurementIn | None:
        found = self._at(row, column.column)
        if not found.text:
            return None
        return _measurement(column.name or column.column, found, column.units, column.lowerLimit, column.upperLimit)

    def _long(self, row: Row, given: Long) -> MeasurementIn | None:
        name, value = self._at(row, given.nameColumn).text, self._at(row, given.valueColumn)
        if not name:
            return None
        units = self._at(row, given.unitsColumn).text or None if given.unitsColumn is not None else None
        low = self._at(row, given.lowerColumn).number() if given.lowerColumn is not None else None
        high = self._at(row, given.upperColumn).number() if given.upperColumn is not None else None
        verdict = self._at(row, given.outcomeColumn) if given.outcomeColumn is not None else None
        stated = verdict.outcome({}, _VERDICTS) if verdict is not None and verdict.text else None
        return _measurement(name, value, units, low, high, stated)

    # Fields

    def _outcome(self, row: Row) -> str:
        source = self._mapping.fields.outcome
        if not isinstance(source, OutcomeFromColumn):
            return source.value
        found: str = self._at(row, source.column).outcome(source.valueMap, _OUTCOMES)
        return found

    def _text(self, row: Row, name: str) -> str | None:
        source = getattr(self._mapping.fields, name)
        return self._cell(row, source, name).text.strip() or None if source is not None else None

    def _metadata(self, row: Row, sources: list[MetadataSource]) -> dict[str, Any]:
        return {one.key: self._at(row, one.column).value() if one.column is not None else one.value for one in sources}

    def _cell(self, row: Row, source: Source, name: str) -> Cell:
        if isinstance(source, FromColumn):
            return self._at(row, source.column)
        assert isinstance(source, Constant)  # noqa: S101  (there are the two)
        return Cell(source.value, row.number, name, has_decimal_comma=False)

    def _at(self, row: Row, column: str) -> Cell:
        return cell(self._table, row, column)


def _measurement(
    name: str, found: Cell, units: str | None, low: float | None, high: float | None, stated: Verdict | None = None
) -> MeasurementIn:
    """The measurement. Where its outcome is not stated, it follows from the limits: contract/v2-api.md §3.2."""
    value = found.value()
    pairs = ((">=", low), ("<=", high))
    limits = [Limit(operator, bound) for operator, bound in pairs if bound is not None]
    if limits and isinstance(value, str | bool):
        # What has limits is a number, also one with leading zeros; a text could not be judged by them.
        value = found.number("is no number, and has limits.")
    verdict = stated if stated is not None else _verdict(value, low, high)
    return MeasurementIn(
        name=name, outcome=verdict, measured_value=value, units=units, validators=judged(limits, value, verdict)
    )


def _verdict(value: Any, low: float | None, high: float | None) -> Verdict:
    if low is None and high is None:
        return "UNSET" if value is None else "PASS"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "UNSET"
    return "PASS" if (low is None or value >= low) and (high is None or value <= high) else "FAIL"
